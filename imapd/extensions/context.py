# SPDX-License-Identifier: MIT
"""CONTEXT=SEARCH and CONTEXT=SORT (RFC 5267 section 4): a client is told how the results of its search change.

PARTIAL is in partial.py. Only messages that have changed are looked at, wherever the criteria allow it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imapd.commands.search_return import RETURN, Found, ReturnOption, Returns
from imapd.errors import MailError
from imapd.mail import search
from imapd.mail.criteria import is_of_each
from imapd.protocol.registry import Capability, command
from imapd.protocol.states import AUTHENTICATED_UP, SELECTED
from imapd.wire import encode
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import No, Output
from imapd.wire.sequence import compact

if TYPE_CHECKING:
    from imapd.mail.mailbox import Mailbox
    from imapd.mail.snapshot import Snapshot
    from imapd.protocol.session import Session

CAPABILITIES = (
    Capability(b"CONTEXT=SEARCH", rfc=5267, states=AUTHENTICATED_UP),
    Capability(b"CONTEXT=SORT", rfc=5267, states=AUTHENTICATED_UP),
)

MOST = 8
"""So many searches of a session are kept up to date at once."""

ANYWHERE = 0
"""The position of a result where there is no order but that of the mailbox."""


class Context:
    """The results of one search, in their order, as the client knows them."""

    __slots__ = ("_modseq", "_search", "_uids", "_view", "tag")

    def __init__(self, tag: bytes, found: Found, view: Snapshot):
        self.tag = tag
        self._search = found
        self._uids = array("I", map(view.uids.__getitem__, found.positions))
        self._view, self._modseq = view, view.modseq

    def removed(self, before: Snapshot, vanished: Collection[int]) -> Iterator[Output]:
        """Messages are expunged; before: the view that still has them."""
        gone = set(self._uids).intersection(vanished)
        if gone:
            yield self._told(self._without(gone, before))

    def changed(self, mailbox: Mailbox) -> Iterator[Output]:
        """The view is perhaps another one."""
        if mailbox.view is self._view:
            return
        try:
            items = self._renewed(mailbox)
        except MailError:  # it is asked again when there is something else to tell
            return
        self._view, self._modseq = mailbox.view, mailbox.view.modseq
        if items:
            yield self._told(b" ".join(items))

    def _renewed(self, mailbox: Mailbox) -> list[bytes]:
        view, known = mailbox.view, set(self._uids)
        gone, new = self._differences(mailbox, known)
        # What may fail comes first: then nothing has been changed here.
        order = self._in_order(mailbox, (known - gone) | new) if new else ()
        items = [self._without(gone, view)] if gone else []
        if new:
            items.append(self._with(new, order, view))
        return items

    def _differences(self, mailbox: Mailbox, known: set[int]) -> tuple[set[int], set[int]]:
        """UIDs that no longer belong to the results, and UIDs that now do."""
        view, criteria = mailbox.view, self._search.criteria
        if not is_of_each(criteria):
            now = set(map(view.uids.__getitem__, mailbox.search(criteria)))
            return known - now, now - known
        touched = view.changed_since(self._modseq)
        meet = set(map(view.uids.__getitem__, search.among(mailbox, criteria, touched)))
        return known.intersection(map(view.uids.__getitem__, touched)) - meet, meet - known

    def _in_order(self, mailbox: Mailbox, uids: set[int]) -> Sequence[int]:
        if not self._search.by:
            return sorted(uids)
        view = mailbox.view
        positions = sorted(at for uid in uids if (at := view.position(uid)) is not None)
        return [view.uids[at] for at in mailbox.sorted(positions, self._search.by)]

    def _without(self, gone: set[int], view: Snapshot) -> bytes:
        """ret-data-removefrom = "REMOVEFROM" SP "(" context-position SP sequence-set *(SP …) ")"

        From the end on, so that each position is what the client has at that moment.
        """
        pairs = self._pairs(gone, self._uids, view)
        self._uids = array("I", (uid for uid in self._uids if uid not in gone))
        return b"REMOVEFROM (%b)" % b" ".join(reversed(pairs))

    def _with(self, new: set[int], order: Sequence[int], view: Snapshot) -> bytes:
        """ret-data-addto = "ADDTO" SP "(" context-position SP sequence-set *(SP …) ")" """
        self._uids = array("I", order)
        return b"ADDTO (%b)" % b" ".join(self._pairs(new, order, view))

    def _pairs(self, chosen: set[int], order: Sequence[int], view: Snapshot) -> list[bytes]:
        """Where the chosen ones stand in an order: runs of them, each with its position."""
        number = self._numbered(view)
        if not self._search.by:
            return [b"%d %b" % (ANYWHERE, compact(map(number, sorted(chosen))))]
        runs: list[list[int]] = []
        last = None
        for place, uid in enumerate(order):
            if uid in chosen:
                if last != place - 1:
                    runs.append([place + 1])
                runs[-1].append(number(uid))
                last = place
        return [b"%d %b" % (place, compact(numbers)) for place, *numbers in runs]

    def _numbered(self, view: Snapshot) -> Callable[[int], int]:
        """How the client counts messages."""
        return int if self._search.by_uid else lambda uid: (view.position(uid) or 0) + 1

    def _told(self, items: bytes) -> bytes:
        by_uid = b" UID" if self._search.by_uid else b""
        return b"* ESEARCH (TAG %b)%b %b\r\n" % (encode.quoted(self.tag), by_uid, items)


def update(session: Session, found: Found, returns: Returns) -> Output | None:
    """modifier-update = "UPDATE" """
    if any(context.tag == session.tag for context in session.contexts):
        raise BadSyntax("That tag stands for another search.")
    if len(session.contexts) >= MOST:
        return No("Too many searches are kept up to date.", b"NOUPDATE " + encode.quoted(session.tag))
    session.contexts = (*session.contexts, Context(session.tag, found, session.selected.view))
    return None


def nothing(numbers: Sequence[int], value: object) -> None:
    """An option that the response to the search says nothing of."""


RETURN[b"UPDATE"] = ReturnOption(nothing, keep=update)
# Only a hint: nothing of a search is worth keeping.
RETURN[b"CONTEXT"] = ReturnOption(nothing)


@dataclass(frozen=True, slots=True)
class CancelUpdate:
    tags: frozenset[bytes]


def parse_cancelupdate(cursor: Cursor) -> CancelUpdate:
    """cancelupdate = "CANCELUPDATE" 1*(SP quoted)"""
    tags: list[bytes] = []
    while not tags or not cursor.at_end():
        cursor.sp()
        tags.append(cursor.string())
    return CancelUpdate(frozenset(tags))


@command("CANCELUPDATE", parse_cancelupdate, states=SELECTED, rfc=5267, capability="CONTEXT=SEARCH")
def cancelupdate(session: Session, args: CancelUpdate) -> Iterator[Output]:
    if not args.tags <= {context.tag for context in session.contexts}:
        raise BadSyntax("No search of that tag is kept up to date.")
    session.contexts = tuple(context for context in session.contexts if context.tag not in args.tags)
    yield from ()
