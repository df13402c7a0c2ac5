# SPDX-License-Identifier: MIT
"""The worker that serves IMAP clients: one greenlet a session, one that hears the master, one that ticks.

It knows connections and their lives; what is said on them is imapd.protocol's business.
"""

from __future__ import annotations

import gc
import signal
import time
from collections.abc import Callable
from typing import Any, Protocol

import gevent
import gevent.hub
import gevent.monkey
import gevent.socket

from imapd import log
from imapd.metrics import Metrics
from imapd.net import farewells
from imapd.net.connection import AT_WORK, Connection
from imapd.net.tls import Certificates
from imapd.settings import Settings
from workers.channel import ALIVE, AUTHENTICATED, CONNECTION, DRAIN, ENDED, RETIRE, Arrival, Channel, Identity, arrival
from workers.child import title
from workers.heap import Heap
from workers.titles import set_title

_TICK_SECONDS = 0.1
_TICKS_A_SECOND = 10
_WORST_OF_SECONDS = 60
#: After the master's death: so long for farewells, and then the kernel ends us even where a greenlet hangs.
_LAST_SECONDS = 2

_plain_socket = gevent.monkey.get_original("socket", "socket")


class Session(Protocol):
    def run(self) -> None: ...


def run(settings: Settings, channel: Channel | None, identity: Identity | None) -> int:
    """The whole life of the process."""
    from imapd.node import Node
    from imapd.protocol import registry
    from imapd.protocol.session import Session as ImapSession
    from imapd.storage.waiting import GRACE_SECONDS
    from imapd.storage.waiting_greenlets import wait_at_most
    from workers.alone import accept

    patience = settings.database
    wait_at_most(patience.connect_timeout_seconds, patience.statement_timeout_seconds + GRACE_SECONDS)
    registry.commands()  # what is wrong with one of them shows now, not at the first client
    metrics = Metrics()
    node = Node.open(settings, metrics)
    worker = Worker(settings, channel, identity, metrics, lambda connection: ImapSession(connection, node))
    if channel is None:
        accept(settings, worker.take)
    try:
        return worker.run()
    finally:
        node.close()


class Worker:
    def __init__(
        self,
        settings: Settings,
        channel: Channel | None,
        identity: Identity | None,
        metrics: Metrics,
        session: Callable[[Connection], Session],
    ):
        self.settings = settings
        self._channel = channel
        self._identity = identity
        self._metrics = metrics
        self._session = session
        self._certificates = Certificates(settings.tls)
        self._connections: set[Connection] = set()
        self._unsaid: list[tuple[bytes, int]] = []
        self._retired = False
        self._leave_at = float("inf")
        self._stalls: list[float] = []
        self._heap = Heap()

    def run(self) -> int:
        """Until the master says so, or is gone, or SIGTERM."""
        signal.signal(signal.SIGTERM, self._terminated)
        gevent.hub.get_hub().print_exception = _log_exception
        if self._channel is not None:
            gevent.spawn_raw(self._hear, self._channel)
        gc.collect()
        gc.freeze()  # what is there now stays: no collection looks at it again
        gc.set_threshold(20_000, 20, 50)
        self._tick_until_the_end()
        return 0

    # The master

    def _hear(self, channel: Channel) -> None:
        while True:
            gevent.socket.wait_read(channel.fileno())
            while (heard := channel.heard()) is not None:
                word, rest, descriptors = heard
                if word == CONNECTION:
                    self.take(arrival(rest), descriptors)
                elif word == RETIRE:
                    self._retired = True
                elif word == DRAIN:
                    self._drain(int(rest))
                elif not word:
                    log.error("the master is gone", sessions=len(self._connections))
                    self._leave_soon()
                    return

    def _say(self, word: bytes, number: int = 0) -> None:
        """Never waits: what the master does not take now is said at the next tick."""
        if self._channel is None:
            return
        try:
            self._channel.say(word, number)
        except BlockingIOError:
            self._unsaid.append((word, number))
        except OSError:
            pass  # it is gone; _hear notices

    def _terminated(self, *_: object) -> None:
        """A Python signal handler: runs even where a greenlet computes without end."""
        self._leave_soon()

    def _leave_soon(self) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_LAST_SECONDS + 1)
        self._leave_at = min(self._leave_at, time.monotonic() + _LAST_SECONDS)

    def _drain(self, seconds: float) -> None:
        self._retired = True
        self._leave_at = min(self._leave_at, time.monotonic() + seconds)

    # Ticking

    def _tick_until_the_end(self) -> None:
        ticks = 0
        due = time.monotonic()
        while True:
            now = time.monotonic()
            self._stalls.append(now - due)
            if ticks % _TICKS_A_SECOND == 0:
                self._each_second(now)
            ticks += 1
            for connection in list(AT_WORK):
                connection.look()
            if self._leave_at < float("inf"):
                for connection in list(self._connections):
                    connection.end(farewells.SHUTTING_DOWN)
            if (self._retired and not self._connections) or now >= self._leave_at:
                break
            due = time.monotonic() + _TICK_SECONDS
            gevent.sleep(_TICK_SECONDS)
        for connection in list(self._connections):
            connection.abort()
        self._metrics.flush()

    def _each_second(self, now: float) -> None:
        self._heap.look(now)
        unsaid, self._unsaid = self._unsaid, []
        for word, number in unsaid:
            self._say(word, number)
        self._say(ALIVE)
        for connection in list(self._connections):
            try:
                connection.sweep(now)
            except Exception:  # one client's trouble is not that of all
                log.exception("connection not swept", peer=connection.peer[0])
        del self._stalls[: -_WORST_OF_SECONDS * _TICKS_A_SECOND]
        self._metrics.hub_stall(max(self._stalls))
        try:
            self._metrics.flush()
        except Exception:
            log.exception("metrics not written")
        set_title(title(self._identity, f" [{len(self._connections)} sessions]"))

    # Clients

    def take(self, client: Arrival, descriptors: list[int]) -> None:
        """A connection that the master has accepted."""
        if not descriptors:  # no room for one more descriptor in this process: the kernel has dropped it
            log.error("connection dropped: too many open files")
            self._say(ENDED, client.id)
            return
        gevent.spawn_raw(self._serve, client, descriptors[0])

    def _serve(self, client: Arrival, descriptor: int) -> None:
        connection = None
        self._metrics.connection_opened()
        try:
            connection = Connection(
                _plain_socket(fileno=descriptor),
                (client.address, client.port),
                client.listener,
                self.settings.limits,
                self._certificates,
                lambda: self._say(AUTHENTICATED, client.id),
            )
            self._connections.add(connection)
            if client.listener == "imaps":
                connection.start_tls()
            self._session(connection).run()
        except OSError as error:
            log.debug("connection lost", peer=client.address, error=error)
        except Exception:
            log.exception("session failed", peer=client.address)
        finally:
            if connection is not None:
                connection.close()
                self._connections.discard(connection)
            self._metrics.connection_closed()
            self._say(ENDED, client.id)


def _log_exception(context: Any, kind: Any, value: Any, trace: Any) -> None:
    """Errors of greenlets that nobody looks after; gevent would print them raw."""
    try:
        raise value.with_traceback(trace)
    except BaseException:
        log.exception("greenlet failed", context=context)
