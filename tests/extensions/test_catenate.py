# SPDX-License-Identifier: MIT
"""CATENATE of what is too large for memory, over the wire. Small messages are in tests/dialogs/catenate.imap."""

import random
from collections.abc import Callable

from tests.running.client import Client, Literal

HEADER = b"Subject: large\r\n\r\n"
WHOLE = '"/INBOX/;UID=1"'


def test_large_parts(client: Callable[..., Client], new_user: Callable[[], str], quiet_log: object) -> None:
    one, chance = client(new_user()), random.Random(1)
    first, second = chance.randbytes(150_000).hex().encode(), chance.randbytes(100_000).hex().encode()
    one.append("INBOX", HEADER + first)
    url = '"/INBOX/;UID=1/;SECTION='
    one.ok(f'APPEND INBOX CATENATE (URL {url}HEADER" TEXT ', Literal(second, plus=True), f' URL {url}TEXT")')
    one.ok("SELECT INBOX")
    (line,) = one.ok("FETCH 2 BODY.PEEK[]").lines(b"FETCH")
    assert line.partition(b"}\r\n")[2] == HEADER + second + first + b")"
    reply = one.ok("FETCH 2 (RFC822.SIZE BODY.PEEK[]<199990.20>)").untagged[0]
    assert b"RFC822.SIZE %d " % (len(HEADER) + 500_000) in reply
    assert (HEADER + second + first)[199_990:200_010] in reply


def test_more_than_a_message_may_have(client: Callable[..., Client], new_user: Callable[[], str]) -> None:
    one = client(new_user())
    one.append("INBOX", HEADER + b"x" * 1_000_000)
    reply = one.command("APPEND INBOX CATENATE (" + " ".join([f"URL {WHOLE}"] * 60) + ")")
    assert (reply.status, reply.code) == ("NO", b"TOOBIG")
    assert one.ok("STATUS INBOX (MESSAGES)").untagged == [b'STATUS "INBOX" (MESSAGES 1)']
