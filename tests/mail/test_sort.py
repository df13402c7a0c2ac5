# SPDX-License-Identifier: MIT
"""SORT: its keys, REVERSE, what is missing, and the order of texts, over a mailbox that is a list of rows."""

from array import array
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from imapd.mail.folding import fold
from imapd.mail.sort import KEYS, WRITTEN, Criterion, sort


class Mailbox:
    """Messages are dicts of columns; messages of one content have the same one."""

    def __init__(self, *messages):
        self.contents_there = {message.get("content_id", at): message for at, message in enumerate(messages)}
        self.view = SimpleNamespace(
            uids=array("I", range(1, len(messages) + 1)),
            content_ids=array("Q", [message.get("content_id", at) for at, message in enumerate(messages)]),
            dates=array("q", [message.get("arrived", 0) for message in messages]),
            sizes=array("Q", [message.get("size", 0) for message in messages]),
        )
        self.questions = 0

    @staticmethod
    def aside(work, given, messages):
        return work(given)

    def contents(self, ids, columns):
        self.questions += 1
        rows = {id: self.contents_there[id] for id in ids if id in self.contents_there}
        return {id: tuple(row.get(c, None if c == "sent_at" else "") for c in columns) for id, row in rows.items()}

    def sorted(self, *criteria, positions=None):
        """Sequence numbers."""
        by = [Criterion(key.removeprefix("-"), key.startswith("-")) for key in criteria]
        everything = list(range(len(self.view.uids)))
        return [at + 1 for at in sort(self, everything if positions is None else positions, by)]


def test_numbers():
    mailbox = Mailbox({"arrived": 3, "size": 1}, {"arrived": 1, "size": 1}, {"arrived": 2, "size": 9})
    assert mailbox.sorted("arrival") == [2, 3, 1]
    assert mailbox.sorted("-arrival") == [1, 3, 2]
    assert mailbox.sorted("size") == [1, 2, 3]
    assert mailbox.sorted("-size", "arrival") == [3, 2, 1]
    assert mailbox.questions == 0


def test_reverse_does_not_turn_what_is_equal():
    mailbox = Mailbox(*[{"size": size} for size in (5, 7, 5, 7)])
    assert mailbox.sorted("-size") == [2, 4, 1, 3]


def test_date_and_what_has_none():
    mailbox = Mailbox({"sent_at": 30, "arrived": 1}, {"arrived": 20}, {"sent_at": 10, "arrived": 99})
    assert mailbox.sorted("date") == [3, 2, 1]


def test_messages_of_one_content_without_a_date_arrived_apart():
    mailbox = Mailbox({"content_id": 5, "arrived": 9}, {"sent_at": 4}, {"content_id": 5, "arrived": 2})
    assert mailbox.sorted("date") == [3, 2, 1]


def test_texts():
    mailbox = Mailbox(*[{"base_subject": fold(text)} for text in ("b", "_", "É", "f", "A", "", "ez")])
    assert mailbox.sorted("subject") == [6, 5, 1, 7, 3, 4, 2]


def test_one_question_for_all_keys():
    mailbox = Mailbox(*[{"sort_from": f, "display_to": d} for f, d in (("b", "1"), ("a", "2"), ("a", "1"))])
    assert mailbox.sorted("from", "displayto", "-from", "date") == [3, 2, 1]
    assert mailbox.questions == 1


def test_some_of_the_messages():
    mailbox = Mailbox(*[{"size": size, "sent_at": size} for size in (5, 4, 3, 2)])
    assert mailbox.sorted("size", positions=[0, 2, 3]) == [4, 3, 1]
    assert mailbox.sorted("date", positions=[0, 2]) == [3, 1]
    assert mailbox.sorted("date", positions=[]) == []


def test_what_is_gone_for_good_is_sorted_as_if_it_were_empty():
    mailbox = Mailbox({"base_subject": "b", "sent_at": 5}, {"content_id": 7, "arrived": 6}, {"sent_at": 9})
    del mailbox.contents_there[7]
    assert mailbox.sorted("subject") == [2, 3, 1]
    assert mailbox.sorted("date") == [1, 2, 3]


small = st.integers(0, 3)
letters = st.sampled_from(["", "a", "b", "ab"])
rows = st.fixed_dictionaries(
    {"arrived": small, "size": small, "sent_at": st.none() | small, **dict.fromkeys(WRITTEN.values(), letters)}
)


@given(
    st.lists(rows, max_size=8),
    st.lists(st.tuples(st.sampled_from(sorted(KEYS)), st.booleans()), min_size=1, max_size=4),
)
def test_like_comparing_two_at_a_time(messages, criteria):
    mailbox = Mailbox(*messages)
    found = [number - 1 for number in mailbox.sorted(*["-" * back + key for key, back in criteria])]
    assert sorted(found) == list(range(len(messages)))

    def value(at, key):
        row = messages[at]
        if key in WRITTEN:
            return row[WRITTEN[key]]
        if key == "date":
            return row["arrived"] if row["sent_at"] is None else row["sent_at"]
        return row["arrived" if key == "arrival" else key]

    for first, second in zip(found, found[1:], strict=False):
        for key, back in criteria:
            a, b = value(first, key), value(second, key)
            if a != b:
                assert (a > b) is back
                break
        else:
            assert first < second
