# SPDX-License-Identifier: MIT
"""The chain of snapshots against a simple model: whatever order news arrive in, each session's picture adds up."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.mail.columns import Column
from imapd.mail.index import Index
from imapd.mail.snapshot import Snapshot
from imapd.storage.messages import News, Stored, View, multirange

pytestmark = pytest.mark.usefixtures("long_columns")


class Folder:
    """The model: what PostgreSQL would hold, and the news it would send. Each change is a modseq."""

    def __init__(self) -> None:
        self.modseq = 1
        self.uid_next = 1
        self.rows: dict[int, tuple[int, int, str]] = {}  # uid -> modseq, flags, keywords
        self.changes: list[tuple[int, set[int], set[int], set[int]]] = []

    def change(self, kind: str, chosen: set[int], flags: int) -> None:
        added: set[int] = set()
        flagged: set[int] = set()
        expunged: set[int] = set()
        there = chosen & set(self.rows)
        self.modseq += 1
        if kind == "add":
            for _ in range(max(1, len(chosen) % 4)):
                self.rows[self.uid_next] = (self.modseq, flags, "")
                added.add(self.uid_next)
                self.uid_next += 1
        elif kind == "flag":
            flagged = there
            for uid in there:
                self.rows[uid] = (self.modseq, flags, "$x" if flags & 1 else "")
        else:
            expunged = there
            for uid in there:
                del self.rows[uid]
        self.changes.append((self.modseq, added, flagged, expunged))

    def news(self, known: int, floor: int = 1) -> News:
        whole = known < floor
        since = [change for change in self.changes if change[0] > known]
        touched = set().union(*(change[1] | change[2] for change in since))
        uids = sorted(self.rows if whole else touched & set(self.rows))
        column: Any = lambda at: [self.rows[uid][at] for uid in uids] or None  # noqa: E731
        same = [uid * 10 for uid in uids] or None
        return News(
            self.modseq, self.uid_next, [], None if self.modseq == known else whole,
            None if whole else [change[0] for change in since] or None,
            None if whole else [multirange(_spans(change[2])) for change in since] or None,
            None if whole else multirange(_spans(set().union(*(change[3] for change in since)))),
            uids or None, column(0), column(1), column(2), same, same, same, [0] * len(uids) or None,
        )  # fmt: skip


def _spans(uids: set[int]) -> list[range]:
    return [range(uid, uid + 1) for uid in sorted(uids)]


class Held:
    """Columns as somebody holds them who has not gone on, and what they were."""

    def __init__(self) -> None:
        self._columns: list[tuple[dict[str, Column], dict[str, list[int]]]] = []

    def add(self, snapshot: Snapshot | None) -> None:
        assert snapshot
        self._columns.append((snapshot.columns(), {name: list(held) for name, held in snapshot.columns().items()}))

    def are_as_they_were(self) -> bool:
        return all({name: list(held) for name, held in now.items()} == then for now, then in self._columns)


class Client:
    """What a client believes that hears only what is told along the chain."""

    def __init__(self, snapshot: Snapshot):
        self.at = snapshot
        self.at.standing += 1
        self.uids = list(snapshot.uids)
        self.flags = {
            uid: snapshot.flag_bytes[number] for uid, number in zip(snapshot.uids, snapshot.flag_numbers, strict=True)
        }

    def hear(self) -> None:
        while (step := self.at.step) is not None:
            for position in reversed(step.expunged):
                del self.flags[self.uids.pop(position)]
            left, self.at = self.at, step.snapshot
            self.at.standing += 1
            left.leave()
            for uid in self.at.uids[len(self.uids) :]:
                self.uids.append(uid)
                self.flags[uid] = self._flags_of(uid)
            for _, uids in step.flagged:
                for uid in uids:
                    if uid in self.flags:
                        self.flags[uid] = self._flags_of(uid)

    def _flags_of(self, uid: int) -> bytes:
        position = self.at.position(uid)
        assert position is not None
        return self.at.flag_bytes[self.at.flag_numbers[position]]


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "flag", "expunge"]),
        st.sets(st.integers(1, 30), max_size=12),
        st.integers(0, 31),
        st.sampled_from(["ask", "late", "old", "pruned"]),
        st.integers(0, 3),
    ),
    max_size=25,
)


@given(CHANGES)
def test_every_client_ends_with_what_is_there(changes: list[tuple[str, set[int], int, str, int]]) -> None:
    folder = Folder()
    index = Index(None, View(1, 1, None))
    index.learn(folder.news(0))
    assert index.newest
    clients = [Client(index.newest)]
    kept = folder.news(folder.modseq)
    held = Held()
    for kind, chosen, flags, how, listener in changes:
        held.add(index.newest)
        before = index.known
        folder.change(kind, chosen, flags)
        if how == "ask":
            index.learn(folder.news(index.known))
        elif how == "late":
            kept = folder.news(before)
        elif how == "old":
            index.learn(kept)  # an answer that another one has overtaken
            index.learn(folder.news(before))
        else:
            index.learn(folder.news(index.known, floor=folder.modseq))
        clients.append(Client(index.newest))
        clients[listener % len(clients)].hear()
        if len(clients) > 3:
            clients.pop(1).at.leave()
        assert chain(clients) <= 2 * len(clients) + 1
    index.learn(folder.news(index.known))
    for client in clients:
        client.hear()
        assert client.uids == sorted(folder.rows)
        assert {uid: b"$x" in flags for uid, flags in client.flags.items()} == {
            uid: bool(words) for uid, (_, _, words) in folder.rows.items()
        }
        assert list(client.at.modseqs) == [folder.rows[uid][0] for uid in client.uids]
        assert list(client.at.content_ids) == [uid * 10 for uid in client.uids]
    assert held.are_as_they_were()


def test_a_store_of_this_worker_changes_nothing_for_who_has_not_heard_of_it() -> None:
    folder = Folder()
    folder.change("add", {1, 2, 3}, 0)
    index = Index(None, View(1, 1, None))
    index.learn(folder.news(0))
    held = Held()
    held.add(index.newest)
    folder.modseq += 1
    news = folder.news(folder.modseq)
    index.learn_stored(Stored(folder.modseq, [], None, news), [range(1, 3)], lambda mask, words: (mask | 8, words))
    assert index.newest
    assert [index.newest.flag_bytes[number] for number in index.newest.flag_numbers] == [
        b"(\\Seen)",
        b"(\\Seen)",
        b"()",
    ]
    assert held.are_as_they_were()


def chain(clients: list[Client]) -> int:
    """How many snapshots are kept."""
    found: dict[int, Snapshot] = {}
    for client in clients:
        at: Snapshot | None = client.at
        while at is not None:
            found[id(at)] = at
            at = at.step.snapshot if at.step else None
    return len(found)


def test_a_session_that_lags_behind_keeps_little() -> None:
    folder = Folder()
    folder.change("add", set(), 0)
    index = Index(None, View(1, 1, None))
    index.learn(folder.news(0))
    assert index.newest
    late, present = Client(index.newest), Client(index.newest)
    for number in range(3000):
        kind = ("add", "flag", "flag", "expunge" if number % 20 == 0 else "add")[number % 4]
        folder.change(kind, set(range(folder.uid_next - 20, folder.uid_next)), number % 32)
        index.learn(folder.news(index.known))
        present.hear()
    assert chain([late, present]) <= 3
    step = late.at.step
    while step:
        assert sum(len(uids) for _, uids in step.flagged) <= 2 * len(step.snapshot.uids) + 1000
        step = step.snapshot.step
    late.hear()
    assert (late.uids, late.flags) == (present.uids, present.flags)


def test_a_folder_that_is_gone_is_empty() -> None:
    folder = Folder()
    folder.change("add", {1, 2, 3}, 0)
    index = Index(None, View(1, 1, None))
    index.learn(folder.news(0))
    assert index.newest
    client = Client(index.newest)
    index.learn(folder.news(0)._replace(modseq=None))
    client.hear()
    assert index.gone
    assert client.uids == []


def test_sets_of_flags_that_nobody_has_are_forgotten() -> None:
    folder = Folder()
    folder.change("add", {1, 2}, 0)
    index = Index(None, View(1, 1, None))
    index.learn(folder.news(0))
    assert index.newest
    late = Client(index.newest)
    for number in range(5000):
        folder.change("flag", {1}, 0)
        folder.rows[1] = (folder.modseq, number % 32, f"keyword{number}")
        index.learn(folder.news(index.known))
    assert len(index.newest.flag_sets) < 1100
    index.renumber(view := late.at.copy())
    assert [view.flag_bytes[number] for number in view.flag_numbers] == [b"()", b"()"]
    late.hear()
    assert b"keyword4999" in late.flags[1]
    assert late.flags[2] == b"()"
