# SPDX-License-Identifier: MIT
"""The fuzzer's sessions against a live server, for IMAPD_FUZZ_SECONDS from seed IMAPD_FUZZ_SEED on (`make fuzz`)."""

import os
import time

from tests.fuzz.conftest import Watch
from tests.fuzz.fuzzer import mutated, segments
from tests.running.client import Client, Closed
from tests.running.server import Node

SECONDS = float(os.environ.get("IMAPD_FUZZ_SECONDS", "10"))
FIRST_SEED = int(os.environ.get("IMAPD_FUZZ_SEED", "1"))
ANSWER_SECONDS = 5.0
MESSAGE = b"From: a@example.com\r\nSubject: hello\r\n\r\nbody\r\n"


def prepare(node: Node, user: str) -> None:
    with node.client(user) as client:
        client.ok("CREATE copies")
        for _ in range(10):
            client.append("INBOX", MESSAGE)


def play(node: Node, user: str | None, seed: int) -> None:
    """Sends the session and then the end of the connection; the server must answer what it can, and close in time."""
    client = node.client(user)
    octets = mutated(seed)
    try:
        for segment in segments(octets, seed):
            client.send(segment)
        if seed % 7 == 0:
            client.reset()
            return
        client.socket.shutdown(1)
    except (Closed, OSError):
        pass  # it had enough of us
    drain(client, f"seed {seed}: {octets[:300]!r}")
    client.close()


def drain(client: Client, what: str) -> None:
    deadline = time.monotonic() + ANSWER_SECONDS
    client.socket.settimeout(ANSWER_SECONDS)
    try:
        while client.socket.recv(1 << 16):
            assert time.monotonic() < deadline, f"it goes on talking: {what}"
    except TimeoutError:
        raise AssertionError(f"it neither answers nor closes: {what}") from None
    except OSError:
        pass


def test_mutated_sessions(node: Node, watch: Watch) -> None:
    user = watch.new_user()
    prepare(node, user)
    seed, deadline = FIRST_SEED, time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        play(node, user if seed % 10 else None, seed)
        if seed % 20 == 0:
            watch.look()
        seed += 1
    watch.look()
    print(f"seeds {FIRST_SEED} to {seed - 1}")
