# SPDX-License-Identifier: MIT
"""What a FETCH can ask for: the table of items by name, and how each item's values are got for many messages at once.

BODY[...] is in fetch_sections.py. Extensions add their items to ITEMS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from imapd.commands.fetch_chunk import Chunk, Rendered
from imapd.wire.dates import date_time
from imapd.wire.grammar import BadSyntax, Cursor

Values = Iterable[Any]


@dataclass(frozen=True, eq=False)
class Item:
    """One fetch-att: what it is called, and its values for the messages of a chunk, in their order.

    Two of the same `name` have the same answer. `form` is how it is told, with one % for the value. `columns` are those
    of `contents` that the values need, `reads_body` says that they need the octets of the messages. Asking for it
    `enables` a capability.
    """

    name: bytes
    form: bytes
    values: Callable[[Chunk], Sequence[Any]]
    columns: tuple[str, ...] = ()
    reads_body: bool = False
    marks_seen: bool = False
    enables: bytes | None = None


def index_item(name: bytes, column: str, form: bytes) -> Item:
    """An item that is a number of the mailbox's index."""
    return Item(name, form, lambda chunk: chunk.column(column))


def content_item(name: bytes, column: str, rendered: Callable[[Any], Any] | None = None) -> Item:
    """An item that is a column of `contents`, rendered if that is still to do."""

    def values(chunk: Chunk) -> Sequence[Any]:
        return chunk.contents(column) if rendered is None else chunk.rendered(lambda row: rendered(row[column]))

    return Item(name, name + b" %b", values, (column,))


@lru_cache(maxsize=1 << 14)
def _internal_date(seconds: int, zone: int) -> bytes:
    return date_time(seconds, zone)


def _internal_dates(chunk: Chunk) -> Rendered:
    return list(map(_internal_date, chunk.column("dates"), chunk.column("zones")))


UID = index_item(b"UID", "uids", b"UID %d")
FLAGS = Item(b"FLAGS", b"FLAGS %b", Chunk.flags)
INTERNALDATE = Item(b"INTERNALDATE", b"INTERNALDATE %b", _internal_dates)
RFC822_SIZE = index_item(b"RFC822.SIZE", "sizes", b"RFC822.SIZE %d")
# Belongs to CONDSTORE, which registers it; told unasked to who has enabled that.
MODSEQ = Item(b"MODSEQ", b"MODSEQ (%d)", lambda chunk: chunk.column("modseqs"), enables=b"CONDSTORE")
ENVELOPE = content_item(b"ENVELOPE", "envelope")
BODY = content_item(b"BODY", "body")
BODYSTRUCTURE = content_item(b"BODYSTRUCTURE", "body_structure")

ItemParser = Callable[[Cursor], Item]

# fetch-att, by the name that it begins with. The parser gets the cursor after the name.
ITEMS: dict[bytes, ItemParser] = {}

# "ALL" / "FULL" / "FAST"
MACROS: dict[bytes, tuple[Item, ...]] = {
    b"ALL": (FLAGS, INTERNALDATE, RFC822_SIZE, ENVELOPE),
    b"FULL": (FLAGS, INTERNALDATE, RFC822_SIZE, ENVELOPE, BODY),
    b"FAST": (FLAGS, INTERNALDATE, RFC822_SIZE),
}

_NAME = re.compile(rb"[A-Za-z0-9.]+")


def register(item: Item) -> None:
    """Adds an item that has no arguments."""
    ITEMS[item.name] = lambda cursor: item


def fetch_att(cursor: Cursor) -> Item:
    """fetch-att = "ENVELOPE" / "FLAGS" / "INTERNALDATE" / "RFC822" [".HEADER" / ".SIZE" / ".TEXT"] /
    "BODY" ["STRUCTURE"] / "UID" / "BODY" [".PEEK"] section ["<" number "." nz-number ">"]"""
    name = cursor.scan(_NAME)
    parser = ITEMS.get(name[0].upper()) if name else None
    if parser is None:
        raise BadSyntax("Unknown item of FETCH.")
    return parser(cursor)


for _item in (UID, FLAGS, INTERNALDATE, RFC822_SIZE, ENVELOPE, BODYSTRUCTURE):
    register(_item)
