# SPDX-License-Identifier: MIT
"""Each input of hostile.py, whole, in single octets, and cut at many places with a reset."""

import re
import time
from collections.abc import Iterator

import pytest

from tests.fuzz.conftest import Watch
from tests.fuzz.hostile import ALL, Hostile
from tests.running.client import Client, Closed
from tests.running.server import Node

MESSAGE = b"From: a@example.com\r\nSubject: hello\r\n\r\nbody\r\n"
CUTS = 12


@pytest.fixture(scope="module")
def user(node: Node, watch: Watch) -> str:
    """Somebody with ten messages."""
    user = watch.new_user()
    with node.client(user) as client:
        for _ in range(10):
            client.append("INBOX", MESSAGE)
    return user


def session(node: Node, hostile: Hostile, user: str) -> Client:
    client = node.client(None if hostile.before_login else user)
    if not hostile.before_login:
        # Inputs that append would shift the numbers of those that come after; a mailbox of one's own is cheap.
        name = f"box{time.monotonic_ns()}"
        client.ok(f"CREATE {name}")
        client.ok("SELECT INBOX")
        client.ok(f"COPY 1:10 {name}")
        client.ok(f"SELECT {name}")
    return client


def sections(octets: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(octets), size):
        yield octets[start : start + size]


def answered(client: Client, hostile: Hostile) -> bytes:
    """All that the server says until what it says is what was expected, it closes, or time is over."""
    said, deadline, ended = bytearray(), time.monotonic() + hostile.within_seconds, ""
    while not re.search(hostile.answer, said, re.M):
        assert not ended, f"it closed the connection: {ended}; before that it said {bytes(said[:500])!r}"
        left = deadline - time.monotonic()
        if left <= 0 or not client.pending(left):
            raise AssertionError(
                f"no {hostile.answer!r} within {hostile.within_seconds:g} s; it said {bytes(said[:500])!r}"
            )
        try:
            said += client.response() + b"\r\n"
            while client.pending(0):  # to look through all of it after each line would take longer than to say it
                said += client.response() + b"\r\n"
        except Closed as closed:
            ended = str(closed) or "at once"
    return bytes(said)


def play(client: Client, hostile: Hostile, pieces: Iterator[bytes]) -> None:
    try:
        for piece in pieces:
            client.send(piece)
    except Closed:
        assert not hostile.lives, "it closed the connection"
        return  # its last words are lost with the reset that sending on brought about
    said = answered(client, hostile)
    if hostile.never:
        assert not re.search(hostile.never, said, re.M), f"it said {said[:500]!r}"
    if hostile.lives:
        alive(client)


def alive(client: Client) -> None:
    """The session answers a NOOP, after whatever else it still has to say."""
    client.send(b"alive NOOP\r\n")
    while client.pending(5):
        line = client.response()
        if line.startswith(b"alive "):
            assert line.startswith(b"alive OK"), line
            return
    raise AssertionError("the session does not answer any more")


@pytest.mark.parametrize("hostile", ALL, ids=lambda hostile: hostile.name)
def test_whole(hostile: Hostile, node: Node, watch: Watch, user: str) -> None:
    with session(node, hostile, user) as client:
        play(client, hostile, iter([hostile.octets]))
    watch.look()


@pytest.mark.parametrize("hostile", ALL, ids=lambda hostile: hostile.name)
def test_in_pieces(hostile: Hostile, node: Node, watch: Watch, user: str) -> None:
    size = 1 if len(hostile.octets) < 1500 else 997
    with session(node, hostile, user) as client:
        play(client, hostile, sections(hostile.octets, size))
    watch.look()


@pytest.mark.parametrize("hostile", ALL, ids=lambda hostile: hostile.name)
def test_cut_short(hostile: Hostile, node: Node, watch: Watch, user: str) -> None:
    """A client that goes away in the middle, by reset, leaves nothing behind."""
    length = len(hostile.octets)
    offsets = range(length) if length <= CUTS else sorted({length * cut // CUTS for cut in range(CUTS)} | {length - 1})
    for offset in offsets:
        client = node.client(None if hostile.before_login else user)
        client.send(hostile.octets[:offset])
        client.reset()
    watch.look()
