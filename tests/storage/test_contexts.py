# SPDX-License-Identifier: MIT
"""Contexts: who does to a list what it is told to do has at any time what a new search finds."""

import random
import re
import time

import pytest

from imapd.protocol import dispatch
from tests.running.counted import Counted
from tests.running.store import Store

SEARCHES = (
    "SEARCH RETURN (UPDATE ALL) UNSEEN",
    "UID SEARCH RETURN (UPDATE ALL) OR FLAGGED SUBJECT b",
    "SEARCH RETURN (UPDATE ALL) 1:4 UNFLAGGED",
    "SORT RETURN (UPDATE ALL) (SUBJECT REVERSE ARRIVAL) UTF-8 UNSEEN",
    "UID SORT RETURN (UPDATE ALL) (REVERSE SUBJECT) UTF-8 NOT KEYWORD $Done",
    "UID SORT RETURN (UPDATE ALL) (ARRIVAL) UTF-8 2:*",
)
FLAGS = ("\\Seen", "\\Flagged", "$Done", "\\Deleted")
STEPS = 60


def say(client: Counted, command: str, tag: str = "a") -> list[str]:
    """What is said to a command, its tagged answer among it."""
    client.connection.sent.clear()
    client.connection.pieces = [f"{tag} {command}\r\n".encode()]
    client.connection.received_at = time.monotonic()
    dispatch.serve(client.session)
    return [line.decode() for line in client.connection.lines]


class Reader:
    """A client that keeps its lists by nothing but what it is told."""

    def __init__(self, client: Counted):
        self.client = client
        self.messages: list[object] = []  # by sequence number; a new one is an object until its UID is known
        self.lists: dict[str, list[object]] = {}
        self.search_of: dict[str, str] = {}
        self.changes = 0

    def do(self, command: str, tag: str = "a") -> list[str]:
        """Carries out a command, and takes in all that is said."""
        lines = say(self.client, command, tag)
        for line in lines:
            if found := re.match(r"\* (\d+) EXPUNGE", line):
                del self.messages[int(found[1]) - 1]
            elif found := re.match(r"\* (\d+) EXISTS", line):
                self.messages += [object() for _ in range(int(found[1]) - len(self.messages))]
            elif found := re.match(r'\* ESEARCH \(TAG "(\w+)"\)( UID)? (.*(?:ADDTO|REMOVEFROM).*)', line):
                for item, pairs in re.findall(r"(ADDTO|REMOVEFROM) \(([^)]*)\)", found[3]):
                    words = pairs.split()
                    for place, numbers in zip(words[::2], words[1::2], strict=True):
                        self._change(item, self.lists[found[1]], int(place), self._meant(numbers, bool(found[2])))
        return lines

    def _meant(self, numbers: str, by_uid: bool) -> list[object]:
        ranges = [(part.split(":") * 2)[:2] for part in numbers.split(",")]
        each = [number for low, high in ranges for number in range(int(low), int(high) + 1)]
        return list(each) if by_uid else [self.messages[number - 1] for number in each]

    def _change(self, item: str, results: list[object], place: int, chosen: list[object]) -> None:
        self.changes += 1
        if item == "ADDTO" and place:
            results[place - 1 : place - 1] = chosen
        elif item == "ADDTO":
            results += chosen
        elif place:
            assert results[place - 1 : place - 1 + len(chosen)] == chosen
            del results[place - 1 : place - 1 + len(chosen)]
        else:
            for each in chosen:
                results.remove(each)

    def learn(self) -> None:
        """New messages get their UIDs, in all lists."""
        uids = [int(uid) for uid in self.do("UID SEARCH ALL")[0].split()[2:]]
        assert len(uids) == len(self.messages)
        named = dict(zip(map(id, self.messages), uids, strict=True))
        for results in (self.messages, *self.lists.values()):
            results[:] = [each if isinstance(each, int) else named[id(each)] for each in results]

    def begin(self, tag: str, search: str) -> None:
        (line,) = [line for line in self.do(search, tag) if line.startswith("* ESEARCH")]
        found = re.search(r" ALL (\S+)", line)
        self.lists[tag] = self._meant(found[1], search.startswith("UID")) if found else []
        self.search_of[tag] = search.replace(" RETURN (UPDATE ALL)", "").removeprefix("UID ")

    def check(self) -> None:
        self.learn()
        for tag, search in self.search_of.items():
            told = [int(uid) for uid in self.do("UID " + search)[0].split()[2:]]
            ours = self.lists[tag] if search.startswith("SORT") else sorted(self.lists[tag])  # type: ignore[type-var]
            assert ours == told, search


def letter(chance: random.Random) -> str:
    text = f"Subject: {chance.choice('abc')} {chance.randrange(10**9)}\r\n\r\n"
    return f"{{{len(text)}+}}\r\n{text}"


def something(chance: random.Random) -> str:
    low, high = chance.randint(1, 9), chance.randint(1, 9)
    which = f"{low}:{high}" if chance.random() < 0.9 else "1:*"
    sign, flag = chance.choice("+-"), chance.choice(FLAGS)
    return chance.choice(
        (
            f"UID STORE {which} {sign}FLAGS ({flag})",
            f"UID STORE {which} {sign}FLAGS.SILENT ({flag})",
            f"APPEND INBOX ({flag}) {letter(chance)}",
            f"UID COPY {which} INBOX",
            "EXPUNGE",
            "NOOP",
            "FETCH 1 FLAGS",
        )
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_lists_are_always_what_a_search_finds(store: Store, seed: int) -> None:
    """shows: RFC 5267 4.3.2"""
    chance, node = random.Random(seed), store.node()
    reader, writer = Reader(Counted(store, node=node)), Counted(store, node=node)
    for _ in range(6):
        say(writer, f"APPEND INBOX {letter(chance)}")
    say(writer, "SELECT INBOX")
    reader.do("SELECT INBOX")
    reader.learn()
    for number, search in enumerate(SEARCHES):
        reader.begin(f"s{number}", search)
    for _ in range(STEPS):
        if chance.random() < 0.5:
            reader.do(something(chance))
        else:
            say(writer, something(chance))
        if chance.random() < 0.5:
            reader.do("NOOP")
            reader.check()
    reader.do("NOOP")
    reader.check()
    assert reader.changes > STEPS // 2
