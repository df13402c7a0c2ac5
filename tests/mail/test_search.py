# SPDX-License-Identifier: MIT
"""SEARCH of many keys in many messages: what it costs in memory, and what others wait for. What the keys mean is told in
the dialogs."""

import tracemalloc
from array import array
from datetime import date, timedelta
from types import SimpleNamespace

import pytest

from imapd.errors import LimitReached
from imapd.mail import search
from imapd.mail.criteria import And, InternalDate, Not, Or, SavedDate, SentDate, Text

DAYS = [date(2024, 1, 1) + timedelta(days=day) for day in range(1000)]
NOON = 12 * 3600


class Mailbox:
    """Messages that arrived on one day each, from 1 January 1970 on; all have one flag set."""

    progress = (None, None)

    def __init__(self, count):
        self.view = SimpleNamespace(
            uids=array("I", range(1, count + 1)),
            content_ids=array("Q", range(1001, 1001 + count)),
            dates=array("q", [search.DAY_SECONDS * day + NOON for day in range(count)]),
            zones=array("h", [0] * count),
        )
        self.asked = []
        self.work = []
        self.answer = lambda content_id, test: True

    def aside(self, work, given, messages):
        self.work.append(messages)
        return work(given)

    def matching(self, ids, tests):
        self.asked.append(len(ids))
        rows = ((content_id, *(self.answer(content_id, test) for test in tests)) for content_id in ids)
        return [row for row in rows if any(answer is not False for answer in row[1:])]

    def saved_at(self, positions):
        assert not self.work, "the store is asked before work is done aside"
        return [self.view.dates[at] if at else None for at in positions]


def test_many_keys_of_many_contents_are_asked_for_in_pieces():
    mailbox = Mailbox(2500)
    keys = And(tuple(SentDate(">=", day) for day in DAYS))
    tracemalloc.start()
    assert search.search(mailbox, keys) == list(range(2500))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert mailbox.asked == [1000, 1000, 500]
    assert most < 30_000_000  # one octet an answer, and the answers of one statement


def test_too_many_keys_for_as_many_messages():
    with pytest.raises(LimitReached):
        search.search(Mailbox(20_001), Or(And(tuple(SentDate(">=", day) for day in DAYS)), Text("body", "x")))


def test_keys_that_need_no_content_narrow_what_is_asked_for():
    mailbox = Mailbox(10)
    criterion = And((InternalDate("<", date(1970, 1, 4)), Text("body", "x")))
    assert search.search(mailbox, criterion) == [0, 1, 2]
    assert mailbox.asked == [3]


def test_what_has_no_date_is_taken_at_the_day_it_arrived():
    mailbox = Mailbox(4)
    mailbox.answer = lambda content_id, test: None if content_id % 2 else test[2] == "1"
    assert search.search(mailbox, SentDate("=", date(1970, 1, 3))) == [2]
    assert search.search(mailbox, SentDate("=", date(1970, 1, 2))) == [1, 3]
    assert search.search(mailbox, Not(SentDate("=", date(1970, 1, 2)))) == [0, 2]
    assert search.among(mailbox_part(mailbox), SentDate("=", date(1970, 1, 2)), [0, 1]) == [1]


def mailbox_part(mailbox):
    """The same, whose view can be cut to some positions."""
    view = mailbox.view
    view.part = lambda positions: SimpleNamespace(
        **{name: array(column.typecode, [column[at] for at in positions]) for name, column in vars(view).items()
           if isinstance(column, array)}
    )  # fmt: skip
    return mailbox


def test_work_grows_with_keys_and_messages():
    mailbox = Mailbox(1000)
    search.search(mailbox, InternalDate("=", DAYS[0]))
    search.search(mailbox, And(tuple(InternalDate("=", day) for day in DAYS)))
    assert mailbox.work == [25, 25_000]


def test_save_dates_are_asked_for_once_and_first():
    mailbox = Mailbox(4)
    mailbox.answer = lambda content_id, test: True
    criterion = And((SavedDate("<", date(1970, 1, 4)), SavedDate(">=", date(1970, 1, 2)), Text("body", "x")))
    assert search.search(mailbox, criterion) == [1, 2]
    assert mailbox.asked == [2]
