# SPDX-License-Identifier: MIT
"""APPEND: what is read, what is asked before octets are taken, where they go."""

import pytest

from imapd import errors
from imapd.settings import Limits
from tests.commands.fake_mail import Client

MESSAGE = "Subject: afternoon meeting\r\n\r\nHello Joe\r\n"


def appended(client):
    (call,) = [call for call in client.account.calls if call[0] == "append"]
    return call[1], call[2]


def test_rfc_3501_example():
    client = Client()
    announced = f'A003 APPEND saved-messages (\\Seen) "05-Jan-1994 23:45:00 -0500" {{{len(MESSAGE)}}}\r\n'
    lines = client.say(announced, MESSAGE + "\r\n")
    assert lines == ["+ OK", "A003 OK [APPENDUID 38505 3955] APPEND completed."]
    name, (draft,) = appended(client)
    assert name == "saved-messages"
    assert draft.flags == ["\\Seen"]
    assert (draft.seconds, draft.zone) == (757831500, -300)
    assert draft.literal.data == MESSAGE.encode()
    assert client.account.calls[0] == ("check_append", "saved-messages", len(MESSAGE))


@pytest.mark.parametrize(
    ("options", "flags", "seconds", "zone"),
    [
        ("", [], None, 0),
        ("() ", [], None, 0),
        ("(\\seen \\FLAGGED $Label1) ", ["\\Seen", "\\Flagged", "$Label1"], None, 0),
        ('" 1-Jan-1970 00:00:10 +0000" ', [], 10, 0),
        ('(\\Draft) "01-Jan-1970 01:00:10 +0100" ', ["\\Draft"], 10, 60),
    ],
)
def test_options(options, flags, seconds, zone):
    client = Client()
    assert client.do(f"APPEND INBOX {options}{{1+}}\r\nx")[1] == "OK [APPENDUID 38505 3955] APPEND completed."
    name, (draft,) = appended(client)
    assert (name, draft.flags, draft.seconds, draft.zone) == ("INBOX", flags, seconds, zone)


def test_name_as_literal():
    client = Client()
    assert client.say("a APPEND {5}\r\n", "inbox {1}\r\n", "x\r\n") == [
        "+ OK",
        "+ OK",
        "a OK [APPENDUID 38505 3955] APPEND completed.",
    ]
    assert appended(client)[0] == "INBOX"


def test_several_messages():
    client = Client()
    assert client.do("APPEND a (\\Seen) {1+}\r\nx {2+}\r\nyz () {3+}\r\nabc")[1].startswith(
        "OK [APPENDUID 38505 3955:3957]"
    )
    assert [draft.literal.data for draft in appended(client)[1]] == [b"x", b"yz", b"abc"]


def test_literal8():
    client = Client()
    assert client.do("APPEND a ~{3+}\r\na\0b")[1].startswith("OK ")
    (draft,) = appended(client)[1]
    assert draft.literal.binary
    assert draft.literal.data == b"a\0b"


def test_large_message_is_spooled():
    client = Client()
    body = "x" * 70000
    client.do(f"APPEND a {{{len(body)}+}}\r\n{body}")
    (draft,) = appended(client)[1]
    assert draft.literal.spool is client.spools[0]
    assert draft.literal.size == 70000
    assert client.spools[0].octets == body.encode()


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (errors.NoTarget(), "a NO [TRYCREATE] No such mailbox."),
        (errors.OverQuota(), "a NO [OVERQUOTA] "),
        (errors.NoPermission(), "a NO [NOPERM] "),
        (errors.TooBig(), "a NO [TOOBIG] "),
    ],
)
def test_refused_before_the_octets_are_taken(error, answer):
    client = Client()
    client.account.fails = error
    (line,) = client.say("a APPEND nowhere {100000}\r\n")
    assert line.startswith(answer)
    # Who does not wait has sent the octets already: they are passed over, and are no command.
    octets = "a2 DELETE Sent\r\n" * 5000
    first, second = client.say(f"a APPEND nowhere {{{len(octets)}+}}\r\n{octets}\r\nb NOOP\r\n")
    assert first.startswith(answer)
    assert second == "b OK NOOP completed."
    assert {call[0] for call in client.account.calls} == {"check_append"}


def test_what_is_short_and_already_here_is_not_asked_for_before():
    client = Client()
    client.account.fails = errors.NoTarget()
    octets = "a2 DELETE Sent\r\n" * 100
    first, second = client.say(f"a APPEND nowhere {{{len(octets)}+}}\r\n{octets}\r\nb NOOP\r\n")
    assert first == "a NO [TRYCREATE] No such mailbox."
    assert second == "b OK NOOP completed."
    assert [call[0] for call in client.account.calls] == ["append"]


def test_refused_at_the_end():
    client = Client()
    client.account.append = lambda name, drafts: (_ for _ in ()).throw(errors.OverQuota())
    assert client.do("APPEND a {1+}\r\nx {1+}\r\ny")[1].startswith("NO [OVERQUOTA] ")


def test_too_large():
    client = Client(limits=Limits(message_octets=1000))
    assert client.say("a APPEND a {1001}\r\n")[0].startswith("a NO [TOOBIG] ")
    assert client.say("a APPEND a {1000}\r\n")[0] == "+ OK"


def test_name_literal_is_no_message():
    client = Client(limits=Limits(literal_octets=1000))
    assert client.say("a APPEND {1001}\r\n")[0].startswith("a NO [TOOBIG] ")
    assert not client.account.calls


def test_empty_message_takes_everything_back():
    client = Client()
    assert client.do("APPEND a {1+}\r\nx {0+}\r\n")[1].startswith("NO ")
    assert "append" not in [call[0] for call in client.account.calls]


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        " a",
        " a ",
        " a x",
        ' a "text"',
        " {1+}\r\nx",
        " a {1+}\r\nx ",
        " a {1+}\r\nxy",
        " a {1+}\r\nx y",
        " a (\\Recent) {1+}\r\nx",
        " a (\\Seen {1+}\r\nx",
        " a (\\Seen){1+}\r\nx",
        " a (\\NoSuch) {1+}\r\nx",
        ' a "32-Jan-1994 23:45:00 -0500" {1+}\r\nx',
        ' a "05-Jan-1994 25:45:00 -0500" {1+}\r\nx',
        ' a "05-Jan-1994" {1+}\r\nx',
        ' a "05-Jan-1994 23:45:00 -0500" (\\Seen) {1+}\r\nx',
        " a &- &x {1+}\r\nx",
    ],
)
def test_bad(arguments):
    client = Client()
    assert client.say(f"a1 APPEND{arguments}\r\n")[-1].startswith("a1 BAD ")
    assert "append" not in [call[0] for call in client.account.calls]
    assert client.do("NOOP")[1].startswith("OK")
