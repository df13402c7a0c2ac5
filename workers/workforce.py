# SPDX-License-Identifier: MIT
"""The processes under a master: which there should be, starting, watching, replacing and ending them.

A generation is all processes started with the same settings; a new one takes over when each of its processes is
ready. Sockets of clients and the loop are the master's business.
"""

from __future__ import annotations

import selectors
import signal
import time
from collections import defaultdict

from imapd import log
from imapd.configuration import EXIT_CONFIG
from imapd.settings import Settings
from workers.admission import Admission
from workers.channel import ALIVE, AUTHENTICATED, DRAIN, ENDED, RETIRE
from workers.listeners import Listeners
from workers.process import BackOff, Process
from workers.types import ProcessType

Slot = tuple[str, int]  # type, number

_START_SECONDS = 60.0
_AFTER_DRAIN_SECONDS = 2.0
_AFTER_END_OF_CHANNEL_SECONDS = 5.0
_AWAY_SECONDS = 4.0
NEVER = float("inf")


class Workforce:
    def __init__(
        self,
        types: tuple[ProcessType, ...],
        settings: Settings,
        listeners: Listeners,
        admission: Admission,
        selector: selectors.BaseSelector,
    ):
        self._types = types
        self._settings = settings
        self._proven: tuple[int, Settings] | None = None  # the last generation of which everybody was ready
        self._listeners = listeners
        self._admission = admission
        self._selector = selector
        self._generation = 1
        self._more = 0  # by TTIN and TTOU
        self._back_off: defaultdict[Slot, BackOff] = defaultdict(BackOff)
        self._start_at: dict[Slot, float] = {}
        self._fails = False  # somebody of this generation has died before it was complete
        self._draining = False
        self._tended_at = time.monotonic()
        self.processes: list[Process] = []
        #: A worker has said that it will never run with these settings.
        self.unusable = False

    # What there is

    @property
    def wanted(self) -> int:
        """How many processes take connections."""
        return sum(self._count(kind) for kind in self._types if kind.takes_connections)

    @property
    def may_change(self) -> bool:
        """No change of generations is under way, or one that does not succeed."""
        return self._fails or all(p.leaving or p.generation == self._generation for p in self.processes)

    @property
    def serving(self) -> bool:
        """Of every type that there should be, one is ready, and none is about to be."""
        staying = [process for process in self.processes if not process.leaving]
        ready = {process.kind.name for process in staying if process.ready}
        return all(process.ready for process in staying) and all(
            kind.name in ready for kind in self._types if self._count(kind)
        )

    def by_load(self) -> list[Process]:
        """Who may get a connection: of the newest generation first, there the one with the fewest sessions."""
        fit = [p for p in self.processes if p.kind.takes_connections and p.ready and not p.leaving]
        return sorted(fit, key=lambda process: (-process.generation, len(process.sessions)))

    def patience(self, most: float) -> float:
        """How long the master's loop may wait."""
        now = time.monotonic()
        times = [*self._start_at.values(), *(process.kill_at for process in self.processes)]
        return max(0.0, min(most, min(times, default=NEVER) - now))

    def _count(self, kind: ProcessType) -> int:
        count = kind.count(self._settings)
        return max(1, count + self._more) if kind.takes_connections else count

    def _slots(self) -> list[tuple[Slot, ProcessType]]:
        return [((kind.name, number), kind) for kind in self._types for number in range(1, self._count(kind) + 1)]

    # Starting

    def start(self) -> None:
        """Starts what there should be and is not, each at its time."""
        if self._draining:
            return
        now = time.monotonic()
        there = {
            (p.kind.name, p.number) for p in self.processes if p.generation == self._generation and not p.dismissed
        }
        for slot, kind in self._slots():
            if slot not in there and self._start_at.get(slot, 0.0) <= now:
                self._start_at.pop(slot, None)
                self._spawn(kind, slot)

    def _spawn(self, kind: ProcessType, slot: Slot) -> None:
        try:
            process = Process(kind, slot[1], self._generation, self._settings, self._listeners.of(kind.inherits))
        except OSError as error:
            self._start_at[slot] = time.monotonic() + max(1.0, self._back_off[slot].delay(0.0))
            log.error("worker cannot be started", worker=f"{kind.name} {slot[1]}", error=error)
            return
        self.processes.append(process)
        self._selector.register(process.channel, selectors.EVENT_READ, lambda: self._hear(process))
        log.info("worker started", worker=process.name, worker_pid=process.pid, generation=process.generation)

    def replace(self, settings: Settings) -> None:
        """A new generation. The old one serves until the new one is ready, then its sessions may finish."""
        self._settings = settings
        self._generation += 1
        self._fails = False
        self._start_at.clear()
        self._back_off.clear()
        self.start()

    def change_number(self, by: int) -> None:
        """One more or one less of those that take connections."""
        if self._draining or self.wanted + by < 1:
            return
        self._more += by
        numbers = {slot for slot, _ in self._slots()}
        for process in self.processes:
            if (process.kind.name, process.number) not in numbers and not process.leaving:
                self._retire(process)
        self.start()
        log.info("number of workers changed", workers=self.wanted)

    # Watching

    def _hear(self, process: Process) -> None:
        while (heard := process.channel.heard()) is not None:
            word, rest, _ = heard
            process.heard_at = time.monotonic()
            if word == ALIVE:
                process.ready = True
            elif word == AUTHENTICATED:
                self._admission.authenticated(int(rest))
            elif word == ENDED:
                self._admission.leave(int(rest))
                process.sessions.discard(int(rest))
            elif not word:
                self._selector.unregister(process.channel)
                process.leaving = True
                process.kill_at = min(process.kill_at, process.heard_at + _AFTER_END_OF_CHANNEL_SECONDS)
                return

    def tend(self, now: float) -> None:
        """Everything that is due."""
        # The loop comes here every second. If it was away for longer, the machine was suspended or starved, or we were
        # stopped: then nobody could be heard, and silence proves nothing.
        if now - self._tended_at > _AWAY_SECONDS:
            log.warning("master was away", seconds=round(now - self._tended_at, 1))
            for process in self.processes:
                process.heard_at = now
        self._tended_at = now
        for process in self.processes:
            if now >= process.kill_at:
                process.kill("took too long to end")
            elif now - process.heard_at > self._silence(process) and not process.killed_for:
                log.error("worker is stuck", worker=process.name, worker_pid=process.pid)
                process.kill("stuck")
            elif now >= process.drain_at and not self._draining:
                self._drain(process)
        if self._complete():
            self._proven = (self._generation, self._settings)
            self._fails = False
            for process in self.processes:
                if process.generation != self._generation and not process.leaving:
                    self._retire(process)
        self.start()

    def _silence(self, process: Process) -> float:
        """So long it may say nothing. Starting takes as long as it takes on a machine that has much to do."""
        seconds = self._settings.server.stuck_seconds
        return seconds if process.ready else max(seconds, _START_SECONDS)

    def _complete(self) -> bool:
        staying = (p for p in self.processes if p.generation == self._generation and not p.leaving)
        ready = {(p.kind.name, p.number) for p in staying if p.ready}
        return all(slot in ready for slot, _ in self._slots())

    def reap(self) -> list[Process]:
        """The processes that have ended since, and when others may take their place."""
        gone = [process for process in self.processes if process.exited() is not None]
        for process in gone:
            self.processes.remove(process)
            self._forget(process)
        return gone

    def _forget(self, process: Process) -> None:
        now, code = time.monotonic(), process.exited()
        try:
            self._selector.unregister(process.channel)
        except KeyError:
            pass
        process.channel.close()
        told = {"worker": process.name, "worker_pid": process.pid, "status": code, "sessions": len(process.sessions)}
        if process.dismissed and code == 0:
            log.info("worker ended", **told)
            return
        log.error("worker died", reason=process.killed_for or None, **told)
        if process.dismissed or process.generation != self._generation:
            return
        slot = (process.kind.name, process.number)
        self._fails = True
        self._start_at[slot] = now + self._back_off[slot].delay(now - process.started_at)
        if code == EXIT_CONFIG:
            self._give_up()

    def _give_up(self) -> None:
        """These settings do not work: back to those before, if there are any that still serve."""
        if self._proven is None or self._proven[0] == self._generation:
            self.unusable = self._proven is None
            return
        log.error("the new configuration does not work; the old one stays")
        self._generation, self._settings = self._proven
        self._start_at.clear()
        for process in self.processes:
            if process.generation > self._generation:
                self._retire(process)

    # Ending

    def drain(self) -> None:
        """Everybody goes: sessions hear a farewell, commands in flight may finish."""
        self._draining = True
        self._start_at.clear()
        for process in self.processes:
            self._drain(process)

    def _retire(self, process: Process) -> None:
        """It gets no more connections and ends with its last session."""
        process.leaving = process.dismissed = True
        process.drain_at = time.monotonic() + self._settings.server.retire_seconds
        self._say(process, RETIRE)

    def _drain(self, process: Process) -> None:
        seconds = self._settings.server.drain_seconds
        process.leaving = process.dismissed = True
        process.drain_at = NEVER
        process.kill_at = time.monotonic() + seconds + _AFTER_DRAIN_SECONDS
        self._say(process, DRAIN, seconds)

    def _say(self, process: Process, word: bytes, number: int = 0) -> None:
        try:
            process.channel.say(word, number)
        except OSError:
            process.signal(signal.SIGTERM)

    def kill_all(self, reason: str = "the master ends") -> None:
        for process in self.processes:
            process.kill(reason)
