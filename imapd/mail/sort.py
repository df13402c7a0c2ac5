# SPDX-License-Identifier: MIT
"""SORT (RFC 5256, RFC 5957): what messages are put in order by. Reads no header: the keys were prepared on arrival."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from imapd.mail.folding import collation_key

if TYPE_CHECKING:
    from imapd.mail.mailbox import Mailbox

INDEXED = {"arrival": "dates", "size": "sizes"}
"""Keys that are columns of the index."""

WRITTEN = {
    "cc": "sort_cc",
    "displayfrom": "display_from",
    "displayto": "display_to",
    "from": "sort_from",
    "subject": "base_subject",
    "to": "sort_to",
}
"""Keys that are texts of `contents`."""

KEYS = frozenset({*INDEXED, *WRITTEN, "date"})


@dataclass(frozen=True, slots=True)
class Criterion:
    """key: one of KEYS."""

    key: str
    reverse: bool = False


def sort(mailbox: Mailbox, positions: Sequence[int], criteria: Sequence[Criterion]) -> list[int]:
    """These positions (ascending) in the order of the criteria, the first one first; equal ones stay as they are.
    One statement at most."""
    reverse: dict[str, bool] = {}
    for criterion in criteria:
        reverse.setdefault(criterion.key, criterion.reverse)  # a key that comes again changes nothing
    values = keys_of(mailbox, positions, reverse)
    columns = [(values[key], backwards) for key, backwards in reverse.items()]
    return mailbox.aside(partial(in_order, positions), columns, len(positions))


def in_order(positions: Sequence[int], columns: Sequence[tuple[Sequence[Any], bool]]) -> list[int]:
    """columns: a value for each position, and whether greater ones come first; the weightiest column first."""
    places = list(range(len(positions)))
    # From the least to the weightiest, each sort keeping what the one before has done.
    for values, reverse in reversed(columns):
        places.sort(key=values.__getitem__, reverse=reverse)
    return list(map(positions.__getitem__, places))


def keys_of(mailbox: Mailbox, positions: Sequence[int], keys: Iterable[str]) -> dict[str, Sequence[Any]]:
    """What each message is sorted by, for each key."""
    view, keys = mailbox.view, list(keys)
    found: dict[str, Sequence[Any]] = {
        key: picked(getattr(view, INDEXED[key]), positions) for key in keys if key in INDEXED
    }
    texts = [key for key in keys if key in WRITTEN]
    columns = (("sent_at",) if "date" in keys else ()) + tuple(WRITTEN[key] for key in texts)
    if not columns:
        return found
    content_ids = picked(view.content_ids, positions)
    rows = mailbox.contents(set(content_ids), columns)
    if "date" in keys:
        found["date"] = sent(rows, 0, content_ids, picked(view.dates, positions))
    for key in texts:
        place = columns.index(WRITTEN[key])
        found[key] = mailbox.aside(partial(ranks, rows, place), content_ids, len(content_ids))
    return found


def sent(rows: dict[int, Any], place: int, content_ids: Sequence[int], arrived: Sequence[int]) -> list[int]:
    """When each message was sent; where its Date: cannot be read, when it arrived (RFC 5256 section 2.2)."""
    known = {content_id: row[place] for content_id, row in rows.items() if row[place] is not None}
    if len(known) == len(rows):
        try:
            return list(map(known.__getitem__, content_ids))
        except KeyError:  # some messages have been removed for good
            pass
    return [known.get(content_id, date) for content_id, date in zip(content_ids, arrived, strict=True)]


def ranks(rows: dict[int, Any], place: int, content_ids: Sequence[int]) -> list[int]:
    """Texts as numbers of the same order, for many messages share few texts."""
    key_of = {content_id: collation_key(row[place]) for content_id, row in rows.items()}
    rank = {key: number for number, key in enumerate(sorted({"", *key_of.values()}))}
    ranked = {content_id: rank[key] for content_id, key in key_of.items()}
    return [ranked.get(content_id, 0) for content_id in content_ids]


def picked(column: Sequence[int], positions: Sequence[int]) -> Sequence[int]:
    """The values of a column of the index at these positions (ascending)."""
    return column if len(positions) == len(column) else list(map(column.__getitem__, positions))
