# SPDX-License-Identifier: MIT
"""LITERAL- (RFC 7888): which of the two is offered, and what becomes of literals that are too long for it."""

import pytest

from tests.protocol import talk
from tests.protocol.talk import LOGIN

LISTED = ("IMAP4rev1", "literal+", "Literal-")


def short_only():
    return talk.node(imap={"capabilities": LISTED})


@pytest.mark.parametrize(
    ("listed", "offered"),
    [(None, b"LITERAL+"), (("LITERAL+",), b"LITERAL+"), (LISTED, b"LITERAL-"), (("LITERAL-",), b"LITERAL-"), ((), None)],
)
def test_one_of_them_is_offered(listed, offered):
    node = talk.node(imap={"capabilities": listed})
    for line in talk.talk(b"c CAPABILITY\r\n" + LOGIN, on=node).lines:
        if b"CAPABILITY IMAP4rev1" in line:
            said = line.replace(b"]", b" ").split()
            assert [word for word in said if word.startswith(b"LITERAL")] == ([offered] if offered else [])


@pytest.mark.parametrize("command", [b"APPEND INBOX", b"SELECT", b"NONSENSE"])
def test_l10_a_long_one_ends_the_connection(command):
    lines = talk.talk(LOGIN, b"A1 %b {4097+}\r\n" % command, b"x" * 4097 + b"\r\nb NOOP\r\n", on=short_only()).lines
    assert lines[-2].startswith(b"A1 NO [TOOBIG]")
    assert lines[-1].startswith(b"* BYE [TOOBIG]")


def test_a_second_one_ends_it_too():
    node = short_only()
    lines = talk.talk(LOGIN, b"A1 APPEND INBOX {3+}\r\nx\r\n {4097+}\r\n", on=node).lines
    assert [line.split()[1] for line in lines[-2:]] == [b"NO", b"BYE"]
    assert node.account.appended == []


def test_short_ones_and_those_that_wait_are_taken():
    node = short_only()
    message = b"x" * 4096
    lines = talk.talk(LOGIN, b"a APPEND INBOX {4096+}\r\n" + message + b"\r\n", b"b APPEND INBOX {5000}\r\n",
                      b"y" * 5000 + b"\r\nc NOOP\r\n", on=node).lines  # fmt: skip
    assert [line[:4] for line in lines[-4:]] == [b"a OK", b"+ OK", b"b OK", b"c OK"]
    assert node.account.appended == [message, b"y" * 5000]


def test_before_login():
    lines = talk.talk(b"a LOGIN {4097+}\r\n" + b"x" * 4097, on=short_only()).lines
    assert [line.split()[1] for line in lines[-2:]] == [b"NO", b"BYE"]
