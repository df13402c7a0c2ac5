# SPDX-License-Identifier: MIT
"""BINARY (RFC 3516): what FETCH answers. How octets are decoded is tested in tests/mail/mime/test_transfer.py."""

import base64

import pytest

from imapd.mail.mime import transfer
from imapd.protocol.registry import commands
from imapd.wire.grammar import Cursor
from tests.commands.fake_mail import Client
from tests.commands.fetch_mail import Body, FetchMailbox

PLAIN = b"abc\0def"
PARTS = (
    b'Subject: s\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(PLAIN) + b"\r\n"
    b"--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nf=C3=BCnf =\r\nsechs\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n"
    b"--b\r\nContent-Transfer-Encoding: x-secret\r\n\r\n???\r\n--b--\r\n"
)


def fetched(arguments, *messages):
    mailbox = FetchMailbox([*messages] or [PARTS])
    return answered(mailbox, arguments)


def answered(mailbox, arguments):
    client = Client().selected(mailbox)
    client.say(f"a1 FETCH {arguments}\r\n")
    replies, _, tagged = client.connection.sent.rpartition(b"a1 ")
    return replies, tagged.decode().strip(), mailbox.calls


@pytest.mark.parametrize(
    ("item", "value"),
    [
        ("BINARY.PEEK[1]", b"BINARY[1] ~{7}\r\nabc\0def"),
        ("binary.peek[1]<1.2>", b"BINARY[1]<1> {2}\r\nbc"),
        ("BINARY.PEEK[1]<2.3>", b"BINARY[1]<2> ~{3}\r\nc\0d"),
        ("BINARY.PEEK[1]<7.3>", b"BINARY[1]<7> {0}\r\n"),
        ("BINARY.PEEK[2]", b"BINARY[2] {11}\r\nf\xc3\xbcnf sechs"),
        ("BINARY.PEEK[3.1]", b"BINARY[3.1] {5}\r\nhello"),
        ("BINARY.PEEK[9]", b"BINARY[9] NIL"),
        ("BINARY.PEEK[1.1]", b"BINARY[1.1] NIL"),
        ("BINARY.PEEK[4294967295]", b"BINARY[4294967295] NIL"),
        ("BINARY.SIZE[1.4294967295]", b"BINARY.SIZE[1.4294967295] 0"),
        ("BINARY.SIZE[1]", b"BINARY.SIZE[1] 7"),
        ("(BINARY.SIZE[2] BINARY.SIZE[3.1] BINARY.SIZE[9])", b"BINARY.SIZE[2] 11 BINARY.SIZE[3.1] 5 BINARY.SIZE[9] 0"),
    ],
)
def test_values(item, value):
    assert fetched(f"1 {item}") == (b"* 1 FETCH (%b)\r\n" % value, "OK FETCH completed.", [])


def test_whole_messages_are_as_they_are():
    inner = b"Subject: inner\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8="
    assert fetched("1 BINARY.PEEK[]")[0] == b"* 1 FETCH (BINARY[] {%d}\r\n%b)\r\n" % (len(PARTS), PARTS)
    assert fetched("1 BINARY.PEEK[3]")[0] == b"* 1 FETCH (BINARY[3] {%d}\r\n%b)\r\n" % (len(inner), inner)
    assert fetched("1 BINARY.SIZE[]")[0] == b"* 1 FETCH (BINARY.SIZE[] %d)\r\n" % len(PARTS)


def test_the_body_of_a_message_of_one_part():
    message = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=3D\r\n"
    assert (
        fetched("1 (BINARY.PEEK[1] BODY.PEEK[1])", message)[0]
        == b"* 1 FETCH (BINARY[1] {3}\r\n=\r\n BODY[1] {5}\r\n=3D\r\n)\r\n"
    )


def test_what_is_there_many_times_is_measured_once(monkeypatch):
    message = b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(PLAIN)
    decoded = []

    def counting(pieces, encoding, decode=transfer.decoded):
        decoded.append(encoding)
        return decode(pieces, encoding)

    monkeypatch.setattr(transfer, "decoded", counting)
    replies, _, _ = fetched("1:* (BINARY.SIZE[1] BINARY.SIZE[])", *[message] * 50, PARTS)
    assert replies.startswith(b"* 1 FETCH (BINARY.SIZE[1] 7 BINARY.SIZE[] %d)\r\n" % len(message))
    assert replies.count(b"BINARY.SIZE[1] 7 ") == 51
    assert len(decoded) == 4


def test_seen():
    replies, _, calls = fetched("1 BINARY[1]<0.1>")
    assert replies == b"* 1 FETCH (FLAGS (\\Seen) BINARY[1]<0> {1}\r\na)\r\n"
    assert calls == [("mark_seen", [range(1)])]
    assert fetched("1 (BINARY.PEEK[1] BINARY.SIZE[1])")[2] == []


@pytest.mark.parametrize("item", ["BINARY.PEEK[4]", "BINARY.SIZE[4]"])
def test_unknown_encoding(item):
    other = b"\r\none"
    replies, tagged, _ = fetched(f"1:2 ({item} UID)", other, PARTS)
    assert tagged.startswith("NO [UNKNOWN-CTE] ")
    assert replies.startswith(b"* 1 FETCH (")
    assert b"* 2 FETCH" not in replies


@pytest.mark.parametrize(
    "item",
    [
        "BINARY",
        "BINARY[",
        "BINARY[1",
        "BINARY[0]",
        "BINARY[1.]",
        "BINARY[4294967296]",
        "BINARY[12345678901]",
        "BINARY[HEADER]",
        "BINARY[1.TEXT]",
        "BINARY.PEEK[1]<0>",
        "BINARY.PEEK[1]<0.0>",
        "BINARY.SIZE",
        "BINARY.SIZE[1]<0.1>",
        "BINARY.NOSUCH[1]",
    ],
)
def test_bad(item):
    assert fetched(f"1 {item}")[1].startswith("BAD ")


class TestLarge:
    PLAIN = bytes(range(256)) * 4096
    MESSAGE = b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(PLAIN).replace(b"\n", b"\r\n")

    def pieces(self, arguments, mailbox=None):
        mailbox = mailbox or FetchMailbox([self.MESSAGE], seen=[1])
        registered = commands()[b"FETCH"]
        session = Client().selected(mailbox).session
        return list(registered.handler(session, registered.parse(Cursor(b" " + arguments.encode()))))

    def test_is_sent_in_pieces(self):
        pieces = self.pieces("1 (BINARY.PEEK[1] UID BINARY.SIZE[1])")
        size = len(self.PLAIN)
        octets = b"* 1 FETCH (BINARY[1] ~{%d}\r\n%b UID 10 BINARY.SIZE[1] %d)\r\n" % (size, self.PLAIN, size)
        assert b"".join(pieces) == octets
        assert max(map(len, pieces)) <= 64 << 10

    def test_without_nul(self):
        text = b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(b"x" * 500_000)
        octets = b"".join(self.pieces("1 BINARY.PEEK[1]", FetchMailbox([text])))
        assert octets == b"* 1 FETCH (BINARY[1] {500000}\r\n" + b"x" * 500_000 + b")\r\n"

    def test_a_small_part_of_it(self):
        octets = b"".join(self.pieces("1 BINARY.PEEK[1]<600000.4>"))
        assert octets == b"* 1 FETCH (BINARY[1]<600000> {4}\r\n%b)\r\n" % self.PLAIN[600000:600004]

    def test_a_large_part_of_it(self):
        octets = b"".join(self.pieces("1 BINARY.PEEK[1]<100.400000>"))
        assert octets == b"* 1 FETCH (BINARY[1]<100> ~{400000}\r\n%b)\r\n" % self.PLAIN[100:400100]

    def test_cut_short(self):
        mailbox = FetchMailbox([self.MESSAGE, b"\r\nother"])
        mailbox.stored[100] = Body(self.MESSAGE, fails_at=len(self.MESSAGE) - 10)
        replies, tagged, _ = answered(mailbox, "1:2 BINARY.PEEK[1]")
        assert tagged.startswith("NO [CORRUPTION] ")
        assert replies == b"* 2 FETCH (BINARY[1] {5}\r\nother)\r\n"
