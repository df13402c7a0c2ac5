# SPDX-License-Identifier: MIT
"""Annotations of folders and of the server: kept, found, changed.

Their limits stand in migrations/0013_metadata.sql; who may see or set which is decided in mail/metadata.py.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from imapd.storage.pool import Database
from imapd.storage.prepared import Prepared


class Stored(NamedTuple):
    """value is None where it is longer than was asked for; `size` is its length in octets in any case."""

    folder_id: int
    entry: str
    size: int
    value: bytes | None


FOUND = Prepared(
    "SELECT m.place, m.entry, octet_length(m.value), CASE WHEN octet_length(m.value) <= %(longest)s THEN m.value END"
    "  FROM metadata m"
    " WHERE m.organization_id = %(org)s AND m.place = ANY(%(places)s) AND m.whose IN (0, %(user)s)"
    "   AND (m.entry = ANY(%(entries)s) OR %(depth)s > 0 AND EXISTS ("
    "        SELECT FROM unnest(%(entries)s::text[]) e WHERE starts_with(m.entry, e || '/')"
    "           AND (%(depth)s > 1 OR strpos(substr(m.entry, length(e) + 2), '/') = 0)))"
    " ORDER BY m.entry"
)

DIGESTS = Prepared(
    "SELECT m.place, m.entry, md5(m.value) FROM metadata m"
    " WHERE m.organization_id = %(org)s AND m.place = ANY(%(places)s) AND m.whose IN (0, %(user)s)"
)


def found(
    database: Database, organization_id: int, places: Sequence[int], user_id: int, entries: Sequence[str], depth: int,
    longest: int,
) -> list[Stored]:  # fmt: skip
    """The shared entries and this user's own in some folders (0: of the server), in order of name. depth: 0 those
    entries alone, 1 with what is right below them, 2 with all below them."""
    params = {
        "org": organization_id, "places": list(places), "user": user_id, "entries": list(entries), "depth": depth,
        "longest": longest,
    }  # fmt: skip
    rows = database.rows(FOUND, params)
    return [Stored(place, entry, size, None if value is None else bytes(value)) for place, entry, size, value in rows]


def change(
    database: Database, organization_id: int, folder_ids: Sequence[int | None], user_id: int,
    values: Mapping[str, bytes | None], most_entries: int, most_octets: int,
) -> None:  # fmt: skip
    """Sets or removes entries in all of these folders (None: of the server), or in none of them. Raises
    errors.LimitReached, OverQuota, NotFound."""
    database.rows(
        "SELECT change_metadata(%s, f, %s, %s, %s::bytea[], %s, %s) FROM unnest(%s::bigint[]) f",
        (
            organization_id, user_id, list(values), list(values.values()), most_entries, most_octets,
            sorted(folder_ids, key=lambda folder_id: folder_id or 0),
        ),
    )  # fmt: skip


def digests(database: Database, organization_id: int, user_id: int, places: Sequence[int]) -> set[tuple[int, str, str]]:
    """Of all shared entries and this user's own in some folders (0: of the server): the place, the entry, and what
    tells one value from another. Asks nothing where there is no place."""
    if not places:
        return set()
    rows = database.rows(DIGESTS, {"org": organization_id, "places": list(places), "user": user_id})
    return {(place, entry, digest) for place, entry, digest in rows}
