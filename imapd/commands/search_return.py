# SPDX-License-Identifier: MIT
"""How a SEARCH tells what it found: the plain line of numbers, or ESEARCH (RFC 4731) with the items asked for.

RETURN is the table of return options; it is empty here, extensions fill it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imapd.mail import criteria
from imapd.protocol.session import CONDSTORE, IMAP4REV2
from imapd.wire import encode
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import Output, Search

if TYPE_CHECKING:
    from imapd.mail.sort import Criterion
    from imapd.protocol.session import Session

_RETURN = re.compile(rb"RETURN ", re.IGNORECASE)


Returns = Mapping[bytes, Any]
"""Return options by name, with what their readers returned."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has found: positions of the view, in the order to tell them in. by: what they are sorted by."""

    positions: Sequence[int]
    criteria: Any
    by_uid: bool
    by: tuple[Criterion, ...] = ()


@dataclass(frozen=True, slots=True)
class ReturnOption:
    """What an option adds to ESEARCH: octets such as b"MIN 2", or nothing; it gets the numbers found and its value.

    `keep` is for an option that does something with what was found rather than tell it; what it returns is told first.
    `forget` undoes that when a search fails. `chooses` says which positions it tells of, where that is not all of them.
    Of those that `list` messages a search takes one.
    """

    item: Callable[[Sequence[int], Any], bytes | None] | None = None
    read: Callable[[Cursor], Any] | None = None
    keep: Callable[[Session, Found, Returns], Output | None] | None = None
    forget: Callable[[Session], None] | None = None
    chooses: Callable[[Sequence[int], Any], Sequence[int]] | None = None
    lists: bool = False


RETURN: dict[bytes, ReturnOption] = {}


def search_return_opts(cursor: Cursor) -> Returns | None:
    """search-return-opts = "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")" SP"""
    if not cursor.scan(_RETURN):
        return None
    options = [] if cursor.take(b"()") else cursor.listed(lambda: search_return_opt(cursor))
    cursor.sp()
    if sum(RETURN[name].lists for name, _ in options) > 1:
        raise BadSyntax("The messages found can be told in one way only.")
    return dict(options) or {b"ALL": True}


def search_return_opt(cursor: Cursor) -> tuple[bytes, Any]:
    """search-return-opt = search-modifier-name [SP search-mod-params]"""
    name = cursor.word()
    if name not in RETURN:
        raise BadSyntax("Unknown return option of SEARCH.")
    read = RETURN[name].read
    return name, read(cursor) if read else True


def told(session: Session, found: Found, returns: Returns | None, plain: type[Search] = Search) -> Iterator[Output]:
    """The response to a search; none if it was not to tell. plain: the response where there is no RETURN."""
    positions = found.positions
    numbers = numbered(session.selected.view.uids, positions, found.by_uid)
    modseq = highest_modseq(session, positions, returns) if asks_modseq(found.criteria) else None
    if returns is None:
        if plain is not Search or IMAP4REV2 not in session.enabled:
            yield plain(numbers, modseq)
            return
        returns = {b"ALL": True}
    for name in returns:
        if (keep := RETURN[name].keep) and (said := keep(session, found, returns)):
            yield said
    if any(RETURN[name].item for name in returns):
        yield esearch(session.tag, numbers, found.by_uid, returns, modseq)


def asks_modseq(criterion: Any) -> bool:
    """Whether a search names a modseq: then it is also told one."""
    match criterion:
        case criteria.And(parts):
            return any(map(asks_modseq, parts))
        case criteria.Or(first, second):
            return asks_modseq(first) or asks_modseq(second)
        case criteria.Not(inner):
            return asks_modseq(inner)
    return isinstance(criterion, criteria.ModSeq)


def highest_modseq(session: Session, positions: Sequence[int], returns: Returns | None = None) -> int | None:
    """The highest modseq of the messages that are told (RFC 7162 3.1.6, RFC 4731 3.2); none where nothing was found."""
    session.enable(CONDSTORE)
    modseqs = session.selected.view.modseqs
    return max((modseqs[at] for at in ends(positions, returns or {})), default=None)


def ends(positions: Sequence[int], returns: Returns) -> Sequence[int]:
    """What the return options tell of, where they do something with whole messages: what those asked for choose, such
    as MIN and MAX, else all that was found (RFC 4731 3.2, RFC 5182 2.4, RFC 9394 3.2)."""
    choosing = [(RETURN[name].chooses, value) for name, value in returns.items() if RETURN[name].chooses]
    if not choosing or b"ALL" in returns or b"COUNT" in returns:
        return positions
    return sorted({at for chooses, value in choosing if chooses for at in chooses(positions, value)})


def forget(session: Session, returns: Returns | None) -> None:
    """The search is answered with NO."""
    for name in returns or ():
        if undo := RETURN[name].forget:
            undo(session)


def numbered(uids: Sequence[int], positions: Sequence[int], by_uid: bool) -> list[int]:
    """Positions as the client counts: by UID or by sequence number."""
    return [uids[at] for at in positions] if by_uid else [at + 1 for at in positions]


def esearch(tag: bytes, numbers: Sequence[int], by_uid: bool, returns: Returns, modseq: int | None = None) -> bytes:
    """esearch-response = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)"""
    parts = [b"* ESEARCH (TAG %b)" % encode.quoted(tag)]
    if by_uid:
        parts.append(b"UID")
    for name, value in returns.items():
        item = RETURN[name].item
        if item and (data := item(numbers, value)):
            parts.append(data)
    if modseq is not None:
        parts.append(b"MODSEQ %d" % modseq)
    return b" ".join(parts) + b"\r\n"
