# SPDX-License-Identifier: MIT
"""NOTIFY at a real server: a flood of changes is told in few lines, and others are served meanwhile."""

import re
import time
from collections.abc import Callable

from tests.running.client import Client

Connect = Callable[..., Client]
LETTER = b"Subject: hello\r\n\r\nbody\r\n"
MANY = 1_000


def test_a_thousand_messages_are_told_in_few_lines(client: Connect, new_user: Callable[[], str]) -> None:
    user = new_user()
    listening, speaking, third = (client(user) for _ in range(3))
    listening.ok("NOTIFY SET (personal (MessageNew MessageExpunge FlagChange))")
    speaking.append("Sent", LETTER)
    listening.response(5)
    speaking.ok("SELECT Sent")
    command = b"x UID STORE 1 %cFLAGS.SILENT (\\Flagged)\r\n"
    speaking.send(b"".join(command % b"+-"[n % 2] for n in range(MANY)))
    began = time.monotonic()
    for _ in range(MANY):
        assert speaking.response(30).startswith(b"x OK")
        if time.monotonic() - began > 1:
            began = time.monotonic()
            third.ok("NOOP")
            assert time.monotonic() - began < 1
    last = int(re.search(rb"HIGHESTMODSEQ (\d+)", speaking.ok("STATUS Sent (HIGHESTMODSEQ)").untagged[0])[1])  # type: ignore[index]
    lines = []
    while not lines or int(re.search(rb"HIGHESTMODSEQ (\d+)", lines[-1])[1]) < last:  # type: ignore[index]
        lines.append(listening.response(5))
    assert len(lines) < MANY / 5
    listening.ok("NOOP")


def test_a_client_that_reads_nothing_costs_nobody_anything(client: Connect, new_user: Callable[[], str]) -> None:
    user = new_user()
    deaf, speaking = client(user), client(user)
    deaf.ok("NOTIFY SET (personal (MailboxName MessageNew MessageExpunge))")
    for n in range(100):
        speaking.ok(f"CREATE {'x' * 150}{n}")
    deaf.ok("NOOP")
    speaking.ok("NOOP")
