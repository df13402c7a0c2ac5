# SPDX-License-Identifier: MIT
"""SEARCH. Its keys are read in search_keys.py and evaluated in mail/search.py; search_return.py tells what it found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imapd.commands.search_keys import search_program
from imapd.commands.search_return import Found, Returns, forget, search_return_opts, told
from imapd.errors import MailError
from imapd.protocol.answers import Refused
from imapd.protocol.registry import command
from imapd.protocol.states import SELECTED
from imapd.wire.grammar import Cursor
from imapd.wire.responses import Output

if TYPE_CHECKING:
    from imapd.protocol.session import Session


@dataclass(frozen=True, slots=True)
class Search:
    criteria: Any
    by_uid: bool
    returns: Returns | None = None  # None: asked without RETURN
    refused: Exception | None = None  # why there are no criteria


def parse_search(cursor: Cursor) -> Search:
    """search = "SEARCH" [search-return-opts] SP search-program"""
    cursor.sp()
    returns = search_return_opts(cursor)
    try:
        return Search(search_program(cursor), cursor.by_uid, returns)
    except (Refused, MailError) as why:
        # It is a SEARCH that ends in NO, and return options have a say in that.
        cursor.position = len(cursor.text)
        return Search(None, cursor.by_uid, returns, why)


@command("SEARCH", parse_search, states=SELECTED, sends_expunge=False, uid=True, reports_progress=True)
def search(session: Session, args: Search) -> Iterator[Output]:
    try:
        if args.refused:
            raise args.refused
        positions = session.selected.search(args.criteria)
    except (Refused, MailError):
        forget(session, args.returns)
        raise
    yield from told(session, Found(positions, args.criteria, args.by_uid), args.returns)
