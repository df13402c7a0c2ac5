# SPDX-License-Identifier: MIT
"""One connection of a person to the server, and what the model says that it has open."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.model.deeds import flags_seen, rights_in
from tests.model.names import Place, rights_at
from tests.model.told import Told, as_set, fetched
from tests.model.world import Folder, Message, Person, Space, World
from tests.running.client import Closed, Part, Reply
from tests.running.server import Running

NOTICED_SECONDS = 5.0
IDENTITY = "UID FLAGS MODSEQ RFC822.SIZE INTERNALDATE EMAILID"


@dataclass
class Opened:
    """folder: None where all of the space is shown. rights: as the server has last said."""

    name: str
    space: Space
    folder: Folder | None
    rights: str
    read_only: bool
    shared: bool

    def messages(self, world: World) -> list[tuple[Folder, Message]]:
        if self.folder is None:
            folders = [folder for folder in world.folders_in(self.space) if not folder.box.closed]
        else:
            folders = [self.folder] if self.folder.exists and self.folder.space is self.space else []
        found = [(folder, message) for folder in folders for message in folder.messages]
        return sorted(found, key=lambda each: each[1].uid)


@dataclass
class Memory:
    """What a client keeps of a mailbox that it had open."""

    validity: int
    told: Told


class Session:
    """naps: for so many steps it does not look what is new. trace: what was said, by all sessions."""

    def __init__(
        self, label: str, server: Running, world: World, person: Person, seen: Seen, qresync: bool, trace: list[str]
    ):
        self.label = label
        self.trace = trace
        self.server = server
        self.world = world
        self.person = person
        self.seen = seen
        self.qresync = qresync
        self.naps = 0
        self.memory: dict[str, Memory] = {}
        self.connect()

    def connect(self) -> None:
        self.client = self.server.client(self.person.identifier)
        self.client.ok("ENABLE QRESYNC" if self.qresync else "ENABLE CONDSTORE")
        self.opened: Opened | None = None
        self.told = Told()

    def command(self, *parts: Part | str) -> Reply:
        """Sends it, and takes note of all that is told."""
        reply = self.send(*parts)
        self.told.hear([*reply.untagged, b"OK " + reply.text])
        return reply

    def send(self, *parts: Part | str) -> Reply:
        said = "".join(part if isinstance(part, str) else "{…}" for part in parts)
        self.trace.append(f"{self.label} {said}")
        reply = self.client.command(*parts)
        self.trace += [f"{self.label}   * {line.decode()}" for line in reply.untagged if said[:4] != "LIST"]
        self.trace.append(f"{self.label}   {reply.status} {reply.text.decode()}")
        return reply

    # What is open

    def open(self, at: Place, read_only: bool, reply: Reply, memory: Memory | None = None) -> None:
        """After SELECT or EXAMINE. The rest is asked for, unless it is known from before, and only changes were told."""
        self.opened = self._opened(at, read_only, reply)
        if memory and memory.validity == self.opened.space.validity:
            self.told = memory.told
            self.told.resume([*reply.untagged, b"OK " + reply.text])
        else:
            self.told = Told()
            self.told.hear([*reply.untagged, b"OK " + reply.text])
        self.fill()

    def _opened(self, at: Place, read_only: bool, reply: Reply) -> Opened:
        folder = at.folders[0]
        codes = b"".join(reply.untagged)
        assert b"[UIDVALIDITY %d]" % (folder.space.validity or 0) in codes, reply
        rights = rights_at(self.person, at)
        counting = set("wtei" if at.shared and folder.box.own_seen else "swtei") & set(rights)
        assert reply.code == (b"READ-WRITE" if counting and not read_only else b"READ-ONLY"), reply
        return Opened(at.name, folder.space, None if at.merged else folder, rights, read_only, at.shared)

    def leave(self) -> None:
        """Nothing is open any more; a client remembers what it has been told."""
        if self.opened and self.opened.space.validity and 0 not in self.told.uids:
            self.memory[self.opened.name] = Memory(self.opened.space.validity, self.told)
        self.opened, self.told = None, Told()

    # Looking

    def look(self) -> None:
        """What is new is told, and then the client knows all that the model knows."""
        self.command("NOOP")
        if self.opened:
            self.fill()
            self.compare()

    def fill(self) -> None:
        """Asks about messages that came, and that are no more than a number yet."""
        while 0 in self.told.uids:
            first = self.told.uids.index(0) + 1
            reply = self.command(f"FETCH {first}:{len(self.told.uids)} ({IDENTITY})")
            assert reply.status == "OK", reply
            self.seen.take(self.opened, reply)

    def compare(self) -> None:
        assert self.opened
        expected = {m.uid: flags_seen(self.person, folder, m) for folder, m in self.opened.messages(self.world)}
        told = self.told
        assert told.uids == list(expected), f"{self}: UIDs are {told.uids}, and should be {list(expected)}"
        for uid, flags in expected.items():
            assert told.flags[uid] == flags, f"{self}: flags of {uid} are {set(told.flags[uid])}, not {set(flags)}"

    def compare_all(self) -> None:
        """The same by asking anew, and by which messages they are."""
        assert self.opened
        reply = self.send(f"UID FETCH 1:* ({IDENTITY})")
        self.told.hear(reply.untagged)
        self.seen.take(self.opened, reply)
        self.compare()
        self.seen.compare(self.opened.messages(self.world))

    # Rights and the end of sessions

    def follow_rights(self, quickly: bool) -> None:
        """The rights in what is open may be others now: within some seconds the session hears of it, or ends. What is
        not told at once (a folder that was removed, say) is not waited for."""
        if not self.opened or not self.opened.shared or not self.opened.folder:
            return
        rights = rights_in(self.person, self.opened.folder)
        if rights == self.opened.rights:
            return
        if not quickly:
            self.reconnect()
        elif "r" not in rights:
            self.expect_end()
        else:
            self._expect_flags()
            self.opened.rights = rights

    def _expect_flags(self) -> None:
        before, deadline = self.told.flags_changed, time.monotonic() + NOTICED_SECONDS
        while self.told.flags_changed == before:
            assert time.monotonic() < deadline, f"{self} has not heard of its new rights"
            self.command("NOOP")
        self.fill()

    def expect_namespaces(self) -> None:
        """What has come is there in open sessions, too."""
        deadline = time.monotonic() + NOTICED_SECONDS
        prefixes = [f'("{prefix}" "/")'.encode() for prefix, _ in self.person.namespaces()]
        while not all(prefix in self.send("NAMESPACE").untagged[0] for prefix in prefixes):
            assert time.monotonic() < deadline, f"{self} has not heard of another mailbox"

    def expect_end(self) -> None:
        """The server says BYE; then the person comes back."""
        last = b""
        try:
            while True:
                last = self.client.response(NOTICED_SECONDS)
        except Closed:
            assert last.startswith(b"* BYE"), last
        self.reconnect()

    def reconnect(self) -> None:
        self.leave()
        self.client.close()
        self.connect()

    def __str__(self) -> str:
        return f"{self.person.name} in {self.opened.name if self.opened else 'nothing'}"

    # Which messages a command is about

    def chosen(self, picks: list[int]) -> list[int]:
        """Sequence numbers, ascending, from any numbers."""
        return sorted({pick % len(self.told.uids) + 1 for pick in picks}) if self.told.uids else []

    def messages(self, numbers: list[int]) -> list[tuple[Folder, Message]]:
        """Those of them that are still there."""
        assert self.opened
        uids = {self.told.uids[number - 1] for number in numbers}
        return [each for each in self.opened.messages(self.world) if each[1].uid in uids]

    def spelled(self, numbers: list[int], by_uid: bool) -> str:
        return as_set(self.told.uids[number - 1] for number in numbers) if by_uid else as_set(numbers)


class Seen:
    """Which message had which UID: never another one under the same name and UIDVALIDITY, whoever asks."""

    def __init__(self, sizes: list[int], date: object):
        self.sizes = sizes
        self.date = date
        self.by_uid: dict[tuple[Space, int, int], tuple[int, str, str]] = {}
        self.email_ids: dict[int, str] = {}

    def take(self, opened: Opened | None, reply: Reply) -> None:
        assert opened and opened.space.validity
        for line in reply.lines(b"FETCH"):
            items = fetched(line)
            if "size" not in items:
                continue
            identity = (int(items["size"]), items["date"], items["email_id"])
            key = opened.space, opened.space.validity, int(items["uid"])
            assert self.by_uid.setdefault(key, identity) == identity, f"{key} was {self.by_uid[key]}, is {identity}"
            assert self.email_ids.setdefault(identity[0], identity[2]) == identity[2], "one EMAILID for one content"

    def compare(self, messages: list[tuple[Folder, Message]]) -> None:
        for folder, message in messages:
            size, date, _ = self.by_uid[folder.space, folder.space.validity or 0, message.uid]
            assert (size, date) == (self.sizes[message.content], self.date(message.date)), message  # type: ignore[operator]
