# SPDX-License-Identifier: MIT
"""SEARCHRES (RFC 5182): SEARCH RETURN (SAVE) keeps what it finds, and "$" stands for it in later commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imapd.commands.search_return import RETURN, ReturnOption, Returns
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


def save(session: Session, positions: Sequence[int], returns: Returns) -> None:
    uids = session.selected.view.uids
    session.saved = Saved((uids[at], uids[at]) for at in kept(positions, returns))


def kept(positions: Sequence[int], returns: Returns) -> Sequence[int]:
    """RFC 5182 section 2.4: only the ends where only MIN or MAX are asked for beside SAVE, all of it otherwise."""
    if not positions or b"ALL" in returns or b"COUNT" in returns:
        return positions
    ends = {b"MIN": positions[0], b"MAX": positions[-1]}
    asked = sorted({at for name, at in ends.items() if name in returns})
    return asked or positions


def forget(session: Session) -> None:
    session.saved = SequenceSet.SAVED


RETURN[b"SAVE"] = ReturnOption(keep=save, forget=forget)
