# SPDX-License-Identifier: MIT
"""What CAPABILITY says to one session at one moment: read off the registry, filtered by the operator's list."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from imapd.protocol.registry import Capability, capabilities

if TYPE_CHECKING:
    from imapd.protocol.session import Session


def advertised(session: Session) -> list[bytes]:
    """The names, in the order of the registry."""
    return [shown(capability, session) for capability in capabilities() if is_advertised(capability, session)]


def shown(capability: Capability, session: Session) -> bytes:
    """capability = atom, with its value where it has one"""
    return capability.name if capability.value is None else b"%b=%b" % (capability.name, capability.value(session))


def is_advertised(capability: Capability, session: Session) -> bool:
    """Implemented, allowed by imap.capabilities, and of use in this state."""
    if session.state not in capability.states:
        return False
    if capability.when is not None and not capability.when(session):
        return False
    return capability.always or _is_allowed(capability.name, session.settings.imap.capabilities)


def streamed_octets(session: Session) -> int | None:
    """The longest literal that need not wait for our word; None: whatever the command takes."""
    return min((most for capability, most in _bounding() if is_advertised(capability, session)), default=None)


@cache
def _bounding() -> list[tuple[Capability, int]]:
    """Asked for each literal: those that bound one, which are few."""
    return [(each, each.streamed_octets) for each in capabilities() if each.streamed_octets is not None]


def _is_allowed(name: bytes, listed: tuple[str, ...] | None) -> bool:
    return listed is None or name.decode("ascii").upper() in (each.upper() for each in listed)
