# SPDX-License-Identifier: MIT
"""Commands on messages. Each is sent to the server and done to the model, and both must say the same."""

from __future__ import annotations

from collections.abc import Callable

from tests.model import deeds
from tests.model.commands import Commands, Name
from tests.model.names import Refused, find, listing
from tests.model.session import Session
from tests.model.stage import SIZES, date_of, octets
from tests.model.told import members
from tests.model.world import Folder, Message
from tests.running.client import Literal

KEYS: dict[str, Callable[[int, frozenset[str], int], bool]] = {
    "ALL": lambda uid, flags, size: True,
    "SEEN": lambda uid, flags, size: "\\Seen" in flags,
    "UNSEEN NOT DELETED": lambda uid, flags, size: not {"\\Seen", "\\Deleted"} & flags,
    "OR FLAGGED KEYWORD blue": lambda uid, flags, size: bool({"\\Flagged", "Blue"} & flags),
    "UNKEYWORD $Label1 ANSWERED": lambda uid, flags, size: "$Label1" not in flags and "\\Answered" in flags,
    f"SMALLER {SIZES[3]}": lambda uid, flags, size: size < SIZES[3],
    "UID 2:4,7:*": lambda uid, flags, size: 2 <= uid <= 4 or uid >= 7,
}


class MessageCommands(Commands):
    """s: the number of a session; picks: any numbers, which some of its messages are chosen by."""

    def chosen(self, session: Session, picks: list[int]) -> list[int]:
        """Sequence numbers in what is open; where there is none, the session opens one of its mailboxes first."""
        if not session.told.uids:
            listed = listing(self.world, session.person)
            readable = [
                name for name, one in listed.items() if "r" in one.rights and any(f.messages for f in one.folders)
            ]
            if readable:
                self.select(
                    self.stage.sessions.index(session), sorted(listed).index(readable[picks[0] % len(readable)]), False
                )
        return session.chosen(picks)

    def append(self, s: int, to: Name, content: int, flags: set[str]) -> None:
        session = self.stage.sessions[s]
        name = self.name_of(session, to)
        self.dates += 1
        command = f'APPEND "{name}" ({" ".join(sorted(flags))}) "{date_of(self.dates)}" '
        reply = session.command(command, Literal(octets(content), plus=True))
        made = self.expect(reply, lambda: deeds.append(self.world, session.person, name, content, self.dates, flags))
        if made:
            assert reply.code.split()[::2] == [b"APPENDUID", b"%d" % made.uid], reply

    def select(self, s: int, name: Name, examine: bool) -> None:
        session = self.stage.sessions[s]
        wanted = self.name_of(session, name)
        session.leave()
        reply = session.send(f'{"EXAMINE" if examine else "SELECT"} "{wanted}"')
        at = self.expect(reply, lambda: find(self.world, session.person, wanted, "r"))
        if at:
            session.open(at, examine, reply)
            session.compare()

    def leave(self, s: int, closing: bool) -> None:
        session = self.stage.sessions[s]
        if session.opened:
            reply = session.send("CLOSE" if closing else "UNSELECT")
            assert reply.status == "OK", reply
            if closing and self._may_expunge(session):
                self._remove_deleted(session.opened.messages(self.world))
            session.leave()

    def come_back(self, s: int, pick: int) -> None:
        """To one that was open before; what has changed since is told (RFC 7162)."""
        session = self.stage.sessions[s]
        if not session.memory or not session.qresync:
            return
        session.leave()
        name = sorted(session.memory)[pick % len(session.memory)]
        memory = session.memory.pop(name)
        reply = session.send(f'SELECT "{name}" (QRESYNC ({memory.validity} {memory.told.modseq}))')
        at = self.expect(reply, lambda: find(self.world, session.person, name, "r"))
        if at:
            session.open(at, False, reply, memory)
            session.compare()

    def store(self, s: int, picks: list[int], uid: bool, op: str, flags: set[str], silent: bool) -> None:
        session = self.stage.sessions[s]
        if not (numbers := self.chosen(session, picks)):
            return
        messages, uids = session.messages(numbers), [session.told.uids[number - 1] for number in numbers]
        what = f"{op.strip('=')}FLAGS{'.SILENT' if silent else ''} ({' '.join(sorted(flags))})"
        reply = session.command(f"{'UID ' if uid else ''}STORE {session.spelled(numbers, uid)} {what}")

        def deed() -> bool:
            if session.opened.read_only:
                raise Refused("NOPERM")
            deeds.store(session.person, session.opened.rights, messages, op, flags)
            return True

        if self.expect(reply, deed) and silent:
            self._assume(session, uids, op, flags)

    def _assume(self, session: Session, uids: list[int], op: str, flags: set[str]) -> None:
        """After .SILENT a client knows by itself what the flags are."""
        may = deeds.settable(session.opened.rights)
        for uid in uids:
            held = session.told.flags[uid]
            after = (
                held | flags & may if op == "+" else held - (flags & may) if op == "-" else (held - may) | flags & may
            )
            session.told.flags[uid] = frozenset(after)

    def expunge(self, s: int, picks: list[int] | None) -> None:
        session = self.stage.sessions[s]
        if not session.opened or (picks and not session.told.uids):
            return
        numbers = session.chosen(picks) if picks else None
        messages = session.messages(numbers) if numbers else session.opened.messages(self.world)
        reply = session.command(f"UID EXPUNGE {session.spelled(numbers, True)}" if numbers else "EXPUNGE")

        def deed() -> None:
            if not self._may_expunge(session):
                raise Refused("NOPERM")
            self._remove_deleted(messages)

        self.expect(reply, deed)

    def _may_expunge(self, session: Session) -> bool:
        return "e" in session.opened.rights and not session.opened.read_only

    def _remove_deleted(self, messages: list[tuple[Folder, Message]]) -> None:
        deeds.remove([each for each in messages if "\\Deleted" in each[1].flags])

    def transfer(self, s: int, picks: list[int], uid: bool, to: Name, moving: bool) -> None:
        """COPY and MOVE."""
        session = self.stage.sessions[s]
        name = self.name_of(session, to)
        if not (numbers := self.chosen(session, picks)):
            return
        source = session.messages(numbers)
        old = [message.uid for _, message in source]
        verb = "MOVE" if moving else "COPY"
        reply = session.command(f'{"UID " if uid else ""}{verb} {session.spelled(numbers, uid)} "{name}"')

        def deed() -> list[int]:
            if moving and (session.opened.read_only or not {"t", "e"} <= set(session.opened.rights)):
                raise Refused("NOPERM")
            return deeds.copy(self.world, session.person, source, name, moving)

        if new := self.expect(reply, deed):
            said = next(line for line in [*reply.untagged, b"OK " + reply.text] if b"[COPYUID" in line)
            pairs = said.partition(b"]")[0].split()[-2:]
            assert [sorted(members(part)) for part in pairs] == [old, new], f"{said!r}: {old} to {new}"

    def read(self, s: int, picks: list[int]) -> None:
        r"""FETCH of a body sets \Seen."""
        session = self.stage.sessions[s]
        if numbers := self.chosen(session, picks):
            there = session.messages(numbers)
            reply = session.command(f"FETCH {session.spelled(numbers, False)} (UID BODY[TEXT])")
            assert reply.status == "OK", reply
            if "s" in session.opened.rights and not session.opened.read_only:
                deeds.store(session.person, session.opened.rights, there, "+", {"\\Seen"})

    def search(self, s: int, key: str) -> None:
        session = self.stage.sessions[s]
        if session.opened:
            session.look()
            found = session.send(f"UID SEARCH {key}").lines(b"SEARCH")[0].split()[1:]
            messages = session.opened.messages(self.world)
            last = messages[-1][1].uid if messages else 0
            expected = [
                m.uid for folder, m in messages
                if KEYS[key](m.uid, deeds.flags_seen(session.person, folder, m), SIZES[m.content])
                or (key.endswith(":*") and m.uid == last)
            ]  # fmt: skip
            assert [int(uid) for uid in found] == expected, f"{key}: {found}, not {expected}"
