# SPDX-License-Identifier: MIT
"""UNAUTHENTICATE (RFC 8437): nothing of one user is left when the next one logs in on the same connection."""

from imapd.protocol.session import NOTHING_ENABLED, Session
from imapd.protocol.states import State
from tests.protocol import talk
from tests.protocol.talk import LOGIN, SELECT

ALL_OF_IT = SELECT + b"e UNSELECT\r\ne ENABLE IMAP4rev2 CONDSTORE\r\ns SELECT INBOX\r\n"


def attributes(session):
    return {name: getattr(session, name) for name in Session.__slots__ if name not in ("id", "connection", "node", "framer")}


def test_a_session_is_as_it_was_made():
    node = talk.node()
    left = talk.talk(ALL_OF_IT + b"u UNAUTHENTICATE\r\nn NOOP\r\n", on=node).session
    fresh = Session(left.connection, node)
    fresh.state, fresh.tag = State.LOGOUT, b"n"
    fresh.bad_commands = left.bad_commands
    assert attributes(left) == attributes(fresh)
    assert left.framer.line_octets == fresh.framer.line_octets
    assert left.enabled is NOTHING_ENABLED
    assert not left.connection.logged_in


def test_the_registry_of_sessions_knows():
    node = talk.node()
    seen = []
    talk.talk(LOGIN, lambda: seen.append(len(node.live)) or b"u UNAUTHENTICATE\r\n",
              lambda: seen.append(len(node.live)) or LOGIN, lambda: seen.append(len(node.live)) or b"", on=node)  # fmt: skip
    assert (seen, node.live) == ([1, 0, 1], [])


def test_the_mailbox_is_left_and_nothing_is_expunged():
    node = talk.node()
    lines = talk.talk(SELECT + b"u UNAUTHENTICATE\r\nf FETCH 1 FLAGS\r\n" + LOGIN + b"f FETCH 1 FLAGS\r\n", on=node).lines
    assert [line for line in lines if line.startswith(b"f ")] == [
        b"f BAD Not allowed when not authenticated.", b"f BAD Not allowed when authenticated."
    ]  # fmt: skip
    assert node.account.mailboxes["INBOX"].closed


def test_a_compressed_connection_stays_whose_it_is():
    lines = talk.talk(LOGIN, b"c COMPRESS DEFLATE\r\n", b"u UNAUTHENTICATE\r\nn CAPABILITY\r\n").lines
    assert any(line.startswith(b"u BAD") for line in lines)
    assert not any(b"UNAUTHENTICATE" in line.split() for line in lines[-2:])
