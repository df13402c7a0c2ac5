# SPDX-License-Identifier: MIT
"""CAPABILITY: read off the registry, filtered by the operator, but never so that a password goes in the clear."""

from imapd.protocol.registry import capabilities, commands, table
from tests.protocol.talk import LOGIN, node, talk


def advertised(*pieces, **how):
    lines = talk(*pieces, b"c CAPABILITY\r\n", **how).lines
    (line,) = [line for line in lines if line.startswith(b"* CAPABILITY ")]
    return line.split(b" ")[2:]


def test_what_a_client_cannot_live_without():
    assert {
        b"IMAP4rev1", b"LITERAL+", b"SASL-IR", b"ID", b"IDLE", b"NAMESPACE", b"UNSELECT", b"UIDPLUS", b"MOVE", b"CHILDREN",
        b"SPECIAL-USE", b"ENABLE",
    } <= set(advertised()) | set(advertised(LOGIN))  # fmt: skip
    assert advertised()[0] == b"IMAP4rev1"


def test_before_login_it_tells_how_to_log_in_and_afterwards_not():
    assert {b"AUTH=PLAIN", b"AUTH=LOGIN", b"SASL-IR"} <= set(advertised())
    assert not {b"AUTH=PLAIN", b"AUTH=LOGIN", b"SASL-IR", b"STARTTLS"} & set(advertised(LOGIN))


def test_the_operators_list_filters_what_there_is():
    on = node(imap={"capabilities": ("IMAP4rev1", "idle", "QUOTA", "NAMESPACE", "X-NOPE")})
    assert advertised(LOGIN, on=on) == [b"IMAP4rev1", b"IDLE", b"NAMESPACE", b"QUOTA"]


def test_but_no_list_hides_what_keeps_passwords_safe():
    on = node(imap={"capabilities": ("IDLE",)})
    assert advertised(on=on, tls=False) == [b"IMAP4rev1", b"STARTTLS", b"LOGINDISABLED", b"IDLE"]


def test_nothing_is_said_twice_and_everything_is_a_word():
    names = [capability.name for capability in capabilities()]
    assert len(set(names)) == len(names)
    assert all(name and name.isascii() and b" " not in name for name in names)


def test_every_capability_that_a_command_names_is_there():
    names = {capability.name for capability in capabilities()}
    assert {command.capability for command in commands().values()} - {None} <= names


def test_the_table_is_fit_for_people():
    rows = {row.name: row for row in table()}
    assert rows["IDLE"].file == "imapd/extensions/idle.py" and rows["IDLE"].rfc == 2177
    assert rows["NOOP"].states == ("not authenticated", "authenticated", "selected")
    assert rows["UID STORE"].states == ("selected",)
    assert [row.name for row in table()] == sorted(rows)
