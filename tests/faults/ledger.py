# SPDX-License-Identifier: MIT
"""Clients that append without pause and write down what was acknowledged; and the audit of it afterwards."""

import random
import re
import threading
import time
from dataclasses import dataclass, field

from tests.faults.beside import Beside
from tests.running.client import Client, Closed, Literal
from tests.running.server import Node


@dataclass
class Entry:
    """One attempt. uid is 0 where no answer came."""

    message_id: str
    octets: bytes
    uid: int = 0
    refused: bool = False


@dataclass
class Ledger:
    """What the clients of one user tried."""

    user: str
    entries: list[Entry] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def acknowledged(self) -> dict[int, Entry]:
        found: dict[int, Entry] = {}
        for entry in self.entries:
            if entry.uid:
                assert entry.uid not in found, f"UID {entry.uid} was given twice"
                found[entry.uid] = entry
        return found


class Load(Beside):
    """Appending clients on threads; they connect again when their connection dies."""

    def __init__(self, node: Node, users: list[str], clients_each: int = 3):
        self.node = node
        self.ledgers = [Ledger(user) for user in users]
        self._name = time.monotonic_ns()  # no other load's messages have these names
        super().__init__()
        self._threads = [
            threading.Thread(target=self._run, args=(ledger, number), daemon=True)
            for ledger in self.ledgers
            for number in range(clients_each)
        ]

    def count(self) -> int:
        """Messages acknowledged until now."""
        return sum(1 for ledger in self.ledgers for entry in list(ledger.entries) if entry.uid)

    def _run(self, ledger: Ledger, number: int) -> None:
        chance = random.Random(f"{ledger.user} {number}")
        serial = 0
        while not self._stop.is_set():
            try:
                with self.node.client(ledger.user, timeout_seconds=15) as client:
                    while not self._stop.is_set():
                        serial += 1
                        self._append(client, ledger, f"{self._name}.{number}.{serial}", chance)
            except (Closed, OSError, AssertionError):
                time.sleep(0.05)

    @staticmethod
    def _append(client: Client, ledger: Ledger, name: str, chance: random.Random) -> None:
        message_id = f"<{name}@ledger>"
        body = "".join(chance.choices("abcdefghij \r\n", k=chance.choice((10, 1000, 100_000))))
        entry = Entry(message_id, f"Message-ID: {message_id}\r\nSubject: {name}\r\n\r\n{body}\r\n".encode())
        with ledger.lock:
            ledger.entries.append(entry)
        reply = client.command("APPEND INBOX ", Literal(entry.octets, plus=True))
        entry.refused = reply.status != "OK"
        if found := re.match(rb"APPENDUID \d+ (\d+)", reply.code):
            entry.uid = int(found[1])


def audit(node: Node, ledger: Ledger) -> None:
    """Every acknowledged message is there once, octet by octet, under its UID; nothing refused is there."""
    with node.client(ledger.user, timeout_seconds=60) as client:
        client.ok("SELECT INBOX")
        there: dict[int, bytes] = {}
        for line in client.ok("UID FETCH 1:* (UID BODY.PEEK[])").lines(b"FETCH"):
            uid = re.search(rb"UID (\d+)", line)
            body = re.search(rb"BODY\[\] \{(\d+)\}\r\n", line)
            assert uid and body, line[:200]
            assert int(uid[1]) not in there, f"UID {uid[1]!r} is there twice"
            there[int(uid[1])] = line[body.end() : body.end() + int(body[1])]
    for given, entry in ledger.acknowledged().items():
        assert there.get(given) == entry.octets, f"{entry.message_id} was acknowledged as UID {given} and is not there"
    ids = [octets[12 : octets.index(b"\r\n")].decode() for octets in there.values()]
    tried = {entry.message_id: entry for entry in ledger.entries}
    assert len(set(ids)) == len(ids), "a message was stored twice"
    assert not [name for name in ids if name in tried and tried[name].refused], "what was refused was stored"
