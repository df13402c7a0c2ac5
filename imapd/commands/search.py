# SPDX-License-Identifier: MIT
"""SEARCH. Its keys are read in search_keys.py and evaluated in mail/search.py; search_return.py tells what it found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imapd.commands.search_keys import search_program
from imapd.commands.search_return import search_return_opts, told
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
    returns: Mapping[bytes, Any] | None = None  # None: asked without RETURN


def parse_search(cursor: Cursor) -> Search:
    """search = "SEARCH" [search-return-opts] SP search-program"""
    cursor.sp()
    returns = search_return_opts(cursor)
    criteria = search_program(cursor)
    return Search(criteria, cursor.by_uid, returns)


@command("SEARCH", parse_search, states=SELECTED, sends_expunge=False, uid=True)
def search(session: Session, args: Search) -> Iterator[Output]:
    positions = session.selected.search(args.criteria)
    yield told(session, positions, args.by_uid, args.returns)
