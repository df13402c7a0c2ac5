# SPDX-License-Identifier: MIT
"""What a client knows of its selected mailbox from what it was told, and the parsing of that."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

NUMBERED = re.compile(rb"(\d+) (EXISTS|EXPUNGE|FETCH)")
ITEMS = {
    "uid": re.compile(rb"UID (\d+)"),
    "size": re.compile(rb"RFC822\.SIZE (\d+)"),
    "modseq": re.compile(rb"MODSEQ \((\d+)\)"),
    "date": re.compile(rb'INTERNALDATE "([^"]+)"'),
    "email_id": re.compile(rb"EMAILID \(([^)]+)\)"),
    "flags": re.compile(rb"FLAGS \(([^)]*)\)"),
}
HIGHEST = re.compile(rb"OK \[HIGHESTMODSEQ (\d+)\]")
VANISHED = re.compile(rb"VANISHED (?:\(EARLIER\) )?(\S+)")


@dataclass
class Told:
    """uids by sequence number; 0 where a message came of which no more is known yet."""

    uids: list[int] = field(default_factory=list)
    flags: dict[int, frozenset[str]] = field(default_factory=dict)
    modseqs: dict[int, int] = field(default_factory=dict)
    modseq: int = 0  # what a client would remember to ask what has changed since
    flags_changed: int = 0  # how often it was told which flags there are

    def hear(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            numbered = NUMBERED.match(line)
            if numbered:
                self._hear_number(int(numbered[1]), numbered[2], line)
            elif found := VANISHED.match(line):
                self._vanish(set(members(found[1])), earlier=b"EARLIER" in line)
            elif found := HIGHEST.match(line):
                self.modseq = int(found[1])
            elif line.startswith(b"OK [PERMANENTFLAGS"):
                self.flags_changed += 1

    def _hear_number(self, number: int, word: bytes, line: bytes) -> None:
        if word == b"EXISTS":
            assert number >= len(self.uids), f"{number} EXISTS after {len(self.uids)}"
            self.uids += [0] * (number - len(self.uids))
            return
        assert 1 <= number <= len(self.uids), f"{line!r} with {len(self.uids)} messages"
        if word == b"EXPUNGE":
            self.flags.pop(self.uids.pop(number - 1), None)
            return
        items = fetched(line)
        uid = int(items.get("uid", self.uids[number - 1]))
        assert uid and self.uids[number - 1] in (0, uid), f"{line!r} was UID {self.uids[number - 1]}"
        self.uids[number - 1] = uid
        if "flags" in items:
            self.flags[uid] = frozenset(items["flags"].split()) - {"\\Recent"}
        if "modseq" in items:
            modseq = int(items["modseq"])
            assert modseq >= self.modseqs.get(uid, 0), f"{line!r} after MODSEQ {self.modseqs[uid]}"
            self.modseqs[uid] = modseq
            self.modseq = max(self.modseq, modseq)

    def _vanish(self, gone: set[int], earlier: bool) -> None:
        assert earlier or gone <= set(self.uids), f"{gone} of {self.uids} vanished"
        self.uids = [uid for uid in self.uids if uid not in gone]
        for uid in gone:
            self.flags.pop(uid, None)

    def resume(self, lines: Iterable[bytes]) -> None:
        """After SELECT with QRESYNC: what was known, and what has changed since, is all there is."""
        self.uids = []
        self.hear(lines)
        known = sorted(self.flags)
        assert len(known) == len(self.uids), f"{self.uids} after QRESYNC, and known are {known}"
        assert all(uid in (0, at) for uid, at in zip(self.uids, known, strict=True)), f"{self.uids}, not {known}"
        self.uids = known


def fetched(line: bytes) -> dict[str, str]:
    """The items of a FETCH that are known here."""
    found = {name: pattern.search(line) for name, pattern in ITEMS.items()}
    return {name: match[1].decode() for name, match in found.items() if match}


def members(uids: bytes) -> Iterator[int]:
    """The members of a sequence set without `*`."""
    for part in uids.split(b","):
        low, _, high = part.partition(b":")
        yield from range(int(low), int(high or low) + 1)


def as_set(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))
