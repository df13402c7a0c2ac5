# SPDX-License-Identifier: MIT
"""ENABLE (RFC 5161): a client asks for what changes responses. What can be enabled is in the table of capabilities."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imapd.protocol.capability import is_advertised
from imapd.protocol.registry import Capability, capabilities, command
from imapd.protocol.states import AUTHENTICATED, AUTHENTICATED_UP
from imapd.wire.grammar import Cursor
from imapd.wire.responses import Enabled, Output

if TYPE_CHECKING:
    from imapd.protocol.session import Session

CAPABILITIES = (Capability(b"ENABLE", rfc=5161, states=AUTHENTICATED_UP),)


@dataclass(frozen=True, slots=True)
class Enable:
    names: tuple[bytes, ...]


def parse_enable(cursor: Cursor) -> Enable:
    """enable = "ENABLE" 1*(SP capability)"""
    cursor.sp()
    names = [cursor.word()]
    while cursor.take(b" "):
        names.append(cursor.word())
    return Enable(tuple(names))


@command("ENABLE", parse_enable, states=AUTHENTICATED, rfc=5161, capability="ENABLE")
def enable(session: Session, args: Enable) -> Iterator[Output]:
    """Unknown names are passed over without a word, and so are those that are on already."""
    enabled = []
    for capability in capabilities():
        if capability.enable is None or capability.name.upper() not in args.names:
            continue
        if capability.name not in session.enabled and is_advertised(capability, session):
            session.enable(capability.name)
            capability.enable(session)
            enabled.append(capability.name)
    yield Enabled(enabled)
