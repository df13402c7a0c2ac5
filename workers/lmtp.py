# SPDX-License-Identifier: MIT
"""The process that takes mail from an MTA: one asyncio loop for the dialogues, a few threads for what waits for the
store. What is said is imapd.lmtp's business.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from imapd import log
from imapd.cluster.control import Control
from imapd.cluster.pubsub import PubSub
from imapd.cluster.wakeups import Wakeups
from imapd.lmtp.session import House, Session
from imapd.metrics import Metrics
from imapd.settings import Http, Server, Settings
from imapd.storage.blobs import BlobStore
from imapd.storage.pool import Database
from imapd.storage.waiting import GRACE_SECONDS
from imapd.storage.waiting_threads import wait_at_most
from workers.admission import plain
from workers.channel import ALIVE, DRAIN, RETIRE, Channel, Identity
from workers.child import title
from workers.heap import Heap
from workers.listeners import Listeners
from workers.titles import set_title

_TICK_SECONDS = 1
_LAST_TICK_SECONDS = 0.05
_PAUSE_SECONDS = 1.0
#: After SIGTERM, or the master's death: so long for what is being stored; then the kernel ends us whatever hangs.
_LAST_SECONDS = 2
_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_REFUSED = b"554 5.7.1 You may not deliver here\r\n"
_TOO_MANY = b"421 4.3.2 Too many connections\r\n"


def run(settings: Settings, channel: Channel | None, identity: Identity | None) -> int:
    """The whole life of the process. By hand it listens for itself."""
    listeners = _inherited(identity) if identity else _own(settings)
    metrics = Metrics()
    pubsub = PubSub(settings.redis.url)
    node = _node(settings, pubsub)
    try:
        asyncio.run(Worker(settings, channel, identity, metrics, node).run(listeners))
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_LAST_SECONDS + 1)  # a thread that PostgreSQL does not answer holds up nobody
        pubsub.stop()
        metrics.flush()
    return 0


@dataclass(frozen=True, slots=True)
class Node:
    """What deliveries need of imapd.node.Node, without gevent."""

    settings: Settings
    database: Database
    blobs: BlobStore
    wakeups: Wakeups
    offload: Callable[..., Any]


def _node(settings: Settings, pubsub: PubSub) -> Node:
    """Connects to nothing yet: it starts while PostgreSQL or Redis are away."""
    how = settings.database
    wait_at_most(how.connect_timeout_seconds, how.statement_timeout_seconds + GRACE_SECONDS)
    database = Database(
        how.dsn,
        settings.lmtp.threads,
        statement_timeout_seconds=how.statement_timeout_seconds,
        lock_timeout_seconds=how.lock_timeout_seconds,
        connect_timeout_seconds=how.connect_timeout_seconds,
        application_name="imapd lmtp",
        quota_warn_percent=settings.quota.warn_percent,
        by_key=True,
    )
    wakeups = Wakeups(pubsub, Control(pubsub), poll_seconds=settings.redis.poll_seconds)
    pubsub.start(lambda function: threading.Thread(target=function, daemon=True).start())
    return Node(settings, database, BlobStore(settings.blobs.path), wakeups, lambda function, *args: function(*args))


def _inherited(identity: Identity) -> list[socket.socket]:
    return [socket.socket(fileno=descriptor) for descriptor in identity.listeners["lmtp"]]


def _own(settings: Settings) -> list[socket.socket]:
    listeners = Listeners()
    listeners.open(replace(settings, server=Server(port=None, tls_port=None), http=Http(port=None)))
    return list(listeners.sockets.values())


class Worker:
    def __init__(
        self, settings: Settings, channel: Channel | None, identity: Identity | None, metrics: Metrics, node: Node
    ):
        self._settings = settings
        self._channel = channel
        self._identity = identity
        self._metrics = metrics
        self._allowed = [ipaddress.ip_network(each, strict=False) for each in settings.lmtp.allow]
        self._threads = ThreadPoolExecutor(settings.lmtp.threads, thread_name_prefix="store")
        self._house = House(node, socket.gethostname(), self._on_a_thread, metrics.delivery, self._left)
        self._sessions: set[Session] = set()
        self._listeners: list[socket.socket] = []
        self._arriving: set[asyncio.Task[None]] = set()  # the loop itself holds tasks by weak references
        self._leave_at = float("inf")
        self._leaving = asyncio.Event()
        self._heap = Heap()

    async def run(self, listeners: list[socket.socket]) -> None:
        """Until the master says so, or is gone, or SIGTERM, and nobody is here any more."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._leave, _LAST_SECONDS)
        loop.add_signal_handler(signal.SIGINT, self._leave, _LAST_SECONDS)
        if self._channel is not None:
            loop.add_reader(self._channel.fileno(), self._hear, self._channel)
        for listener in listeners:
            listener.setblocking(False)
            self._listeners.append(listener)
            self._listen(listener)
        while not (self._leaving.is_set() and not self._sessions) and time.monotonic() < self._leave_at:
            self._each_second()
            await self._tick()
        for session in list(self._sessions):
            session.abort()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _tick(self) -> None:
        if self._leaving.is_set():
            await asyncio.sleep(_LAST_TICK_SECONDS)
            return
        try:
            await asyncio.wait_for(self._leaving.wait(), _TICK_SECONDS)
        except TimeoutError:
            pass

    def _each_second(self) -> None:
        self._heap.look(time.monotonic())
        if self._channel is not None:
            try:
                self._channel.say(ALIVE)
            except OSError:
                pass  # it is slow, or gone, which _hear notices
        try:
            self._metrics.flush()
        except Exception:
            log.exception("metrics not written")
        set_title(title(self._identity, f" [{len(self._sessions)} connections]"))

    # The master

    def _hear(self, channel: Channel) -> None:
        while (heard := channel.heard()) is not None:
            word, rest, _ = heard
            if word == RETIRE:
                self._leave(float("inf"))
            elif word == DRAIN:
                self._leave(int(rest))
            elif not word:
                log.error("the master is gone", connections=len(self._sessions))
                asyncio.get_running_loop().remove_reader(channel.fileno())
                self._leave(_LAST_SECONDS)
                return

    def _leave(self, seconds: float) -> None:
        """No more clients; those that are here hear goodbye, a message that is on its way in may come to its end."""
        self._leaving.set()
        self._leave_at = min(self._leave_at, time.monotonic() + seconds)
        for listener in self._listeners:
            asyncio.get_running_loop().remove_reader(listener)
        for session in list(self._sessions):
            session.leave()

    # Clients

    def _listen(self, listener: socket.socket) -> None:
        if not self._leaving.is_set():
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        """Called by the loop when somebody has come. Who is accepted is known at once: a coroutine that waits for it
        could be told to end in between, and lose the client."""
        loop = asyncio.get_running_loop()
        try:
            client, peer = listener.accept()
        except OSError as error:  # or another process was faster
            if error.errno in _NO_ROOM:
                log.error("accepting is paused", error=error.strerror)
                loop.remove_reader(listener)
                loop.call_later(_PAUSE_SECONDS, self._listen, listener)
            return
        client.setblocking(False)
        task = loop.create_task(self._take(client, plain(peer[0]) if isinstance(peer, tuple) else ""))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _take(self, client: socket.socket, address: str) -> None:
        refusal = self._refusal(address)
        if refusal is not None:
            log.info("connection refused", peer=address, reason=refusal[:-2])
            with client:
                try:
                    client.send(refusal)
                except OSError:
                    pass
            return
        session = Session(self._house, address)
        self._sessions.add(session)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: session, client)
        except OSError as error:
            log.debug("connection lost", peer=address, error=error)
            self._sessions.discard(session)
            client.close()

    def _refusal(self, address: str) -> bytes | None:
        if address:
            peer = ipaddress.ip_address(address.partition("%")[0])
            if not any(peer in network for network in self._allowed):
                return _REFUSED
        return _TOO_MANY if len(self._sessions) >= self._settings.lmtp.max_connections else None

    def _left(self, session: Session) -> None:
        self._sessions.discard(session)

    def _on_a_thread(self, function: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().run_in_executor(self._threads, function, *args)
