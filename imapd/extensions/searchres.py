# SPDX-License-Identifier: MIT
"""SEARCHRES (RFC 5182): SEARCH RETURN (SAVE) keeps what it finds, and "$" stands for it in later commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imapd.commands.search_return import RETURN, Found, ReturnOption, Returns, ends
from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.sequence import SequenceSet

if TYPE_CHECKING:
    from imapd.protocol.session import Session

CAPABILITIES = (Capability(b"SEARCHRES", rfc=5182, states=AUTHENTICATED_UP),)


class Saved(SequenceSet):
    """Messages that were found, by UID: whoever asks by number means the same ones, and not one that is gone."""

    __slots__ = ()

    def positions(self, uids: Sequence[int], by_uid: bool) -> list[range]:
        return super().positions(uids, by_uid=True)


def save(session: Session, found: Found, returns: Returns) -> None:
    uids = session.selected.view.uids
    session.saved = Saved((uids[at], uids[at]) for at in ends(found.positions, returns))


def forget(session: Session) -> None:
    session.saved = SequenceSet.SAVED


RETURN[b"SAVE"] = ReturnOption(keep=save, forget=forget)
