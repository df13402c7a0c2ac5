# SPDX-License-Identifier: MIT
"""The messages of hostile.py: what is told of them fits together, and their octets come back as they came."""

import re

import pytest

from tests.dialogs import values
from tests.fuzz.conftest import Watch
from tests.fuzz.hostile import MAIL
from tests.running.client import Client, Literal
from tests.running.server import Node

PIECE = 70_000
AT_MOST = 60


@pytest.fixture(scope="module")
def user(watch: Watch) -> str:
    return watch.new_user()


def section(client: Client, item: str) -> bytes:
    """The octets of one section of the last message."""
    (line,) = client.ok(f"FETCH * {item}").lines(b"FETCH")
    items = values.read(line)[2]
    assert isinstance(items, values.Many)
    value = items.items[1]
    assert isinstance(value, values.String), line[:300]
    return value.octets


@pytest.mark.parametrize("name", MAIL)
def test_what_is_told_fits_together(name: str, node: Node, watch: Watch, user: str) -> None:
    octets = MAIL[name]
    with node.client(user) as client:
        client.ok("SELECT INBOX")
        client.ok("APPEND INBOX ", Literal(octets))
        size = re.search(rb"RFC822\.SIZE (\d+)", client.ok("FETCH * RFC822.SIZE").lines(b"FETCH")[0])
        assert size and int(size[1]) == len(octets)
        assert section(client, "BODY.PEEK[]") == octets
        assert section(client, "BODY.PEEK[HEADER]") + section(client, "BODY.PEEK[TEXT]") == octets
        assert section(client, "RFC822.HEADER") == section(client, "BODY.PEEK[HEADER]")
        step = max(1, min(PIECE, len(octets) // 7), len(octets) // AT_MOST)
        pieces = [section(client, f"BODY.PEEK[]<{start}.{step}>") for start in range(0, len(octets) + step, step)]
        assert b"".join(pieces) == octets
        first = client.ok("FETCH * (ENVELOPE BODYSTRUCTURE BODY RFC822.SIZE)").lines(b"FETCH")
        client.ok("COPY * Sent")
        client.ok("SELECT Sent")
        again = client.ok("FETCH * (ENVELOPE BODYSTRUCTURE BODY RFC822.SIZE)").lines(b"FETCH")
        assert first[0].partition(b" FETCH ")[2] == again[0].partition(b" FETCH ")[2]
    watch.look()
