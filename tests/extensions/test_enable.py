# SPDX-License-Identifier: MIT
"""ENABLE: switches on what is registered with a switch, once, and passes over the rest."""

from unittest.mock import patch

from imapd.extensions import enable
from imapd.protocol.registry import Capability
from tests.protocol.talk import LOGIN, SELECT, node, talk

SWITCHED = []
SWITCH = Capability(b"X-Switch", rfc=0, enable=lambda session: SWITCHED.append(session))


def with_a_switch(*pieces, on=None):
    SWITCHED.clear()
    both = (*enable.CAPABILITIES, SWITCH)
    with patch.object(enable, "capabilities", lambda: both):
        return talk(*pieces, on=on)


def test_it_is_switched_on_once():
    connection = with_a_switch(LOGIN + b"a ENABLE NONSENSE x-switch IDLE X-SWITCH\r\nb ENABLE X-Switch\r\n")
    assert connection.lines[2:] == [
        b"* ENABLED X-Switch", b"a OK ENABLE completed.", b"* ENABLED", b"b OK ENABLE completed.",
    ]  # fmt: skip
    assert len(SWITCHED) == 1 and connection.session.enabled == {b"X-Switch"}


def test_what_the_operator_hides_cannot_be_switched_on():
    connection = with_a_switch(LOGIN + b"a ENABLE X-Switch\r\n", on=node(imap={"capabilities": ("IDLE",)}))
    assert connection.lines[2:] == [b"* ENABLED", b"a OK ENABLE completed."]


def test_only_after_login_and_before_a_mailbox():
    assert talk(b"a ENABLE X\r\n").lines[-1].startswith(b"a BAD ")
    assert talk(SELECT + b"a ENABLE X\r\n").lines[-1].startswith(b"a BAD ")
    for broken in (b"", b" ", b" (X)", b" X ", b' "X"'):
        assert talk(LOGIN + b"a ENABLE" + broken + b"\r\n").lines[-1].startswith(b"a BAD ")
