# SPDX-License-Identifier: MIT
"""Clients that believe nothing but what they are told, and what they then believe; and others that change the mailbox."""

import random
import re
import threading
import time
from collections.abc import Callable, Iterator

from tests.faults.beside import Beside
from tests.running.client import Client, Literal, Reply

KEYWORDS = ("\\Seen", "\\Flagged", "\\Answered", "Blue", "$Label1")
FETCHED_UID = re.compile(rb"UID (\d+)")
FETCHED_FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")
FETCHED_MODSEQ = re.compile(rb"MODSEQ \((\d+)\)")
State = dict[int, frozenset[str]]


def flags_in(line: bytes) -> frozenset[str]:
    found = FETCHED_FLAGS.search(line)
    assert found, line
    return frozenset(found[1].decode().split()) - {"\\Recent"}


def numbers(uids: bytes) -> Iterator[int]:
    """The members of a sequence set without `*`."""
    for part in uids.split(b","):
        low, _, high = part.partition(b":")
        yield from range(int(low), int(high or low) + 1)


def truth(client: Client) -> State:
    """What a session that begins now sees."""
    client.ok("EXAMINE INBOX")
    lines = client.ok("UID FETCH 1:* (UID FLAGS)").lines(b"FETCH")
    client.ok("UNSELECT")
    return {int(FETCHED_UID.search(line)[1]): flags_in(line) for line in lines}  # type: ignore[index]


class Mirror:
    """Counts along by sequence numbers, as a client without any extension does."""

    def __init__(self, client: Client):
        self.client = client
        self.uids: list[int] = []
        self.flags: State = {}
        self.take(client.ok("EXAMINE INBOX"))

    def take(self, reply: Reply) -> None:
        for line in reply.untagged:
            self.hear(line)
        while 0 in self.uids:
            first = self.uids.index(0) + 1
            self.take(self.client.ok(f"FETCH {first}:{len(self.uids)} (UID FLAGS)"))

    def hear(self, line: bytes) -> None:
        found = re.match(rb"(\d+) (EXISTS|EXPUNGE|FETCH)", line)
        if not found:
            return
        number, word = int(found[1]), found[2]
        if word == b"EXISTS":
            assert number >= len(self.uids), f"{number} EXISTS after {len(self.uids)}"
            self.uids += [0] * (number - len(self.uids))
            return
        assert 1 <= number <= len(self.uids), f"{line!r} with {len(self.uids)} messages"
        if word == b"EXPUNGE":
            self.flags.pop(self.uids.pop(number - 1), None)
            return
        uid = FETCHED_UID.search(line)
        if uid:
            assert self.uids[number - 1] in (0, int(uid[1])), f"{line!r} was UID {self.uids[number - 1]}"
            self.uids[number - 1] = int(uid[1])
        if b"FLAGS" in line and self.uids[number - 1]:
            self.flags[self.uids[number - 1]] = flags_in(line)

    def state(self) -> State:
        assert self.uids == sorted(set(self.uids)), "ascending, each once"
        return {uid: self.flags[uid] for uid in self.uids}

    def look(self) -> None:
        self.take(self.client.ok("NOOP"))


class IdleMirror(Mirror):
    """Waits in IDLE and is told."""

    def look(self) -> None:
        reply = Reply()
        tag = self.client.tag()
        self.client.send(tag + b" IDLE\r\n")
        assert self.client.continuation(tag, reply)
        deadline = time.monotonic() + 0.5
        while self.client.pending(max(0.0, deadline - time.monotonic())):
            reply.untagged.append(self.client.response().removeprefix(b"* "))
        self.client.send(b"DONE\r\n")
        self.take(self.client.finish(tag, reply))


class QresyncMirror:
    """Goes and comes back, and asks what it has missed (RFC 7162)."""

    def __init__(self, connect: Callable[[], Client], chance: random.Random):
        self.connect = connect
        self.chance = chance
        self.validity = self.modseq = 0
        self.flags: State = {}

    def look(self) -> None:
        with self.connect() as client:
            client.ok("ENABLE QRESYNC")
            known = f" (QRESYNC ({self.validity} {self.modseq}))" if self.modseq else ""
            reply = client.ok(f"EXAMINE INBOX{known}")
            self.take(reply)
            if not known:
                self.take(client.ok("UID FETCH 1:* (UID FLAGS MODSEQ)"))
            for _ in range(self.chance.randrange(4)):
                reply = client.ok(self.chance.choice(("NOOP", "FETCH 1:* (FLAGS)", "UID FETCH 1:* (FLAGS)")))
                self.take(reply)
                while reply.lines(b"EXISTS"):  # whoever takes a modseq that is told beside it must look what has come
                    reply = client.ok(f"UID FETCH {max(self.flags, default=0) + 1}:* (UID FLAGS MODSEQ)")
                    self.take(reply)
            client.reset() if self.chance.random() < 0.5 else client.ok("LOGOUT")

    def take(self, reply: Reply) -> None:
        for line in [*reply.untagged, b"OK " + reply.text]:
            if found := re.match(rb"VANISHED (?:\(EARLIER\) )?(\S+)", line):
                for uid in numbers(found[1]):
                    self.flags.pop(uid, None)
            elif found := re.match(rb"OK \[HIGHESTMODSEQ (\d+)\]", line):
                self.modseq = int(found[1])
            elif found := re.match(rb"OK \[UIDVALIDITY (\d+)\]", line):
                self.validity = int(found[1])
            elif re.match(rb"\d+ FETCH ", line) and (found := FETCHED_UID.search(line)) and b"FLAGS" in line:
                self.flags[int(found[1])] = flags_in(line)
                if newer := FETCHED_MODSEQ.search(line):
                    self.modseq = max(self.modseq, int(newer[1]))

    def state(self) -> State:
        return self.flags


class Changers(Beside):
    """Sessions that append, copy, flag, expunge and move without pause."""

    def __init__(self, connect: Callable[[], Client], count: int, seed: int):
        self.failed: list[str] = []
        super().__init__()
        self._threads = [
            threading.Thread(target=self._run, args=(connect(), random.Random(seed * 100 + number)), daemon=True)
            for number in range(count)
        ]

    def _run(self, client: Client, chance: random.Random) -> None:
        try:
            count = self._exists(client.ok("SELECT INBOX"), 0)
            while not self._stop.is_set():
                reply = client.command(*self._command(chance, count))
                assert reply.status in ("OK", "NO"), f"{reply.status} {reply.text!r}"
                count = self._exists(reply, count)
        except Exception as error:
            self.failed.append(repr(error))
        finally:
            client.close()

    @staticmethod
    def _command(chance: random.Random, count: int) -> tuple[str | Literal, ...]:
        some = f"{chance.randint(1, count)}:{chance.randint(1, count)}" if count else "1"
        kind = chance.random()
        if not count or (kind < 0.25 and count < 60):
            return "APPEND INBOX (\\Seen) ", Literal(b"Subject: %d\r\n\r\nx\r\n" % chance.randrange(50), plus=True)
        if kind < 0.6:
            return (f"STORE {some} {chance.choice('+-')}FLAGS.SILENT ({chance.choice(KEYWORDS)})",)
        if kind < 0.7:
            return (f"STORE {chance.randint(1, count)} +FLAGS (\\Deleted)",)
        if kind < 0.8:
            return ("EXPUNGE",)
        if kind < 0.85 and count < 60:
            return (f"COPY {chance.randint(1, count)} INBOX",)
        return (f"MOVE {chance.randint(1, count)} Trash",) if kind < 0.9 else ("NOOP",)

    @staticmethod
    def _exists(reply: Reply, count: int) -> int:
        for line in reply.untagged:
            if line.endswith(b" EXISTS"):
                count = int(line.split()[0])
            elif line.endswith(b" EXPUNGE"):
                count -= 1
        return count
