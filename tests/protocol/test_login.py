# SPDX-License-Identifier: MIT
"""LOGIN, AUTHENTICATE and STARTTLS: how a password travels, where it may not, and what is forgotten when TLS begins."""

from base64 import b64encode

import pytest

from imapd import errors
from tests.protocol.talk import LOGIN, node, tagged, talk

PLAIN = b64encode(b"\0user@example.com\0password")
LOGGED_IN = b"OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ "


def cleartext(*pieces, on=None, loopback=False):
    return talk(*pieces, on=on or node(), tls=False, loopback=loopback)


def test_the_greeting_has_the_capabilities():
    (greeting,) = talk().lines
    assert greeting.startswith(b"* OK [CAPABILITY IMAP4rev1 ") and greeting.endswith(b"] imapd ready")


@pytest.mark.parametrize(
    "pieces",
    [
        [b"a LOGIN user@example.com password\r\n"],
        [b'a login "user@example.com" "password"\r\n'],
        [b"a LOGIN {16+}\r\nuser@example.com {8+}\r\npassword\r\n"],
        [b"a AUTHENTICATE PLAIN " + PLAIN + b"\r\n"],
        [b"a authenticate plain\r\n", PLAIN + b"\r\n"],
        [b"a AUTHENTICATE LOGIN\r\n", b64encode(b"user@example.com") + b"\r\n", b64encode(b"password") + b"\r\n"],
        [b"a AUTHENTICATE LOGIN " + b64encode(b"user@example.com") + b"\r\n", b64encode(b"password") + b"\r\n"],
    ],
)
def test_logging_in(pieces):
    on = node()
    connection = talk(*pieces, on=on)
    assert connection.lines[-1].startswith(b"a " + LOGGED_IN)
    assert connection.lines[-1].endswith(b"] Logged in.")
    assert connection.logged_in and on.authenticator.asked == [("user@example.com", "password")]
    assert on.metrics.auth == ["success"] and on.live == []


def test_challenges():
    assert talk(b"a AUTHENTICATE PLAIN\r\n").lines[1:] == [b"+ "]
    assert talk(b"a AUTHENTICATE LOGIN\r\n", b"dQ==\r\n").lines[1:] == [b"+ VXNlcm5hbWU6", b"+ UGFzc3dvcmQ6"]


@pytest.mark.parametrize(
    "pieces",
    [
        [b"a LOGIN user@example.com wrong\r\n"],
        [b"a LOGIN nobody@example.com password\r\n"],
        [b'a LOGIN "" ""\r\n'],
        [b"a LOGIN {1+}\r\n\xff x\r\n"],
        [b"a LOGIN %{user}%9999999999u ${jndi:x}\r\n"],
        [b"a LOGIN user@example.com {5000+}\r\n" + b"x" * 5000 + b"\r\n"],
        [b"a AUTHENTICATE PLAIN " + b64encode(b"\0user@example.com\0wrong") + b"\r\n"],
        [b"a AUTHENTICATE PLAIN =\r\n"],
        [b"a AUTHENTICATE PLAIN\r\n", b"\r\n"],
    ],
)
def test_not_logging_in(pieces):
    on = node()
    connection = talk(*pieces, b"z LOGIN user@example.com password\r\n", on=on)
    told = tagged(connection, b"a")[-1]
    assert told in (b"a NO [AUTHENTICATIONFAILED] Authentication failed.", b"a BAD Expected a space.", b"a BAD Expected a string.")
    assert tagged(connection, b"z")[-1].startswith(b"z " + LOGGED_IN)


def test_acting_for_somebody_else():
    connection = talk(b"a AUTHENTICATE PLAIN " + b64encode(b"bob\0user@example.com\0password") + b"\r\n")
    assert connection.lines[1].startswith(b"a NO [AUTHORIZATIONFAILED] ")


@pytest.mark.parametrize("response", [b"!!!", b"YQ==YQ==", b"YQ", b"Y Q==", b"x" * 8193, b"\0", b"\xff"])
def test_what_is_no_base64(response):
    on = node()
    lines = talk(b"a AUTHENTICATE PLAIN\r\n", response + b"\r\nz NOOP\r\n", on=on).lines
    assert lines[1] == b"+ " and lines[2].startswith(b"a BAD ") and lines[3] == b"z OK NOOP completed."
    assert not on.authenticator.asked


def test_a_response_without_end():
    assert talk(b"a AUTHENTICATE PLAIN\r\n", b"x" * 70_000).lines[-1].startswith(b"* BYE [TOOBIG] ")


def test_taking_it_back():
    lines = talk(b"a AUTHENTICATE PLAIN\r\n", b"*\r\nz NOOP\r\n").lines
    assert lines[2:] == [b"a BAD Authentication is cancelled.", b"z OK NOOP completed."]


def test_a_mechanism_that_nobody_knows():
    assert talk(b"a AUTHENTICATE KERBEROS_V4\r\n").lines[1].startswith(b"a NO [CANNOT] ")


def test_when_the_store_is_down_nobody_has_failed():
    on = node()

    def down(*args):
        raise errors.Unavailable

    on.authenticator.verify = down
    assert talk(LOGIN, on=on).lines[1].startswith(b"l NO [UNAVAILABLE] ")
    assert on.metrics.auth == []


def test_logging_in_twice_is_bad():
    assert tagged(talk(LOGIN, b"t LOGIN user@example.com password\r\n"), b"t")[0].startswith(b"t BAD ")


# Cleartext


def test_a_password_in_the_clear_is_not_looked_at(capsys):
    on = node()
    lines = cleartext(
        b"a LOGIN user@example.com password\r\nb AUTHENTICATE PLAIN " + PLAIN + b"\r\nc AUTHENTICATE LOGIN\r\nd NOOP\r\n", on=on
    ).lines
    assert b"LOGINDISABLED" in lines[0] and b"STARTTLS" in lines[0] and b"AUTH=" not in lines[0]
    assert [line[:23] for line in lines[1:4]] == [b"%c NO [PRIVACYREQUIRED] " % tag for tag in b"abc"]
    assert lines[4] == b"d OK NOOP completed."
    assert not on.authenticator.asked and not on.metrics.auth
    assert "password" not in capsys.readouterr().err


def test_loopback_may_be_trusted():
    on = node(auth={"cleartext": "loopback"})
    lines = cleartext(LOGIN, on=on, loopback=True).lines
    assert b"LOGINDISABLED" not in lines[0] and b"AUTH=PLAIN" in lines[0]
    assert lines[1].startswith(b"l " + LOGGED_IN)
    assert cleartext(LOGIN, on=on, loopback=False).lines[1].startswith(b"l NO [PRIVACYREQUIRED] ")
    assert cleartext(LOGIN, loopback=True).lines[1].startswith(b"l NO [PRIVACYREQUIRED] ")


# STARTTLS


def test_t02_nothing_said_in_the_clear_lives_on_behind_tls():
    for behind in (b"A2 LOGIN {3+}\r\nbo", b"A2 NOOP\r\nA3 DELETE Sent\r\n", b"A2 NO"):
        on = node()
        connection = cleartext(b"A0 CAPABILITY\r\nA1 STARTTLS\r\n" + behind, b"b pw\r\n", b"z NOOP\r\n", on=on)
        at = connection.lines.index(b"A1 OK Begin TLS negotiation now.")
        assert connection.lines[at + 1] == b"<TLS>"
        assert connection.lines[at + 2].startswith((b"b BAD", b"* BAD")) and connection.lines[-1] == b"z OK NOOP completed."
        assert not any(line.startswith((b"A2", b"A3")) for line in connection.lines)


def test_after_starttls_the_capabilities_are_others():
    lines = cleartext(b"a STARTTLS\r\n", b"b CAPABILITY\r\nc STARTTLS\r\n").lines
    assert b"STARTTLS" not in lines[3] and b"LOGINDISABLED" not in lines[3] and b"AUTH=PLAIN" in lines[3]
    assert lines[-1].startswith(b"c BAD ")


def test_starttls_takes_no_arguments_and_needs_a_certificate():
    assert cleartext(b"a STARTTLS x\r\n").lines[1].startswith(b"a BAD ")
    assert cleartext(b"a STARTTLS {1+}\r\nx\r\n").lines[1].startswith(b"a BAD ")
    lines = cleartext(b"a STARTTLS\r\n", on=node(tls={"certificate": None, "key": None})).lines
    assert b"STARTTLS" not in lines[0] and lines[1] == b"a BAD TLS is not offered here."


def test_t04_what_a_stranger_may_have_said_is_forgotten():
    connection = cleartext(b'a ID ("name" "evil")\r\nb STARTTLS\r\n')
    assert connection.lines[-1] == b"<TLS>"
    assert connection.session.user_agent == "" and not connection.session.enabled


def test_bad_commands_before_starttls_still_count():
    lines = cleartext(b"x\r\ny\r\na STARTTLS\r\n", b"z\r\n").lines
    assert lines[-1] == b"* BYE Too many invalid commands."
