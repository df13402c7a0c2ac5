# SPDX-License-Identifier: MIT
"""The Date: field (RFC 5322 section 3.3 and its obsolete forms) to seconds since 1970 and minutes of zone."""

from __future__ import annotations

import re
from datetime import date

_DATE = re.compile(
    rb"\s*(?:[A-Za-z]{2,9}\.?\s*,?\s*)?([0-9]{1,2})[\s-]+([A-Za-z]{3})[a-z]{0,6}\.?[\s-]+([0-9]{2,4})\s+"
    rb"([0-9]{1,2})[:.]([0-9]{2})(?:[:.]([0-9]{2}))?(?:\.[0-9]{1,9})?\s*([+-][0-9]{4}(?![0-9])|[A-Za-z]{1,5})?"
)
# Fri Nov 21 09:55:06 1997: asctime(), as some programs write it.
_ASCTIME = re.compile(
    rb"\s*(?:[A-Za-z]{3})\s+([A-Za-z]{3})\s+([0-9]{1,2})\s+([0-9]{1,2}):([0-9]{2}):([0-9]{2})\s+([0-9]{4})(?![0-9])"
)
_COMMENT = re.compile(rb"\([^()]*\)")
_MONTHS = {name: n for n, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_ZONES = {b"edt": -240, b"est": -300, b"cdt": -300, b"cst": -360, b"mdt": -360, b"mst": -420, b"pdt": -420,
          b"pst": -480, b"cet": 60, b"cest": 120, b"met": 60, b"bst": 60, b"jst": 540}  # fmt: skip
_EPOCH = date(1970, 1, 1).toordinal()
_LONGEST = 200

Moment = tuple[int, int]


def sent(value: bytes) -> Moment | None:
    """Seconds since 1970 UTC and minutes east of it, or None where it cannot be read."""
    value = value[:_LONGEST]
    found = _DATE.match(value)
    if not found and b"(" in value:
        found = _DATE.match(_COMMENT.sub(b" ", value))
    if found:
        day, month, year, hour, minute, second, zone = found.groups()
        return _moment((year, month, day), (hour, minute, second or b"0"), zone or b"")
    found = _ASCTIME.match(value)
    if found:
        month, day, hour, minute, second, year = found.groups()
        return _moment((year, month, day), (hour, minute, second), b"")
    return None


def _moment(day: tuple[bytes, bytes, bytes], time: tuple[bytes, bytes, bytes], zone: bytes) -> Moment | None:
    try:
        days = date(_year(day[0]), _MONTHS[day[1].lower()], int(day[2])).toordinal() - _EPOCH
    except (KeyError, ValueError):
        return None
    hour, minute, second = map(int, time)
    east = _zone(zone)
    if hour > 23 or minute > 59 or second > 60 or east is None:
        return None
    return days * 86400 + hour * 3600 + minute * 60 + second - east * 60, east


def _year(digits: bytes) -> int:
    """RFC 5322 section 4.3: years of two and three digits."""
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + (2000 if len(digits) == 2 and year < 50 else 1900)


def _zone(zone: bytes) -> int | None:
    if zone[:1] in (b"+", b"-"):
        hours, minutes = int(zone[1:3]), int(zone[3:])
        if hours > 23 or minutes > 59:
            return None
        east = hours * 60 + minutes
        return -east if zone[:1] == b"-" else east
    return _ZONES.get(zone.lower(), 0)
