# SPDX-License-Identifier: MIT
"""The master: binds, accepts, hands clients to the least loaded worker, and keeps the workers alive.

Plain Python, one loop, nothing in it waits. Serves no client itself beyond the line that refuses one.
"""

from __future__ import annotations

import errno
import itertools
import resource
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterable

from imapd import log, metrics
from imapd.configuration import EXIT_CONFIG, ConfigError
from imapd.net import farewells
from imapd.settings import Settings
from workers.admission import Admission, plain
from workers.channel import Arrival
from workers.listeners import Listeners
from workers.notify import Notifier
from workers.process import metrics_directory
from workers.titles import set_title
from workers.types import TYPES, ProcessType
from workers.workforce import Workforce

_ACCEPTS_AT_ONCE = 64
_PAUSE_SECONDS = 1.0
#: So long who comes before the first workers are ready waits in the kernel's queue; then they are told.
_START_SECONDS = 10.0
_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


def serve(
    load: Callable[[], Settings],
    *,
    types: Iterable[ProcessType] = TYPES,
    ready: Callable[[], None] | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT. load reads the settings, now and at SIGHUP; ready is called when all is up.

    Returns the exit code, 78 for settings that do not work. Raises ConfigError only before anything is started.
    """
    return Master(load, types, ready).run()


class Master:
    def __init__(self, load: Callable[[], Settings], types: Iterable[ProcessType], ready: Callable[[], None] | None):
        self._load = load
        self._settings = load()
        self._on_ready = ready
        self._listeners = Listeners()
        self._admission = Admission()
        self._notifier = Notifier()
        self._selector = selectors.DefaultSelector()
        self._workforce = Workforce(tuple(types), self._settings, self._listeners, self._admission, self._selector)
        self._numbers = itertools.count(1)
        self._accept_again_at = 0.0
        self._accepting: set[socket.socket] = set()
        self._is_ready = False
        self._stopping = False
        self._reload_wanted = False
        self._signals = 0

    # Life

    def run(self) -> int:
        log.configure(self._settings.log, "master")
        set_title("imapd: master")
        _raise_descriptor_limit()
        self._listeners.open(self._settings)
        try:
            metrics.start_directory(str(metrics_directory(self._settings)))
        except OSError as error:
            directory = self._settings.server.runtime_directory
            raise ConfigError(f"server.runtime_directory: {directory}: {error.strerror}") from None
        self._watch_signals()
        self._workforce.start()
        self._accept_again_at = time.monotonic() + _START_SECONDS
        log.info("started", workers=self._workforce.wanted)
        try:
            while not (self._stopping and not self._workforce.processes):
                self._step()
        finally:
            self._workforce.kill_all()
        log.info("stopped")
        return EXIT_CONFIG if self._workforce.unusable else 0

    def _step(self) -> None:
        for key, _ in self._selector.select(timeout=self._workforce.patience(1.0)):
            key.data()
        now = time.monotonic()
        self._collect()
        self._workforce.tend(now)
        self._notifier.watchdog(now)
        if self._workforce.unusable and not self._stopping:
            self._stop()
        if self._accept_again_at and now >= self._accept_again_at:
            self._accept_again_at = 0.0
            self._accept()
        if self._reload_wanted and self._workforce.may_change and not self._stopping:
            self._reload_wanted = False
            self._reload()
        self._tell_ready()

    def _tell_ready(self) -> None:
        if not self._is_ready and self._workforce.serving and not self._stopping:
            self._is_ready = True
            self._accept_again_at = 0.0
            self._accept()
            self._notifier.say("READY=1", "STATUS=Serving.")
            log.info("ready")
            if self._on_ready is not None:
                self._on_ready()

    def _collect(self) -> None:
        """Takes note of processes that have ended."""
        for process in self._workforce.reap():
            for number in process.sessions:
                self._admission.leave(number)
            metrics.process_gone(str(metrics_directory(self._settings)), process.pid)

    # Clients

    def _accept(self) -> None:
        """Accept on the listeners for clients, and on no other."""
        wanted = {s for (kind, _, _), s in self._listeners.sockets.items() if kind in ("imap", "imaps")}
        kinds = {s: kind for (kind, _, _), s in self._listeners.sockets.items()}
        for listener in wanted - self._accepting:
            self._selector.register(listener, selectors.EVENT_READ, self._acceptor(listener, kinds[listener]))
        self._accepting |= wanted

    def _pause_accepting(self) -> None:
        for listener in self._accepting:
            self._selector.unregister(listener)
        self._accepting.clear()

    def _acceptor(self, listener: socket.socket, kind: str) -> Callable[[], None]:
        def accept() -> None:
            for _ in range(_ACCEPTS_AT_ONCE):
                try:
                    client, peer = listener.accept()
                except (BlockingIOError, ConnectionError, PermissionError):
                    return
                except OSError as error:
                    self._no_room(error)
                    return
                with client:
                    self._take(client, kind, plain(peer[0]), peer[1])

        return accept

    def _no_room(self, error: OSError) -> None:
        """No descriptors: the clients stay in the kernel's queue for a second."""
        if error.errno not in _NO_ROOM:
            log.warning("accept failed", error=error)
            return
        now = time.monotonic()
        self._pause_accepting()
        self._accept_again_at = now + _PAUSE_SECONDS
        log.error("accepting is paused", error=error.strerror)

    def _take(self, client: socket.socket, kind: str, address: str, port: int) -> None:
        refusal = self._admission.refusal(address, self._settings.server)
        if refusal is None:
            arrival = Arrival(next(self._numbers), kind, address, port)
            for process in self._workforce.by_load():
                try:
                    process.channel.hand_over(arrival, client)
                except OSError:
                    continue  # it is stuck or dying; the next one
                process.sessions.add(arrival.id)
                self._admission.enter(arrival.id, address)
                return
            refusal = farewells.NO_WORKER
        log.info("connection refused", peer=address, reason=refusal[:-2])
        if kind == "imap":
            try:
                client.setblocking(False)
                client.send(refusal)
            except OSError:
                pass

    # Signals

    def _watch_signals(self) -> None:
        reading, writing = socket.socketpair()
        reading.setblocking(False)
        writing.setblocking(False)
        signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        self._signal_ends = (reading, writing)
        for number in (
            signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCHLD,
        ):  # fmt: skip
            signal.signal(number, lambda *_: None)
        self._selector.register(reading, selectors.EVENT_READ, self._signalled)

    def _signalled(self) -> None:
        for number in self._signal_ends[0].recv(4096):
            if number in (signal.SIGTERM, signal.SIGINT):
                self._stop()
            elif number == signal.SIGHUP:
                self._reload_wanted = True
            elif number == signal.SIGTTIN:
                self._workforce.change_number(+1)
            elif number == signal.SIGTTOU:
                self._workforce.change_number(-1)

    def _stop(self) -> None:
        self._signals += 1
        if self._signals > 1:
            self._workforce.kill_all("asked twice")
            return
        self._stopping = True
        self._notifier.say("STOPPING=1", "STATUS=Waiting for commands in flight.")
        log.info("stopping", sessions=len(self._admission))
        self._pause_accepting()
        self._accept_again_at = 0.0
        self._listeners.close()
        self._workforce.drain()

    def _reload(self) -> None:
        """New workers with new settings; with settings that do not work, everything stays as it is."""
        self._notifier.reloading()
        try:
            settings = self._load()
            if settings.server.runtime_directory != self._settings.server.runtime_directory:
                metrics.start_directory(str(metrics_directory(settings)))
            before = set(self._listeners.sockets.values())
            self._listeners.open(settings)
        except (ConfigError, OSError) as error:
            log.error("configuration not loaded; the old one stays", error=error)
        except Exception:  # whatever it is, sessions do not end for it
            log.exception("configuration not loaded; the old one stays")
        else:
            for listener in (before & self._accepting) - set(self._listeners.sockets.values()):
                self._selector.unregister(listener)
                self._accepting.discard(listener)
            self._settings = settings
            log.configure(settings.log, "master")
            self._accept()
            self._workforce.replace(settings)
            log.info("configuration loaded", workers=self._workforce.wanted)
        self._notifier.say("READY=1")


def _raise_descriptor_limit() -> None:
    """Every connection is a descriptor in its worker."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
