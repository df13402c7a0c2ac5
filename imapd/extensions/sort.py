# SPDX-License-Identifier: MIT
"""SORT (RFC 5256), SORT=DISPLAY (RFC 5957), ESORT (RFC 5267): SEARCH with an order, which mail/sort.py finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imapd.commands.search_keys import search_criteria
from imapd.commands.search_return import Found, Returns, forget, search_return_opts, told
from imapd.errors import MailError
from imapd.mail.sort import KEYS, Criterion
from imapd.protocol.answers import Refused
from imapd.protocol.registry import Capability, command
from imapd.protocol.states import AUTHENTICATED_UP, SELECTED
from imapd.wire import responses
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import Output

if TYPE_CHECKING:
    from imapd.protocol.session import Session

CAPABILITIES = (
    Capability(b"SORT", rfc=5256, states=AUTHENTICATED_UP),
    Capability(b"SORT=DISPLAY", rfc=5957, states=AUTHENTICATED_UP),
    Capability(b"ESORT", rfc=5267, states=AUTHENTICATED_UP),
)

MOST_CRITERIA = 2 * len(KEYS)

SORT_KEYS = {key.upper().encode("ascii"): key for key in KEYS}


@dataclass(frozen=True, slots=True)
class Sort:
    by: tuple[Criterion, ...]
    criteria: Any
    by_uid: bool
    returns: Returns | None = None  # None: asked without RETURN
    refused: Exception | None = None  # why there are no criteria


def parse_sort(cursor: Cursor) -> Sort:
    """sort = "SORT" SP [search-return-opts SP] sort-criteria SP search-criteria"""
    cursor.sp()
    returns = search_return_opts(cursor)
    by = sort_criteria(cursor)
    cursor.sp()
    try:
        return Sort(by, search_criteria(cursor), cursor.by_uid, returns)
    except (Refused, MailError) as why:
        cursor.position = len(cursor.text)
        return Sort(by, None, cursor.by_uid, returns, why)


def sort_criteria(cursor: Cursor) -> tuple[Criterion, ...]:
    """sort-criteria = "(" sort-criterion *(SP sort-criterion) ")" """
    found = cursor.listed(lambda: sort_criterion(cursor))
    if len(found) > MOST_CRITERIA:
        raise BadSyntax("Too many criteria of SORT.")
    return tuple(found)


def sort_criterion(cursor: Cursor) -> Criterion:
    """sort-criterion = ["REVERSE" SP] sort-key"""
    word = cursor.word()
    reverse = word == b"REVERSE"
    if reverse:
        cursor.sp()
        word = cursor.word()
    if word not in SORT_KEYS:
        raise BadSyntax("Unknown key of SORT.")
    return Criterion(SORT_KEYS[word], reverse)


@command(
    "SORT", parse_sort, states=SELECTED, sends_expunge=False, uid=True, rfc=5256, capability="SORT",
    reports_progress=True,
)  # fmt: skip
def sort(session: Session, args: Sort) -> Iterator[Output]:
    try:
        if args.refused:
            raise args.refused
        positions = session.selected.sort(args.criteria, args.by)
    except (Refused, MailError):
        forget(session, args.returns)
        raise
    yield from told(session, Found(positions, args.criteria, args.by_uid, args.by), args.returns, responses.Sort)
