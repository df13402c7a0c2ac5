# SPDX-License-Identifier: MIT
"""A client that may not always be told of expunges, and hears of all else in any case: its numbers stay right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.mail.index import Index
from imapd.mail.snapshot import Snapshot
from imapd.mail.tracker import Told, Tracker
from imapd.storage.messages import View
from tests.mail.test_index import Folder, Held

pytestmark = pytest.mark.usefixtures("long_columns")

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "flag", "expunge"]),
        st.sets(st.integers(1, 20), max_size=8),
        st.integers(0, 31),
        st.sampled_from(["", "", "expunges", "waits", "waits", "as others"]),
    ),
    max_size=25,
)


class Client:
    """Knows what it is told, by number."""

    def __init__(self, tracker: Tracker):
        self.tracker = tracker
        self.uids = list(tracker.view.uids)
        self.flags = {uid: self._flags(at) for at, uid in enumerate(self.uids)}
        self.arrived: list[int] = []

    def hear(self, may_expunge: bool, past_expunges: bool) -> None:
        self.take(self.tracker.pending(may_expunge, past_expunges))
        assert self.uids == list(self.tracker.view.uids)

    def take(self, told: Told) -> None:
        gone = [self.uids.pop(number - 1) for number in told.expunged]
        assert gone == told.vanished
        for uid in gone:
            del self.flags[uid]
        view = self.tracker.view
        if told.exists is not None:
            assert told.exists > len(self.uids) or gone
            self.arrived += [view.uids[at] for at in told.arrived]
            for at in range(len(self.uids), told.exists):
                self.uids.append(view.uids[at])
                self.flags[view.uids[at]] = self._flags(at)
        for at in told.flags_changed:
            self.flags[self.uids[at]] = self._flags(at)

    def _flags(self, at: int) -> bytes:
        return self.tracker.flags_at(at)


def three_messages() -> tuple[Folder, Index, Snapshot]:
    """A folder, its index, and the snapshot where clients begin."""
    folder = Folder()
    folder.change("add", {1, 2, 3}, 0)
    index = Index(None, View(1, 1, None))
    index.learn(folder.news(0))
    index.stale = False
    assert index.newest
    return folder, index, index.newest


@given(STEPS, st.booleans())
def test_a_client_that_waits_for_expunges_misses_nothing(
    steps: list[tuple[str, set[int], int, str]], lags: bool
) -> None:
    folder, index, first = three_messages()
    client = Client(Tracker(index, first, claims=False, own_seen=False))
    another = Tracker(index, first, claims=False, own_seen=False) if lags else None
    held = Held()
    for kind, chosen, flags, hears in steps:
        held.add(index.newest)
        folder.change(kind, chosen, flags)
        index.learn(folder.news(index.known))
        if hears == "waits":
            client.hear(may_expunge=False, past_expunges=True)
            assert set(folder.rows) <= set(client.uids), "what is there is told"
            assert all((b"$x" in client.flags[uid]) == bool(words) for uid, (_, _, words) in folder.rows.items())
        elif hears:
            client.hear(may_expunge=hears == "expunges", past_expunges=False)
    client.hear(may_expunge=True, past_expunges=True)
    assert client.uids == sorted(folder.rows)
    assert {uid: b"$x" in held for uid, held in client.flags.items()} == {
        uid: bool(words) for uid, (_, _, words) in folder.rows.items()
    }
    assert len(client.arrived) == len(set(client.arrived)), "nothing is new twice"
    assert held.are_as_they_were()
    if another:
        another.leave()


@pytest.mark.parametrize("shows", ["flags", "all"])
def test_what_one_client_sees_early_no_other_one_does(shows: str) -> None:
    folder, index, first = three_messages()
    one = Tracker(index, first, claims=False, own_seen=False)
    another = Tracker(index, first, claims=False, own_seen=False)
    held = Held()
    held.add(first)
    for kind, chosen in (("expunge", {1}), ("flag", {2}), ("add", {1})):
        folder.change(kind, chosen, 31)
        index.learn(folder.news(index.known))
    if shows == "all":
        assert one.pending(may_expunge=False, past_expunges=True).flags_changed == [1]
        assert list(one.view.uids) == [1, 2, 3, 4]
    else:
        one.show_flags([range(3)])
    assert b"$x" in one.flags_at(1) and b"$x" not in another.flags_at(1)
    assert held.are_as_they_were()


def test_what_the_session_itself_has_brought_is_told_and_has_not_arrived() -> None:
    folder = Folder()
    index = Index(None, View(1, 1, None))
    index.learn(folder.news(0))
    assert index.newest
    tracker = Tracker(index, index.newest, claims=False, own_seen=False)
    folder.change("add", {1, 2}, 0)
    index.learn(folder.news(index.known))
    tracker.brought(range(1, 2))
    told = tracker.pending(may_expunge=True)
    assert told.exists == 2 and told.arrived == [1]
