# SPDX-License-Identifier: MIT
"""The date and date-time of IMAP to and from seconds since 1970 and minutes of zone."""

from __future__ import annotations

import re
from calendar import timegm
from datetime import date
from time import gmtime

MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")

_MONTH = {name.upper(): number for number, name in enumerate(MONTHS, 1)}
_DATE = re.compile(rb"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})")
_DATE_TIME = re.compile(
    rb"[ ]?([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"
)


def parse_date(text: bytes) -> date:
    """date-text = date-day "-" date-month "-" date-year. ValueError if there is no such day."""
    found = _DATE.fullmatch(text)
    if not found:
        raise ValueError("not a date")
    return date(int(found[3]), _month(found[2]), int(found[1]))


def parse_date_time(text: bytes) -> tuple[int, int]:
    """date-time without its quotes, as (seconds since 1970 UTC, zone in minutes east). ValueError if there is none."""
    found = _DATE_TIME.fullmatch(text)
    if not found:
        raise ValueError("not a date-time")
    day, hour, minute, second = (int(found[n]) for n in (1, 4, 5, 6))
    month, year = _month(found[2]), int(found[3])
    zone = int(found[8]) * 60 + int(found[9])
    date(year, month, day)  # A day that does not exist must not roll over into the next month.
    if year < 1 or hour > 23 or minute > 59 or second > 60 or int(found[9]) > 59 or zone > 1439:
        raise ValueError("out of range")
    zone = -zone if found[7] == b"-" else zone
    return timegm((year, month, day, hour, minute, second)) - zone * 60, zone


def date_time(seconds: int, zone: int) -> bytes:
    """The moment as date-time in its quotes, in the zone it was given with."""
    year, month, day, hour, minute, second, *_ = gmtime(seconds + zone * 60)
    sign, zone = (b"-", -zone) if zone < 0 else (b"+", zone)
    return b'"%2d-%b-%04d %02d:%02d:%02d %b%02d%02d"' % (
        day, MONTHS[month - 1], year, hour, minute, second, sign, zone // 60, zone % 60,
    )  # fmt: skip


def _month(name: bytes) -> int:
    try:
        return _MONTH[name.upper()]
    except KeyError:
        raise ValueError("no such month") from None
