# SPDX-License-Identifier: MIT
"""Dates and moments, both ways."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.wire import dates


def test_a_moment_of_the_rfc():
    # 17-Jul-1996 02:44:25 at seven hours west is 09:44:25 UTC.
    moment = datetime.datetime(1996, 7, 17, 9, 44, 25, tzinfo=datetime.timezone.utc)
    assert dates.parse_date_time(b"17-Jul-1996 02:44:25 -0700") == (int(moment.timestamp()), -420)
    assert dates.date_time(int(moment.timestamp()), -420) == b'"17-Jul-1996 02:44:25 -0700"'


def test_the_day_is_padded_with_a_space():
    assert dates.date_time(0, 0) == b'" 1-Jan-1970 00:00:00 +0000"'
    assert dates.parse_date_time(b" 1-Jan-1970 00:00:00 +0000") == (0, 0)
    assert dates.parse_date_time(b"01-jan-1970 00:00:00 +0000") == (0, 0)


@pytest.mark.parametrize(
    "text",
    [
        b"31-Feb-2024 00:00:00 +0000", b"29-Feb-2023 00:00:00 +0000", b"0-Jan-2024 00:00:00 +0000",
        b"01-Foo-2024 00:00:00 +0000", b"01-Jan-2024 24:00:00 +0000", b"01-Jan-2024 00:60:00 +0000",
        b"01-Jan-2024 00:00:00 +0060", b"01-Jan-2024 00:00:00 +2400", b"01-Jan-2024 00:00:00 GMT",
        b"01-Jan-0000 00:00:00 +0000", b"01-Jan-24 00:00:00 +0000", b"01-Jan-2024", b"",
        "٠١-Jan-2024 00:00:00 +0000".encode(),
    ],
)  # fmt: skip
def test_what_is_no_moment(text):
    with pytest.raises(ValueError):
        dates.parse_date_time(text)


@pytest.mark.parametrize("text", [b"30-Feb-2024", b"1-Foo-2024", b"1-Jan-24", b"1-Jan-0000", b"99-Jan-2024", b"1 Jan 2024"])
def test_what_is_no_date(text):
    with pytest.raises(ValueError):
        dates.parse_date(text)


def test_a_date():
    assert dates.parse_date(b"1-Feb-1994") == datetime.date(1994, 2, 1)
    assert dates.parse_date(b"01-FEB-1994") == datetime.date(1994, 2, 1)


@given(st.integers(-2_000_000_000, 10_000_000_000), st.integers(-720, 840))
def test_every_moment_comes_back(seconds, zone):
    assert dates.parse_date_time(dates.date_time(seconds, zone).strip(b'"')) == (seconds, zone)
