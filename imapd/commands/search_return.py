# SPDX-License-Identifier: MIT
"""How a SEARCH tells what it found: the plain line of numbers, or ESEARCH (RFC 4731) with the items asked for.

RETURN is the table of return options; it is empty here, extensions fill it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imapd.wire import encode
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import Output, Search

if TYPE_CHECKING:
    from imapd.protocol.session import Session

_RETURN = re.compile(rb"RETURN ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ReturnOption:
    """What an option adds to ESEARCH: octets such as b"MIN 2", or nothing. It gets the numbers found and its value."""

    item: Callable[[Sequence[int], Any], bytes | None]
    read: Callable[[Cursor], Any] | None = None


RETURN: dict[bytes, ReturnOption] = {}


def search_return_opts(cursor: Cursor) -> Mapping[bytes, Any] | None:
    """search-return-opts = "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")" SP"""
    if not cursor.scan(_RETURN):
        return None
    options = {} if cursor.take(b"()") else dict(cursor.listed(lambda: search_return_opt(cursor)))
    cursor.sp()
    return options or {b"ALL": True}


def search_return_opt(cursor: Cursor) -> tuple[bytes, Any]:
    """search-return-opt = search-modifier-name [SP search-mod-params]"""
    name = cursor.word()
    if name not in RETURN:
        raise BadSyntax("Unknown return option of SEARCH.")
    read = RETURN[name].read
    return name, read(cursor) if read else True


def told(session: Session, positions: Sequence[int], by_uid: bool, returns: Mapping[bytes, Any] | None) -> Output:
    """The response to a search that found the messages at these positions of the view."""
    numbers = numbered(session.selected.view.uids, positions, by_uid)
    if returns is None:
        return Search(numbers)
    return esearch(session.tag, numbers, by_uid, returns)


def numbered(uids: Sequence[int], positions: Sequence[int], by_uid: bool) -> list[int]:
    """Positions as the client counts: by UID or by sequence number."""
    return [uids[at] for at in positions] if by_uid else [at + 1 for at in positions]


def esearch(tag: bytes, numbers: Sequence[int], by_uid: bool, returns: Mapping[bytes, Any]) -> bytes:
    """esearch-response = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)"""
    parts = [b"* ESEARCH (TAG %b)" % encode.quoted(tag)]
    if by_uid:
        parts.append(b"UID")
    parts += [item for name, value in returns.items() if (item := RETURN[name].item(numbers, value))]
    return b" ".join(parts) + b"\r\n"
