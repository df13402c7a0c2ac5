# SPDX-License-Identifier: MIT
"""A header block to its fields: names in lower case and unfolded values. What the values mean is read elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from imapd.mail.mime.limits import FIELD_OCTETS, FIELDS

_FIELD = re.compile(rb"\n([!-9;-~\x80-\xff]+)[ \t]*:[ \t]*([^\n]*(?:\n[ \t][^\n]*)*+)")

_MANY = 4 * FIELDS  # no more octets than this cannot be more fields than that

Fields = list[tuple[bytes, bytes]]


def fields(block: bytes) -> Fields:
    """Every field in order. Lines that are no field are passed over."""
    return [
        (name.lower(), value.rstrip() if b"\n" not in value else _unfolded(value))
        for name, value in (_FIELD.findall(b"\n" + block) if len(block) < _MANY else _first_fields(block))
    ]


def _first_fields(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    return (field.groups() for field in islice(_FIELD.finditer(b"\n" + block), FIELDS))  # type: ignore[misc]


def first(found: Fields) -> dict[bytes, bytes]:
    """The first field of each name, cut where nobody reads on."""
    values = dict(reversed(found))
    if sum(map(len, values.values())) > FIELD_OCTETS:
        return {name: value[:FIELD_OCTETS] for name, value in values.items()}
    return values


def joined(found: Fields, name: bytes, limit: int = FIELD_OCTETS) -> bytes:
    """All address fields of this name as one list: there should be one, but some mailers write a line per address."""
    values, size = [], 0
    for other, value in found:
        if other == name and size < limit:
            values.append(value)
            size += len(value)
    return b", ".join(values)[:limit]


def _unfolded(value: bytes) -> bytes:
    return value.replace(b"\r\n", b"").replace(b"\n", b"").strip()
