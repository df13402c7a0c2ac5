# SPDX-License-Identifier: MIT
"""What an MTA may say, what it is answered, and that nothing is smuggled in."""

import re
from collections.abc import Callable

import pytest

from tests.lmtp.arrived import LETTER, inbox, messages, without_trace
from tests.running.lmtp import Lmtp, stuffed
from tests.running.server import Demo


def test_pipelined_and_many_messages(lmtp: Lmtp, server: Demo, new_user: Callable[[], str]) -> None:
    user = new_user()
    one = f"MAIL FROM:<>\r\nRCPT TO:<{user}>\r\nRCPT TO:<nobody@example.com>\r\nDATA\r\n".encode()
    lmtp.send((one + stuffed(LETTER)) * 20 + b"QUIT\r\n")
    for _ in range(20):
        assert [lmtp.reply()[:3] for _ in range(5)] == ["250", "250", "550", "354", "250"]
    assert lmtp.until_closed(5) == ["221 2.0.0 Bye"]
    assert [without_trace(each) for each in inbox(server, user)] == [LETTER] * 20


def test_octet_by_octet(lmtp: Lmtp, server: Demo, new_user: Callable[[], str]) -> None:
    user = new_user()
    for octet in f"MAIL FROM:<>\r\nRCPT TO:<{user}>\r\nDATA\r\n".encode() + stuffed(LETTER) + b"QUIT\r\n":
        lmtp.send(bytes([octet]))
    assert [each[:3] for each in lmtp.until_closed(10)] == ["250", "250", "354", "250", "221"]
    assert [without_trace(each) for each in inbox(server, user)] == [LETTER]


@pytest.mark.parametrize(
    "not_the_end",
    [
        b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\n\n.\r\n", b".\r\r\n",
        b"\r.\r",
    ],
)  # fmt: skip
def test_nothing_is_smuggled(lmtp: Lmtp, server: Demo, new_user: Callable[[], str], not_the_end: bytes) -> None:
    user = new_user()
    hidden = (
        b"Subject: x\r\n\r\nhello" + not_the_end + b"MAIL FROM:<>\r\nRCPT TO:<" + user.encode() + b">\r\nDATA\r\nhidden"
    )
    lmtp.envelope([user])
    assert lmtp.data(hidden + b"\r\n.\r\n")[0].startswith("250 ")
    assert lmtp.ask("NOOP") == "250 2.0.0 Ok"
    (stored,) = inbox(server, user)
    assert without_trace(stored) == (hidden + b"\r\n").replace(b"\r\n.", b"\r\n").replace(b"\0", b"\x80")


@pytest.mark.parametrize(
    "path",
    [
        '<""@example.com>', "<>", "<@a:b@c>", "<" + "x" * 10_000 + "@example.com>", "<user1@[IPv6:::1]>",
        b"<us\xe9r@example.com>", "<käthe@example.com>", "<user1@example.com> ORCPT=rfc822;x", "user1@example.com", "",
        "<user1@example.com", "<user1@example.com>x", "<a\rb@example.com>", "<user1@example.com> NOTIFY=NEVER",
        "<user1>", "<postmaster>", "<../../etc/passwd@example.com>", "<%s@example.com>", "<user1@example.com\0>",
    ],
)  # fmt: skip
def test_paths_that_are_none(lmtp: Lmtp, path: str | bytes) -> None:
    lmtp.envelope([])
    octets = path.encode() if isinstance(path, str) else path
    assert re.match(r"(501|550|553|555) 5\.", lmtp.ask(b"RCPT TO:" + octets))
    assert lmtp.ask("DATA").startswith("503 5.5.1 ")


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("MAIL FROM:ann@elsewhere.example", "501 5.1.7"), ("MAIL", "501 5.5.4"), ("MAIL FROM:<a@b> X=1", "555 5.5.4"),
        ("MAIL FROM:<a@b> SIZE=x", "501 5.5.4"), ("MAIL FROM:<a@b> SIZE", "501 5.5.4"), ("MAIL FROM:<a@b> SIZE=", "501 5.5.4"),
        ("MAIL FROM:<a@b> BODY=BINARYMIME", "501 5.5.4"), ("MAIL FROM:<a@b> BODY", "501 5.5.4"),
        ("MAIL FROM:<a@b> SMTPUTF8=1", "501 5.5.4"), ("MAIL FROM:<é@b>", "553 5.6.7"), ("RCPT TO:<a@b>", "503 5.5.1"),
        ("DATA", "503 5.5.1"), ("LHLO", "501 5.5.4"), ("HELO x", "500 5.5.1"), ("EHLO x", "500 5.5.1"),
        ("STARTTLS", "500 5.5.1"), ("AUTH PLAIN x", "500 5.5.1"), ("EXPN x", "500 5.5.1"), ("VRFY user1", "252 2.5.2"),
        ("HELP", "214 2.0.0"), ("RSET", "250 2.0.0"), ("XCLIENT ADDR=192.0.2.1", "500 5.5.2"),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2", "500 5.5.2"), ("", "500 5.5.2"), ("É", "500 5.5.2"),
        ("NOOP " + "x" * 20_000, "500 5.5.2"), ("NOOP " + "x" * 500_000, "500 5.5.2"),
    ],
)  # fmt: skip
def test_what_is_no_good(lmtp: Lmtp, line: str, reply: str) -> None:
    assert lmtp.ask(line).startswith(reply + " ")
    assert lmtp.ask("MAIL FROM:<> SIZE=1000 BODY=8BITMIME SMTPUTF8") == "250 2.1.0 Sender ok"
    assert lmtp.ask("MAIL FROM:<>").startswith("503 5.5.1 ")


def test_nothing_before_lhlo(server: Demo) -> None:
    with Lmtp(server.lmtp_port, hello=False) as lmtp:
        assert lmtp.ask("MAIL FROM:<a@b>").startswith("503 5.5.1 ")
        for _ in range(4):
            lmtp.ask("GET / HTTP/1.1")
        lmtp.ask("Host: x")
        assert lmtp.until_closed(5) == []


def test_letters_that_are_not_ascii(lmtp: Lmtp, server: Demo, new_user: Callable[[], str]) -> None:
    user = new_user()
    assert lmtp.envelope(["käthe@example.com", user], "jürgen@exämple.org", " SMTPUTF8") == [
        "550 5.1.1 No such mailbox here", "250 2.1.5 Recipient ok",
    ]  # fmt: skip
    assert lmtp.data(stuffed(LETTER))[0].startswith("250 ")
    (stored,) = inbox(server, user)
    assert stored.startswith("Return-Path: <jürgen@exämple.org>\r\n".encode())
    assert b" with UTF8LMTP id " in stored


def test_a_client_cannot_write_into_the_header(server: Demo, new_user: Callable[[], str]) -> None:
    user = new_user()
    with Lmtp(server.lmtp_port, hello=False) as lmtp:
        assert lmtp.ask("LHLO x) by evil\rX-Evil: 1").startswith("250")
        assert lmtp.deliver(LETTER, user)[0].startswith("250 ")
    (stored,) = inbox(server, user)
    assert b"\r\nReceived: from unknown ([127.0.0.1])\r\n" in stored


def test_detail_leads_to_the_inbox(lmtp: Lmtp, server: Demo, new_user: Callable[[], str]) -> None:
    user = new_user()
    name, _, domain = user.partition("@")
    for detail in ("x", "INBOX/../y", "../../x", "Other", ""):
        assert lmtp.deliver(LETTER, f"{name}+{detail}@{domain}")[0].startswith("250 ")
    with server.client(user) as client:
        assert len(messages(client)) == 5
        assert not [line for line in client.ok('LIST "" "*"').lines(b"LIST") if b"Other" in line or b".." in line]
