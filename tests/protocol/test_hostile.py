# SPDX-License-Identifier: MIT
"""Bad and hostile input, as whole sessions: each sent whole, octet by octet, and cut in two at every place."""

import random

import pytest

from imapd.protocol.registry import commands
from tests.protocol.talk import LOGIN, SELECT, node, tagged, talk

BYE = b"* BYE Too many invalid commands."
OK = b"z OK NOOP completed."


def each_way(octets, on=None):
    """The answers, which must not depend on how the network cuts what is sent."""
    make = on or node
    whole = talk(octets, on=make()).lines
    assert talk(*[octets[at : at + 1] for at in range(len(octets))], on=make()).lines == whole
    step = max(1, len(octets) // 200)
    for cut in range(1, len(octets), step):
        assert talk(octets[:cut], octets[cut:], on=make()).lines == whole
    return whole


def starts(lines):
    return [line.split(b" ")[0:2] for line in lines]


def test_w01_empty_lines():
    lines = each_way(b"\r\n\r\n\r\nz NOOP\r\n")
    assert starts(lines[1:3]) == [[b"*", b"BAD"]] * 2 and lines[3:] == [BYE]


@pytest.mark.parametrize("line", [b"A1", b"A1 ", b"A1  NOOP", b"A1 \t", b"A1 {", b"A1 }", b"A1 ()", b"A1 UID", b"A1 UID NOOP"])
def test_w03_a_tag_and_no_command(line):
    lines = each_way(line + b"\r\nz NOOP\r\n")
    assert lines[1].startswith(b"A1 BAD ") and lines[2:] == [OK]


def test_w05_a_tag_without_end_is_not_repeated():
    for length in (101, 1000, 8000):
        lines = talk(b"A" * length + b" NOOP\r\nz NOOP\r\n").lines
        assert lines[1].startswith(b"* BAD ") and len(lines[1]) < 128 and lines[2:] == [OK]
    assert talk(LOGIN + b"A" * 10_000 + b" NOOP\r\nz NOOP\r\n").lines[3:] == [OK]


def test_w07_a_line_without_end():
    assert talk(LOGIN, b"x" * 65_537).lines[2:] == [b"* BYE [TOOBIG] The line is too long."]
    assert talk(b"x" * 8193).lines[1:] == [b"* BYE [TOOBIG] The line is too long."]
    assert talk(LOGIN, b"a " + b"x" * 65_533 + b"\r\nz NOOP\r\n").lines[3:] == [OK]
    assert talk(LOGIN, *[b"x"] * 65_537).lines[2:] == [b"* BYE [TOOBIG] The line is too long."]


@pytest.mark.parametrize(
    "line",
    [b'A1 SELECT "a\x00b"', b"A1 SELECT a\x00b", b"A1 NO\x00OP", b"A1 \x00NOOP", b"A1 NOOP\x00", b"A1 SELECT {1+}\r\n\x00"],
)
def test_w09_nul(line):
    on = node()
    lines = each_way(LOGIN + line + b"\r\nz NOOP\r\n")
    assert lines[2].startswith(b"A1 BAD ") and lines[3:] == [OK]
    assert b"\0" not in b"".join(lines) and not on.account.deleted


def test_w09_nul_in_a_tag_or_after_the_line():
    lines = each_way(LOGIN + b"A\x001 NOOP\r\n\x00z NOOP\r\nz NOOP\r\n")
    assert starts(lines[2:4]) == [[b"*", b"BAD"]] * 2 and lines[4:] == [OK]


def test_w11_a_bare_lf_ends_a_line():
    lines = each_way(LOGIN + b"a SELECT {5+}\nINBOX\nz NOOP\n")
    assert lines[-1] == OK and b"a OK [READ-WRITE] SELECT completed." in lines


@pytest.mark.parametrize(
    "line",
    [
        b'SELECT "abc', b'SELECT "\\q"', b'SELECT "abc\\"', b'SELECT "a"b', b"SELECT", b"SELECT ", b"SELECT  INBOX",
        b"SELECT INBOX ", b"SELECT a b", b"SELECT (INBOX)", b"SELECT INBOX (", b"SELECT INBOX ()", b"SELECT *", b"SELECT %",
        b'SELECT "a\rb"', b"STORE 1 FLAGS (", b"STORE 1 FLAGS (\\Seen))", b"STORE 1 FLAGS (\\Seen", b"STORE 1 FLAGS \\Recent",
        b"STORE 1 (FLAGS) ()", b"SEARCH ()", b"SEARCH (ALL", b"SEARCH ALL)", b"SEARCH " + b"(" * 20_000, b"SEARCH", b"SEARCH NOT",
        b"COPY 1", b"COPY 1 ", b"COPY 1 a b", b"UID", b"UID UID STORE 1 FLAGS ()", b"UID NOOP",
    ],
)  # fmt: skip
def test_w13_w15_broken_arguments(line):
    lines = talk(SELECT + b"A1 " + line + b"\r\nz NOOP\r\n").lines
    assert lines[-2].startswith((b"A1 BAD ", b"A1 NO [LIMIT] ")) and lines[-1] == OK
    assert len(lines[-2]) <= 200


def test_w21_only_ascii_is_folded():
    on = node()
    lines = talk(
        LOGIN
        + "A1 SELECT ınbox\r\nA2 ſelect INBOX\r\nA3 NOOP\u212a\r\nA4 SELECT {6+}\r\nınbox\r\nA5 SELECT &ATE-nbox\r\n".encode()
        + b"A6 SELECT iNbOx\r\nz NOOP\r\n",
        on=on,
    ).lines
    assert [line[:6] for line in lines[2:6]] == [b"A1 BAD", b"A2 BAD", b"A3 BAD", b"A4 NO "]
    assert lines[6] == b"A5 NO [NONEXISTENT] No such mailbox."
    assert lines[-2:] == [b"A6 OK [READ-WRITE] SELECT completed.", OK]


def test_w23_another_protocol_is_sent_away_and_not_repeated():
    request = b"GET / HTTP/1.1\r\nHost: x\r\nCookie: secret\r\n\r\n"
    lines = each_way(request)
    assert lines[-1] == BYE and len(lines) == 4
    assert b"secret" not in b"".join(lines) and b"Cookie" not in b"".join(lines)
    lines = talk(LOGIN + request * 10).lines
    assert lines[-1] == BYE and len(lines) == 2 + 20


def test_good_commands_forgive_bad_ones_after_login_and_not_before():
    assert talk(LOGIN + (b"x\r\n" * 19 + b"z NOOP\r\n") * 3).lines[-1] == OK
    assert talk(b"x\r\nz NOOP\r\nx\r\nz NOOP\r\nx\r\nz NOOP\r\n").lines[-1] == BYE


def test_w25_a_client_that_leaves_anywhere():
    session = SELECT + b"a APPEND INBOX {5+}\r\nhello\r\nb SEARCH TEXT {1+}\r\nx\r\nc IDLE\r\nDONE\r\nd LOGOUT\r\n"
    for cut in range(len(session)):
        on = node()
        connection = talk(session[:cut], on=on)
        assert not any(b"SERVERBUG" in line for line in connection.lines)
        mailbox = on.account.mailboxes["INBOX"]
        assert mailbox.closed or not mailbox.asked_to_expunge
        assert not mailbox.watching


@pytest.mark.parametrize(
    "size",
    [b"18446744073709551616", b"9" * 5000, b"+5", b"1_0", b" 5 ", b"5 ", b"0x10", "٥".encode(), b"-100", b"", b"5.0", b"4294967296e"],
)
def test_l02_l04_sizes_that_are_none(size):
    lines = talk(LOGIN + b"A1 SELECT {" + size + b"}\r\nz NOOP\r\n").lines
    assert lines[2].startswith(b"A1 BAD ") and lines[3:] == [OK]


@pytest.mark.parametrize("size", [b"18446744073709551616", b"9" * 5000, b"1_0", b" 5 ", b""])
def test_streamed_sizes_that_are_none_end_the_connection(size):
    lines = talk(LOGIN + b"A1 SELECT {" + size + b"+}\r\nA2 DELETE Sent\r\n").lines
    assert lines[2:] == [b"* BYE [TOOBIG] The size of the literal cannot be counted."]


def test_l06_the_sum_of_arguments():
    piece = b" HEADER X {100000+}\r\n" + b"x" * 100_000
    lines = talk(SELECT, b"A1 SEARCH" + piece * 20 + b"\r\nz NOOP\r\n").lines
    assert lines[-1].startswith(b"* BYE [TOOBIG] ")


@pytest.mark.parametrize("line", [b"A1 SELECT {5} ", b"A1 SELECT{5}", b"A1 SELECT {5}x", b"A1 SELECT a{5}"])
def test_l16_sizes_in_the_wrong_place(line):
    lines = each_way(LOGIN + line + b"\r\nz NOOP\r\n")
    assert lines[2].startswith(b"A1 BAD ") and lines[3:] == [OK]


SETS = [
    b"0", b"0:5", b"-1", b"1,,2", b"1:", b":1", b",", b"1:2:3", b"1 :2", b"1:*:*", "٣".encode(), "²".encode(), b"+1", b"1_0",
    b"4294967296", b"9" * 5000, b"1,", b"", b"x", b"1:x",
]  # fmt: skip


@pytest.mark.parametrize("text", SETS)
def test_s04_sets_that_are_none(text):
    for name in (b"STORE", b"UID STORE"):
        lines = talk(SELECT + b"A1 " + name + b" " + text + b" +FLAGS (\\Seen)\r\nz NOOP\r\n").lines
        assert lines[-2].startswith(b"A1 BAD ") and lines[-1] == OK


def test_s02_ends_of_ranges():
    lines = talk(SELECT + b"".join(
        b"A%d UID STORE %b +FLAGS (\\Seen)\r\n" % (n, text)
        for n, text in enumerate((b"1:4294967295", b"4294967295:*", b"*:*", b"100:200"))
    )).lines  # fmt: skip
    assert [line for line in lines if line.startswith(b"A")] == [b"A%d OK UID STORE completed." % n for n in range(4)]
    assert sum(b"FETCH" in line for line in lines) == 3 + 1 + 1


def test_s06_a_long_set():
    odd = b",".join(b"%d" % n for n in range(1, 20_001, 2))
    lines = talk(SELECT + b"A1 UID STORE " + odd + b" +FLAGS (\\Seen)\r\nA2 UID STORE " + b",".join([b"1:*"] * 10_000)
                 + b" +FLAGS (\\Seen)\r\nz NOOP\r\n").lines  # fmt: skip
    assert sum(b"FETCH" in line for line in lines) == 2 + 3 and lines[-1] == OK


def test_a09_nothing_a_client_sends_becomes_a_line():
    lines = each_way(b"A1 LOGIN {22+}\r\nbob\r\n* 3 EXISTS\r\nA9 x {5+}\r\na\r\nb\x1b pw\r\nz NOOP\r\n")
    assert not any(line.startswith((b"* 3", b"A9")) for line in lines)
    assert lines[-1] == OK


ALPHABET = [
    b"a ", b"NOOP", b"LOGIN", b"user@example.com", b" password", b"SELECT", b" INBOX", b"UID ", b"STORE", b"SEARCH", b"APPEND",
    b"IDLE", b"DONE", b"ID", b"ENABLE", b"AUTHENTICATE PLAIN", b"LIST", b"STATUS", b"LOGOUT", b"STARTTLS", b" ", b"\r\n", b"\r\n",
    b"\n", b"(", b")", b'"', b"\\", b"{3}", b" {3+}\r\nabc", b"{0+}", b"{", b"}", b"1:*", b"*", b"%", b"FLAGS", b"\\Seen", b"\0",
    b"\xff", b"NIL", b"CHARSET UTF-8", b"NOT", b"OR", b"[", b"]", b"<0.5>", b"=", b"*", b"+", b"$",
]  # fmt: skip


def test_a_fuzzer_finds_no_fault_of_ours():
    """A few thousand made-up sessions; the seed is fixed, so that a failure is the same tomorrow."""
    chance = random.Random(7)
    for _ in range(1500):
        before = chance.choice([b"", LOGIN, SELECT, SELECT])
        junk = b"".join(chance.choice([b"", b" ", b"\r\na "]) + chance.choice(ALPHABET) for _ in range(chance.randrange(40)))
        connection = talk(before + junk, on=node(auth={"cleartext": "loopback"}))
        text = b"".join(connection.sent)
        assert b"SERVERBUG" not in text, junk
        assert b"\0" not in text and text.endswith(b"\r\n")


def test_every_command_takes_an_oversized_argument_calmly():
    """What Cassandane's IMAPLimits asks of each command."""
    for name, command in commands().items():
        if command.parse is None:
            continue
        for argument in (b" " + b"x" * 70_000, b' "' + b"x" * 70_000, b" {200000+}\r\n" + b"x" * 200_000, b" (" * 30_000):
            lines = talk(SELECT, b"A1 " + name + argument + b"\r\nz NOOP\r\n").lines
            assert lines[-1] == OK or lines[-1].startswith(b"* BYE [TOOBIG]")
            assert max(map(len, lines)) < 1000


def test_tagged_finds_its_lines():
    assert tagged(talk(LOGIN, b"t NOOP\r\n"), b"t") == [b"t OK NOOP completed."]
