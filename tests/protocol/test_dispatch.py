# SPDX-License-Identifier: MIT
"""From requests to answers: states, order of what is told, errors, literals, and many commands in one segment."""

from dataclasses import replace
from unittest.mock import patch

import pytest

from imapd import errors
from imapd.protocol.answers import CODES
from imapd.protocol.registry import commands
from imapd.protocol.states import State
from tests.protocol.talk import LOGIN, SELECT, node, tagged, talk

FEW_ARGUMENTS = {
    b"LOGIN": b" a b", b"AUTHENTICATE": b" PLAIN", b"SELECT": b" INBOX", b"EXAMINE": b" INBOX", b"CREATE": b" x",
    b"DELETE": b" x", b"RENAME": b" x y", b"SUBSCRIBE": b" x", b"UNSUBSCRIBE": b" x", b"LIST": b' "" "*"', b"LSUB": b' "" "*"',
    b"STATUS": b" x (MESSAGES)", b"APPEND": b" x {1+}\r\ny", b"SEARCH": b" ALL", b"STORE": b" 1 FLAGS ()", b"COPY": b" 1 x",
    b"MOVE": b" 1 x", b"FETCH": b" 1 FLAGS", b"ENABLE": b" X", b"ID": b" NIL", b"UID EXPUNGE": b" 1",
}  # fmt: skip


def line_of(name):
    return b"t " + name + FEW_ARGUMENTS.get(name, FEW_ARGUMENTS.get(name.removeprefix(b"UID "), b"")) + b"\r\n"


@pytest.mark.parametrize("name", sorted(commands()))
def test_a_command_is_bad_in_every_state_it_is_not_for(name):
    states = commands()[name].states
    for state, before in ((State.NOT_AUTHENTICATED, b""), (State.AUTHENTICATED, LOGIN), (State.SELECTED, SELECT)):
        if state not in states:
            told = tagged(talk(before + line_of(name)), b"t")
            assert told == [b"t BAD Not allowed when " + state.value.encode() + b"."] or (
                b"{1+}" in line_of(name) and told[0].startswith(b"t BAD")
            )


@pytest.mark.parametrize("name", sorted(name for name, command in commands().items() if command.parse))
def test_a_command_with_arguments_is_bad_without(name):
    before = b"" if State.NOT_AUTHENTICATED in commands()[name].states else LOGIN
    if commands()[name].states == {State.SELECTED}:
        before = SELECT
    assert tagged(talk(before + b"t " + name + b"\r\n"), b"t")[-1].startswith(b"t BAD")


@pytest.mark.parametrize("name", sorted(name for name, command in commands().items() if not command.parse))
def test_a_command_without_arguments_takes_none(name):
    before = b"" if State.NOT_AUTHENTICATED in commands()[name].states else LOGIN
    if commands()[name].states == {State.SELECTED}:
        before = SELECT
    for junk in (b" ", b" x", b" {1+}\r\nx"):
        assert tagged(talk(before + b"t " + name + junk + b"\r\n"), b"t")[-1].startswith(b"t BAD")


def test_news_is_told_before_the_tagged_answer_and_in_order():
    on = node()
    on.account.mailboxes["INBOX"].news = [
        {"expunged": [3, 1], "exists": 5, "recent": 2, "keywords_changed": True, "flags_changed": [0, 2]},
    ]
    told = tagged(talk(SELECT, b"t NOOP\r\n", on=on), b"t")
    assert told == [
        b"* 3 EXPUNGE",
        b"* 1 EXPUNGE",
        b"* 5 EXISTS",
        b"* 2 RECENT",
        b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)",
        b"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] Flags that can be set here.",
        b"* 1 FETCH (FLAGS ())",
        b"* 3 FETCH (FLAGS ())",
        b"t OK NOOP completed.",
    ]


@pytest.mark.parametrize(
    ("line", "may"),
    [
        (b"SEARCH ALL", False),
        (b"UID SEARCH ALL", True),
        (b"STORE 1 FLAGS ()", False),
        (b"UID STORE 1 FLAGS ()", True),
        (b"NOOP", True),
        (b"CHECK", True),
        (b"CAPABILITY", True),
    ],
)
def test_expunges_wait_while_message_numbers_are_in_use(line, may):
    on = node()
    talk(SELECT, b"t " + line + b"\r\n", on=on)
    assert on.account.mailboxes["INBOX"].asked_to_expunge[-1] is may


def test_commands_of_one_segment_share_the_time_of_their_arrival():
    on = node()
    connection = talk(SELECT, b"a NOOP\r\nb NOOP\r\n", b"c CHECK\r\n", on=on)
    assert on.account.mailboxes["INBOX"].refreshed == [2.0, 2.0, 3.0]
    assert connection.lines[-1] == b"c OK CHECK completed."


@pytest.mark.parametrize("error", CODES)
def test_every_error_of_mail_has_its_code(error):
    on = node()

    def fail(name):
        raise error

    on.account.delete = fail
    assert tagged(talk(LOGIN, b"t DELETE x\r\n", on=on), b"t") == [
        b"t NO [%b] %b" % (CODES[error], error.text.encode())
    ]


def test_an_error_without_a_code_of_its_own_has_that_of_its_kind():
    class Odd(errors.OverQuota):
        pass

    on = node()

    def fail(name):
        raise Odd("Too much\r\n* 3 EXISTS")

    on.account.delete = fail
    assert tagged(talk(LOGIN, b"t DELETE x\r\n", on=on), b"t") == [b"t NO [OVERQUOTA] Too much  * 3 EXISTS"]


def test_a_fault_of_ours_has_an_id_and_the_session_goes_on(capsys):
    """shows: RFC 9051 7.1 SERVERBUG"""
    connection = talk(LOGIN, b"t SUBSCRIBE x\r\nu NOOP\r\n")
    (line,) = tagged(connection, b"t")
    assert line.startswith(b"t NO [SERVERBUG] ") and b"secret" not in line
    assert connection.lines[-1] == b"u OK NOOP completed."
    number = line.rsplit(b" ", 1)[1].strip(b".").decode()
    assert number in capsys.readouterr().err


@pytest.mark.parametrize("stop", [KeyboardInterrupt, GeneratorExit])
def test_what_is_no_error_passes_and_the_session_cleans_up(stop):
    on = node()

    def fail(name):
        raise stop

    on.account.delete = fail
    with pytest.raises(stop):
        talk(SELECT, b"t DELETE x\r\n", on=on)
    assert on.account.mailboxes["INBOX"].closed


def test_a_response_that_breaks_off_ends_the_connection():
    def breaks_off(session, args):
        yield b"* 1 FETCH (BODY[] {10}\r\nabc"
        raise errors.Corrupt

    broken = replace(commands()[b"CHECK"], handler=breaks_off)
    with patch.dict(commands(), {b"CHECK": broken}):
        connection = talk(SELECT, b"t CHECK\r\nu NOOP\r\n")
    assert not any(line.startswith((b"t ", b"u ")) for line in connection.lines)


def test_selecting_leaves_what_was_selected_even_when_it_fails():
    on = node()
    connection = talk(SELECT, b"t SELECT nowhere\r\nu CHECK\r\n", on=on)
    assert on.account.mailboxes["INBOX"].closed
    assert tagged(connection, b"t")[-1] == b"t NO [NONEXISTENT] No such mailbox."
    assert tagged(connection, b"u")[-1].startswith(b"u BAD")


def test_logout_says_bye_and_nothing_after_it_is_done():
    on = node()
    connection = talk(SELECT, b"t LOGOUT\r\nu DELETE Sent\r\n", on=on)
    assert connection.lines[-2:] == [b"* BYE Logging out.", b"t OK LOGOUT completed."]
    assert on.account.mailboxes["INBOX"].closed and not on.account.deleted


def test_commands_are_counted_by_their_names_alone():
    on = node()
    talk(SELECT, b"a uid search all\r\nb nonsense\r\nc\r\n", on=on)
    assert on.metrics.commands == ["LOGIN", "SELECT", "UID SEARCH", "BAD", "BAD"]


def test_a_shutdown_waits_for_commands_and_for_nothing_else():
    connection = talk(LOGIN)
    assert connection.in_command is False
    connection = talk(LOGIN, b"t APPEND INBOX {1000}\r\n", b"half")
    assert connection.in_command is True


# Literals


def test_a_small_literal_stays_in_memory_and_a_large_one_is_spooled():
    on = node()
    size = 1_000_000
    body = [b"x" * 10_000] * (size // 10_000)
    connection = talk(
        LOGIN, b"a APPEND INBOX {3}\r\n", b"abc\r\n", b"b APPEND INBOX (\\Seen) {%d}\r\n" % size, *body, b"\r\n", on=on
    )
    assert tagged(connection, b"a") == [b"+ OK", b"a OK [APPENDUID 1 10] APPEND completed."]
    assert tagged(connection, b"b") == [b"+ OK", b"b OK [APPENDUID 1 10] APPEND completed."]
    (spool,) = on.spools
    assert spool.size == size and spool.largest == 10_000 and spool.closed
    assert on.account.appended == [b"abc", b""]


def test_many_small_messages_do_not_add_up_in_memory():
    on = node()
    message = b" {60000+}\r\n" + b"x" * 60_000
    connection = talk(LOGIN, b"a APPEND INBOX" + message * 30 + b"\r\n", on=on)
    assert tagged(connection, b"a") == [b"a OK [APPENDUID 1 10:39] APPEND completed."]
    assert len(on.spools) > 15 and all(spool.closed for spool in on.spools)


def test_a_refused_append_takes_no_octets():
    connection = talk(LOGIN, b"a APPEND nowhere {1000}\r\nb NOOP\r\nc APPEND INBOX {%d}\r\nd NOOP\r\n" % (30 << 20))
    assert connection.lines[2:] == [
        b"a NO [TRYCREATE] No such mailbox.",
        b"b OK NOOP completed.",
        b"c NO [OVERQUOTA] The quota of this mailbox has no room for that.",
        b"d OK NOOP completed.",
    ]


def test_a_refused_append_that_did_not_wait_is_passed_over():
    on = node()
    inside = b"x DELETE Sent\r\n" * 100
    connection = talk(LOGIN, b"a APPEND nowhere {%d+}\r\n" % len(inside) + inside + b"\r\nb NOOP\r\n", on=on)
    assert connection.lines[2:] == [b"a NO [TRYCREATE] No such mailbox.", b"b OK NOOP completed."]
    assert not on.account.deleted


def test_l08_a_literal_one_octet_too_long():
    on = node(limits={"literal_octets": 25})
    connection = talk(LOGIN, b"a SELECT {26}\r\nb SELECT {25}\r\n", b"x" * 25 + b"\r\nc NOOP\r\n", on=on)
    assert connection.lines[2:] == [
        b"a NO [TOOBIG] The literal is too long.",
        b"+ OK",
        b"b NO [NONEXISTENT] No such mailbox.",
        b"c OK NOOP completed.",
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"a SELECT {26+}", b"NO [TOOBIG]"),
        (b"a NONSENSE {26+}", b"BAD"),
        (b"a CHECK {26+}", b"BAD"),
        (b"a UID SEARCH TEXT {26+}", b"BAD"),
        (b"a{26+}", b"BAD"),
        (b"a SELECT{26+}", b"BAD"),
    ],
)
def test_l12_what_stands_in_a_refused_literal_is_never_carried_out(line, why):
    on = node(limits={"literal_octets": 25})
    connection = talk(LOGIN + line + b"\r\nA2 DELETE \"Sent\"\r\nA3 LOGO\r\nb NOOP\r\n", on=on)
    assert connection.lines[2].startswith((b"a " + why, b"* " + why))
    assert connection.lines[3:] == [b"b OK NOOP completed."]
    assert not on.account.deleted


def test_a_literal_of_no_command_is_not_waited_for():
    connection = talk(LOGIN, b"a NONSENSE {5}\r\nb CHECK {5}\r\nc NOOP\r\n")
    assert [line[:5] for line in connection.lines[2:]] == [b"a BAD", b"b BAD", b"c OK "]


def test_a_literal_beyond_patience_ends_the_connection():
    on = node(limits={"message_octets": 1000})
    connection = talk(LOGIN, b"a APPEND INBOX {2001+}\r\nx", on=on)
    assert connection.lines[-1] == b"* BYE [TOOBIG] The literal is too long."
    connection = talk(LOGIN, b"a APPEND INBOX {2000+}\r\n" + b"x" * 2000 + b"\r\nb NOOP\r\n", on=on)
    assert connection.lines[2:] == [b"a NO [TOOBIG] That is larger than this server takes.", b"b OK NOOP completed."]


def test_a_spool_whose_client_leaves_is_closed():
    on = node()
    talk(LOGIN, b"a APPEND INBOX {100000}\r\n", b"x" * 99_999, on=on)
    assert on.spools[0].closed and not on.account.appended


def test_a_store_without_room_is_told_when_the_octets_have_come():
    on = node()

    def full():
        raise errors.Unavailable

    on.blobs.spool = full
    connection = talk(LOGIN, b"a APPEND INBOX {100000+}\r\n" + b"x" * 100_000 + b"\r\nb NOOP\r\n", on=on)
    assert connection.lines[2:] == [b"a NO [UNAVAILABLE] " + errors.Unavailable.text.encode(), b"b OK NOOP completed."]


def test_before_login_literals_fit_a_line():
    connection = talk(b"a LOGIN {16}\r\n", b"user@example.com {8}\r\n", b"password\r\n")
    assert connection.lines[1:3] == [b"+ OK", b"+ OK"] and connection.lines[3].startswith(b"a OK [CAPABILITY ")
    connection = talk(b"a LOGIN {8192}\r\nb NOOP\r\n")
    assert connection.lines[1:] == [b"a NO [TOOBIG] The literal is too long.", b"b OK NOOP completed."]
