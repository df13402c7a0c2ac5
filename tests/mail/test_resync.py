# SPDX-License-Identifier: MIT
"""What a client has missed: the arithmetic of it against sets, and whole sessions that come back at any time."""

import itertools
import re
from array import array
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imapd.mail import resync
from imapd.mail.snapshot import runs
from imapd.settings import Imap, Settings
from imapd.storage import changes
from tests.running.speaker import Speaker
from tests.running.store import Store

UIDS = st.sets(st.integers(1, 40))


def spans(uids: Iterable[int]) -> list[range]:
    return runs(sorted(uids))


def flat(found: Iterable[range]) -> set[int]:
    return {uid for span in found for uid in span}


def view(uids: Iterable[int], uid_next: int = 41) -> Any:
    return SimpleNamespace(uids=array("I", sorted(uids)), uid_next=uid_next)


@given(UIDS, UIDS)
def test_what_is_in_common(some: set[int], others: set[int]) -> None:
    found = list(resync.common(spans(some), spans(others)))
    assert flat(found) == some & others
    assert found == sorted(found, key=lambda span: span.start)


@given(UIDS, UIDS, st.none() | UIDS, st.integers(0, 3))
def test_what_has_vanished(there: set[int], expunged: set[int], known: set[int] | None, most: int) -> None:
    expunged -= there
    asked = None if known is None else spans(known)
    of = set(range(1, 41)) if known is None else known
    assert flat(resync.vanished(view(there), None, asked)) == of - there
    assert flat(resync.vanished(view(there), spans(expunged), asked)) == expunged & of
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resync, "MOST_RANGES", most)
        found = resync.vanished(view(there), spans(expunged), asked)
    assert expunged & of <= flat(found) <= of - there
    assert len(found) <= max(most, len(there) + 1) + (len(spans(of)) if known is not None else 0)


@given(UIDS, UIDS, st.sets(st.integers(0, 39)))
def test_where_a_clients_numbers_are_right(before: set[int], gone: set[int], chosen: set[int]) -> None:
    """The client knew all messages of `before`, and tells some of them by number and UID."""
    was = sorted(before)
    now = sorted(before - gone)
    numbers = sorted(at for at in chosen if at < len(was))
    agreed = resync.agreed_to(
        array("I", now), spans(at + 1 for at in numbers), spans(was[at] for at in numbers)
    )  # fmt: skip
    right = [was[at] for at in numbers if at < len(now) and now[at] == was[at]]
    assert agreed == max(right, default=0)
    assert not {uid for uid in before & gone if uid <= agreed}


def test_what_a_client_makes_up_is_cheap_to_look_at() -> None:
    uids = array("I", range(1, 100_001))
    assert resync.agreed_to(uids, [range(1, 4294967296)], [range(1, 4294967296)]) == 100_000
    assert resync.agreed_to(uids, [range(5, 4294967290)], [range(1, 4294967286)]) == 0
    assert resync.agreed_to(array("I"), [range(1, 9)], [range(1, 9)]) == 0


# Sessions


class Remembered:
    """What a client keeps when it goes: all it needs to come back."""

    def __init__(self, validity: int, modseq: int, flags: dict[int, frozenset[str]]):
        self.validity = validity
        self.modseq = modseq
        self.flags = flags


class Client:
    """A client as RFC 7162 section 6 wants it. It believes what it is told and nothing else."""

    def __init__(self, speaker: Speaker, name: str):
        self.speaker = speaker
        self.name = name
        speaker.ok("ENABLE QRESYNC")
        self.select()

    def select(self, remembered: Remembered | None = None, more: str = "") -> None:
        self.modseq = self.validity = 0
        self.flags: dict[int, frozenset[str]] = dict(remembered.flags) if remembered else {}
        self.uids: list[int | None] | None = None  # by number; only known when SELECT has ended
        parameter = f" (QRESYNC ({remembered.validity} {remembered.modseq}{more}))" if remembered else ""
        exists = self.told(f'SELECT "{self.name}"{parameter}')
        self.uids = [*sorted(self.flags), *[None] * (exists - len(self.flags))]
        assert remembered is None or len(self.flags) == exists, "a message is missing that was not known before"
        self.learn()

    def told(self, command: str) -> int:
        """Says it and takes in all that is answered; how many EXISTS said."""
        untagged, tagged = self.speaker.say(command)
        assert tagged.startswith("OK"), f"{command}: {tagged}"
        exists, seen = 0, 0
        code = None
        self.silent = re.search(r" ([+-])FLAGS\.SILENT \((.*)\)$", command)  # its answers leave out what the client knows
        for line in untagged:
            if found := re.match(r"\* (\d+) EXISTS", line):
                exists = int(found[1])
                if self.uids is not None:
                    assert exists >= len(self.uids), "EXISTS grows; VANISHED makes it smaller"
                    self.uids += [None] * (exists - len(self.uids))
            elif found := re.match(r"\* VANISHED (\(EARLIER\) )?([\d:,]+)$", line):
                self._vanished(found[2], earlier=bool(found[1]))
            elif found := re.match(r"\* (\d+) FETCH \((.*)", line):
                seen = max(seen, self._fetched(int(found[1]), found[2]))
            elif found := re.match(r"\* OK \[UIDVALIDITY (\d+)", line):
                self.validity = int(found[1])
            elif found := re.match(r"\* OK \[HIGHESTMODSEQ (\d+)", line):
                code, seen = int(found[1]), 0
            assert not re.match(r"\* \d+ EXPUNGE", line)
        if found := re.match(r"OK \[HIGHESTMODSEQ (\d+)", tagged):
            code, seen = int(found[1]), 0
        self.modseq = max(self.modseq if code is None else code, seen)
        return exists

    def _vanished(self, text: str, earlier: bool) -> None:
        for part in text.split(","):
            low, _, high = part.partition(":")
            for uid in range(int(low), int(high or low) + 1):
                self.flags.pop(uid, None)
                if not earlier:
                    self._forget(uid)

    def _forget(self, uid: int) -> None:
        """Of messages that only EXISTS has told of, one goes that can have this UID."""
        assert self.uids is not None
        if uid in self.uids:
            self.uids.remove(uid)
            return
        above = next((at for at, known in enumerate(self.uids) if known and known > uid), len(self.uids))
        assert above and self.uids[above - 1] is None, f"{uid} vanished and was never there"
        del self.uids[above - 1]

    def _fetched(self, number: int, items: str) -> int:
        if not re.match(r"UID|FLAGS|MODSEQ", items):
            return 0  # only what was asked for
        uid_text = re.search(r"UID (\d+)", items)
        assert uid_text, "FETCH without UID"
        uid = int(uid_text[1])
        if self.uids is not None:
            assert self.uids[number - 1] in (None, uid), "UID and number do not belong together"
            self.uids[number - 1] = uid
        if flags := re.search(r"FLAGS \(([^)]*)\)", items):
            self.flags[uid] = frozenset(flags[1].split()) - {"\\Recent"}
        elif self.silent and uid in self.flags:
            sign, flag = self.silent.groups()
            self.flags[uid] = self.flags[uid] | {flag} if sign == "+" else self.flags[uid] - {flag}
        modseq = re.search(r"MODSEQ \((\d+)\)", items)
        return int(modseq[1]) if modseq else 0

    def learn(self) -> None:
        """Asks for the flags of what is new, as long as something is."""
        assert self.uids is not None
        while new := [at for at, uid in enumerate(self.uids, 1) if uid not in self.flags]:
            self.told(f"FETCH {new[0]}:* (UID FLAGS MODSEQ)")

    @property
    def knows_all(self) -> bool:
        return self.uids is not None and all(uid in self.flags for uid in self.uids)

    def remember(self) -> Remembered:
        return Remembered(self.validity, self.modseq, dict(self.flags))

    def number(self, choice: int) -> int | None:
        assert self.uids is not None
        return choice % len(self.uids) + 1 if self.uids else None


def truth(store: Store, node: Any, name: str) -> dict[int, frozenset[str]]:
    """What a session sees that has never been here before."""
    speaker = Speaker(store, node=node)
    speaker.ok(f'EXAMINE "{name}"')
    found = (re.match(r"\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\)", line) for line in speaker.ok("UID FETCH 1:* FLAGS"))
    speaker.ok("UNSELECT")
    return {int(each[1]): frozenset(each[2].split()) - {"\\Recent"} for each in found if each}


def unified(node: Any) -> Any:
    node.settings = Settings(imap=Imap(namespace_mode="unified"))
    return node


@pytest.fixture(scope="module")
def nodes(store: Store) -> list[Any]:
    """Two workers that know nothing of each other, and a third where the domains are one namespace."""
    return [store.node(), store.node(), unified(store.node())]


NAMES = itertools.count(1)
ACTION = st.tuples(
    st.sampled_from(
        ["append", "append elsewhere", "flag", "silent", "conditional", "keyword", "delete", "expunge", "uid expunge",
         "move", "move elsewhere", "copy", "see", "noop", "search", "learn", "come back", "prune"]
    ),
    st.integers(0, 3), st.integers(0, 50), st.integers(0, 7),
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ACTION, min_size=5, max_size=50))
def test_a_client_that_comes_back_knows_all(store: Store, nodes: list[Any], actions: list[Any]) -> None:
    """Four clients change a folder, three of them through views of it; whatever one remembered at any time, QRESYNC
    brings it to what is there."""
    name = f"Folder{next(NAMES)}"
    for folder in (name, f"company.org/{name}", f"Other{name}"):
        Speaker(store, node=nodes[0]).ok(f"CREATE {folder}")
    places = [(nodes[0], name), (nodes[1], name), (nodes[2], name), (nodes[0], f"company.org/{name}")]
    letters = Speaker(store, node=nodes[0])
    for _ in range(4):
        letters.append(name)
        letters.append(f"company.org/{name}")
    clients = [Client(Speaker(store, node=node), at) for node, at in places]
    remembered: list[list[Remembered]] = [[client.remember()] for client in clients]
    for action, who, choice, more in actions:
        if choice % 2:
            clients[who].learn()
        act(clients[who], action, choice, more, remembered[who], store)
        if clients[who].knows_all:
            remembered[who].append(clients[who].remember())
    for (node, at), client, kept in zip(places, clients, remembered, strict=True):
        there = truth(store, node, at)
        client.told("NOOP")
        client.learn()
        assert client.flags == there
        for each in [*kept, client.remember()]:
            client.select(each)
            assert client.flags == there, f"came back with modseq {each.modseq}"
            client.select(each, more=known(each))
            assert client.flags == there, f"came back with modseq {each.modseq} and {known(each)}"


def known(remembered: Remembered) -> str:
    """known-uids, and every third message by number. Messages that came since are outside of these: the client asks for
    them as it does for any new ones."""
    if not remembered.flags:
        return ""
    uids = sorted(remembered.flags)
    numbers = ",".join(str(number) for number in range(1, len(uids) + 1, 3))
    numbered = ",".join(map(str, uids[::3]))
    return f" 1:4294967295 ({numbers} {numbered})"


def act(client: Client, action: str, choice: int, more: int, kept: list[Remembered], store: Store) -> None:
    for command in commands(client, action, client.number(choice), more):
        client.told(command)
    if action == "prune":
        store.database.execute("UPDATE changes SET changed_at = now() - interval '31 days'")
        sum(changes.prune(store.database, 30 * 86400))
    elif action == "come back":
        client.select(kept[choice % len(kept)])
    elif action == "learn":
        client.learn()


def commands(client: Client, action: str, number: int | None, more: int) -> Iterator[str]:
    letter = "Subject: a\r\n\r\nb\r\n"
    flag = ["\\Seen", "\\Flagged", "\\Deleted", "\\Answered"][more % 4]
    sign = "+-"[more // 4]
    match action:
        case "append" | "append elsewhere":
            to = client.name if action == "append" else "INBOX"
            yield f'APPEND "{to}" ({flag}) {{{len(letter)}+}}\r\n{letter}'
        case "noop":
            yield "NOOP"
        case "expunge":
            yield "EXPUNGE"
        case "uid expunge":
            yield f"UID EXPUNGE {more + 1}:{more + 4}"
        case _ if number is None:
            return
        case "flag":
            yield f"STORE {number} {sign}FLAGS ({flag})"
        case "silent":
            yield f"STORE {number}:* {sign}FLAGS.SILENT ({flag})"
        case "conditional":
            yield f"STORE 1:{number} (UNCHANGEDSINCE {client.modseq}) {sign}FLAGS ({flag})"
        case "keyword":
            yield f"STORE {number} FLAGS ($k{more} {flag})"
        case "delete":
            yield f"STORE {number} +FLAGS (\\Deleted)"
        case "move" | "move elsewhere":
            # The folder of the same name in another domain shares the space of UIDs.
            other = client.name if client.name.startswith("company.org/") else f"company.org/{client.name}"
            yield f'MOVE {number} "{other if action == "move" else "Other" + client.name.removeprefix("company.org/")}"'
        case "copy":
            yield f'COPY {number} "{client.name}"'
        case "see":
            yield f"FETCH {number} (BODY[TEXT])"
        case "search":
            yield "SEARCH MODSEQ 1"
