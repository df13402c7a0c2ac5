# SPDX-License-Identifier: MIT
"""What comes where compressed commands should: the connection ends, one line says why, and nobody else notices."""

import gzip
import random
import time
import zlib

import pytest

from tests.fuzz.conftest import Watch
from tests.running.client import Client, Closed
from tests.running.server import Node

COMMAND = b"c CREATE never\r\n"


def deflated(octets: bytes, flush: int = zlib.Z_SYNC_FLUSH, wbits: int = -15) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return packer.compress(octets) + packer.flush(flush)


NOISE = random.Random(1).randbytes(5_000)
BAD = {
    "a command in clear": COMMAND,
    "noise": b"\xff" + NOISE,
    "zlib's header": b"\x78\x9c" + deflated(COMMAND),
    "gzip": gzip.compress(COMMAND),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "a block of a type that is none": b"\x07" + COMMAND,
    "a stored block of the wrong length": b"\x00\x05\x00\x00\x00hello",
    "the end of the stream, and more": deflated(b"n NOOP\r\n", zlib.Z_FINISH) + deflated(COMMAND),
    "the end of the stream, and clear text": deflated(b"n NOOP\r\n", zlib.Z_FINISH) + COMMAND,
    "a reference before the beginning": b"\x63\x00\x42\xff\xff\xff" + NOISE[:50],
    "half of it damaged": deflated(b"n NOOP\r\n" * 50)[:20] + NOISE[:200],
    "a bomb": deflated(b"\x00" * 300_000_000),
    "a bomb of commands that are none": deflated(b"\r\n" * 3_000_000),
    "a line without end": deflated(b"c SEARCH " + b"x" * 1_000_000),
}


def compressed(node: Node, user: str) -> Client:
    client = node.client(user)
    client.ok("COMPRESS DEFLATE")
    return client


@pytest.fixture(scope="module")
def user(watch: Watch) -> str:
    return watch.new_user()


CUT = [(name, size) for name, octets in BAD.items() for size in (1 << 20, 997, 1) if size > 1 or len(octets) <= 2_000]
"""In pieces of so many octets: single ones only where they are few."""


@pytest.mark.parametrize(("name", "size"), CUT)
def test_it_ends(name: str, size: int, node: Node, watch: Watch, user: str) -> None:
    octets = BAD[name]
    client = compressed(node, user)
    client.start_compression()
    client._packer = None  # what is sent is sent as it is
    try:
        for start in range(0, len(octets), size):
            client.send(octets[start : start + size])
        if name == "half of it damaged":
            client.send(NOISE)
        while True:
            client.response(5)
    except (Closed, zlib.error):
        pass
    client.close()
    with node.client(user) as other:
        assert other.command("STATUS never (MESSAGES)").code == b"NONEXISTENT"
    watch.look()


def test_10000_flushes_are_no_burden(node: Node, watch: Watch, user: str) -> None:
    packer = zlib.compressobj(wbits=-15)
    commands = b"a NOOP\r\n" * 1_000
    flushed = b"".join(
        packer.compress(commands[at : at + 1]) + packer.flush(zlib.Z_SYNC_FLUSH) for at in range(len(commands))
    )
    client = compressed(node, user)
    client.start_compression()
    client._packer = None
    began = time.monotonic()
    client.send(flushed + packer.flush(zlib.Z_SYNC_FLUSH) * 2_000)
    for _ in range(1_000):
        assert client.response(5).startswith(b"a OK")
    assert time.monotonic() - began < 5
    client.close()
    watch.look()


@pytest.mark.parametrize("cut", [1, 2, 3, 10, 25, 50])
def test_cut_short(cut: int, node: Node, watch: Watch, user: str) -> None:
    octets = deflated(b"a SELECT INBOX\r\nb SEARCH TEXT x\r\nc NOOP\r\n")
    for end in (Client.close, Client.reset):
        client = compressed(node, user)
        client.send(octets[:cut])
        end(client)
    watch.look()
