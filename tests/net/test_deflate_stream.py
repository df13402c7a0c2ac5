# SPDX-License-Identifier: MIT
"""Compressed connections (RFC 4978): both ways, what is no deflate, what grows without measure, what it costs at rest."""

import os
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.net import farewells
from imapd.net.connection import Connection
from imapd.net.deflate_stream import MOST_AT_ONCE, BadDeflate, DeflateStream
from imapd.settings import Limits

COMMAND = b"a1 UID FETCH 1:* (FLAGS)\r\n"


def deflated(octets: bytes, flush: int = zlib.Z_SYNC_FLUSH) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(octets) + packer.flush(flush)


def all_of(stream: DeflateStream, octets: bytes) -> bytes:
    out = stream.inflate(octets)
    while stream.has_more:
        out += stream.inflate()
    return out


@given(st.lists(st.tuples(st.binary(max_size=5000), st.booleans()), max_size=20))
def test_what_goes_in_comes_out(pieces: list[tuple[bytes, bool]]) -> None:
    ours, theirs = DeflateStream(1 << 20), zlib.decompressobj(-15)
    back = zlib.compressobj(wbits=-15)
    for piece, rests in pieces:
        assert theirs.decompress(ours.deflate(piece)) == piece
        assert all_of(ours, back.compress(piece) + back.flush(zlib.Z_SYNC_FLUSH)) == piece
        if rests:
            ours.rest()


@given(st.binary(max_size=2000), st.data())
def test_cut_anywhere(octets: bytes, data: st.DataObject) -> None:
    stream, packed, out = DeflateStream(1 << 20), deflated(octets), b""
    while packed:
        count = data.draw(st.integers(1, len(packed)))
        out += all_of(stream, packed[:count])
        packed = packed[count:]
    assert out == octets


@given(st.binary(min_size=1, max_size=300))
def test_anything_ends_or_goes_on(octets: bytes) -> None:
    stream = DeflateStream(1 << 20)
    try:
        all_of(stream, octets)
        all_of(stream, octets)
    except BadDeflate:
        pass


def test_no_piece_is_larger_than_the_bound() -> None:
    stream, packed = DeflateStream(1 << 30), deflated(bytes(10 << 20))
    out = len(stream.inflate(packed))
    while stream.has_more:
        piece = stream.inflate()
        assert len(piece) <= MOST_AT_ONCE
        out += len(piece)
    assert out == 10 << 20


def test_a_bomb_ends_and_mail_does_not() -> None:
    stream, bomb = DeflateStream(1 << 20), deflated(bytes(64 << 20))
    with pytest.raises(BadDeflate):
        all_of(stream, bomb)
    stream = DeflateStream(1 << 20)
    for _ in range(20):
        all_of(stream, deflated(bytes(500_000)) + deflated(os.urandom(10_000)))


class Compressed:
    """A compressed connection and its client's socket."""

    def __init__(self, **limits: int):
        served, self.client = socket.socketpair()
        self.client.settimeout(5)
        self.connection = Connection(served, ("127.0.0.1", 1), "imap", replace(Limits(), **limits))  # type: ignore[arg-type]
        self.connection.start_compression()
        self.unpack = zlib.decompressobj(-15)

    def said(self) -> bytes:
        """All that the client gets until the end."""
        self.connection.close()
        out = b""
        while octets := self.client.recv(65536):
            out += self.unpack.decompress(octets)
        return out


@pytest.fixture
def compressed() -> Iterator[Compressed]:
    made = Compressed()
    yield made
    made.connection.abort()
    made.client.close()


def test_octets_go_both_ways(compressed: Compressed) -> None:
    compressed.client.sendall(deflated(COMMAND))
    assert compressed.connection.receive() == COMMAND
    for line in (b"* 1 EXISTS\r\n", b"a1 OK\r\n"):
        compressed.connection.send(line)
        compressed.connection.flush()
        assert compressed.unpack.decompress(compressed.client.recv(1000)) == line


@pytest.mark.parametrize(
    "octets",
    [
        b"\x07garbage that is no block\xff" * 3,
        zlib.compress(COMMAND),
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + deflated(COMMAND),
        b"A2 NOOP\r\n" * 20,
        deflated(COMMAND, zlib.Z_FINISH) + deflated(COMMAND),
    ],
    ids=["random", "zlib header", "gzip header", "plain text", "more after the end"],
)
def test_c02_c04_what_is_no_deflate_ends_the_connection(compressed: Compressed, octets: bytes) -> None:
    compressed.client.sendall(octets)
    assert compressed.connection.receive() == b""
    assert compressed.said() == farewells.BAD_COMPRESSION


def test_c02_a_block_cut_off_and_a_stream_that_ends(compressed: Compressed) -> None:
    compressed.client.sendall(deflated(COMMAND * 100, zlib.Z_FINISH))
    received = compressed.connection.receive()
    assert received == COMMAND * 100
    compressed.client.sendall(b"x")
    assert compressed.connection.receive() == b""
    other = Compressed()
    other.client.sendall(deflated(os.urandom(500))[:200])
    other.client.shutdown(socket.SHUT_WR)
    while other.connection.receive():
        pass
    assert other.said() == b""


def test_c06_ten_thousand_flushes(compressed: Compressed) -> None:
    packer = zlib.compressobj(wbits=-15)
    octets = b"".join(packer.compress(b"x") + packer.flush(zlib.Z_SYNC_FLUSH) for _ in range(10_000))
    threading.Thread(target=compressed.client.sendall, args=(octets,)).start()
    began, got = time.process_time(), 0
    while got < 10_000:
        got += len(compressed.connection.receive())
    assert time.process_time() - began < 1


def test_blocks_of_nothing_do_not_hold_up_others() -> None:
    made = Compressed()
    turns: list[float] = []

    def tick() -> None:
        while True:
            turns.append(time.monotonic())
            gevent.sleep(0.001)

    nothing = b"\x00\x00\x00\xff\xff" * 4_000_000
    threading.Thread(target=made.client.sendall, args=(nothing + deflated(COMMAND),)).start()
    ticker = gevent.spawn(tick)
    assert made.connection.receive() == COMMAND
    ticker.kill()
    assert len(turns) > 1
    assert max(later - sooner for sooner, later in pairwise(turns)) < 0.2


def test_a_bomb_ends_the_connection() -> None:
    made = Compressed(message_octets=1 << 20)
    bomb = deflated(b"a NOOP\r\n" * (2 << 20))
    threading.Thread(target=made.client.sendall, args=(bomb,)).start()
    received = 0
    while octets := made.connection.receive():
        assert len(octets) <= MOST_AT_ONCE
        received += len(octets)
    assert received < 8 << 20
    assert made.said() == farewells.BAD_COMPRESSION


def test_the_farewell_is_compressed() -> None:
    made = Compressed(idle_seconds=0)
    assert made.connection.receive() == b""
    assert made.said() == farewells.IDLE_TOO_LONG


def test_memory_goes_while_nothing_is_said(compressed: Compressed) -> None:
    compressed.connection.send(b"* OK\r\n")
    compressed.connection.flush()
    stream = compressed.connection._deflate
    assert stream is not None and stream._deflater is not None
    compressed.connection.sweep(time.monotonic() + 31)
    assert stream._deflater is None
    compressed.connection.send(b"* 1 EXISTS\r\n")
    assert compressed.said() == b"* OK\r\n* 1 EXISTS\r\n"
