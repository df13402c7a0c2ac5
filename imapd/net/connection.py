# SPDX-License-Identifier: MIT
"""One client's connection: octets in, octets out, TLS, compression, deadlines, and one inbox for octets and wake-ups.

Blocks its own greenlet only. Thousands lie idle in a worker, so a Connection is a raw socket and one watcher: no
second greenlet, no timer (the worker sweeps the deadlines once a second, see sweep.py), no buffer of its own.
"""

from __future__ import annotations

import ipaddress
import select
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from gevent import getcurrent, spawn_raw
from gevent.hub import get_hub
from gevent.monkey import get_original

from imapd import log
from imapd.net import farewells
from imapd.net.deflate_stream import BadDeflate, DeflateStream
from imapd.net.tls import Certificates
from imapd.net.tls_stream import RECORD_OCTETS, TlsStream
from imapd.settings import Limits

NEVER = float("inf")
_READ, _WRITE = 1, 2  # the event masks of libev and libuv
_FLUSH_AT = 32 << 10
REPORT_SECONDS = 10  # RFC 9585 section 4: not so often that it is a burden
_REST_SECONDS = 30  # after so long without a command a compressed connection gives memory back
_TURN_SECONDS = 0.01  # so long one client is served while others wait
_poll = get_original("select", "poll")
_GONE = select.POLLHUP | select.POLLERR
_SCRATCH = memoryview(bytearray(64 << 10))  # every recv of the worker goes through it: nobody switches meanwhile


class Connection:
    """What a session knows of its client.

    What is sent is collected until the session waits for the client, or 32 KiB are there; then it goes out,
    and the session waits as long as the client does not take it (limits.output_stall_seconds, then ConnectionError).
    """

    __slots__ = (
        "_ahead", "_authenticated", "_certificates", "_closed", "_deadline", "_deflate", "_ended", "_farewell", "_hub",
        "_left", "_left_early", "_limits", "_listens_since", "_login_until", "_out", "_out_octets", "_probed",
        "_reader", "_report", "_report_at", "_socket", "_tls", "_turn_began", "_waiting", "_woken", "in_command",
        "is_loopback", "is_tls", "listener", "peer", "received_at",
    )  # fmt: skip

    def __init__(
        self,
        plain: socket.socket,
        peer: tuple[str, int],
        listener: str,
        limits: Limits,
        certificates: Certificates | None = None,
        authenticated: Callable[[], None] | None = None,
    ):
        """plain: the operating system's socket, not gevent's. authenticated: called when the client has logged in."""
        self.peer = peer
        self.listener = listener
        self.is_tls = False
        self.is_loopback = _is_loopback(peer[0])
        self.received_at = time.monotonic()
        #: True between the first octet of a command and its tagged answer: a server that shuts down waits for it.
        self.in_command = False
        self._limits = limits
        self._certificates = certificates
        self._authenticated = authenticated
        self._login_until = self.received_at + limits.login_seconds
        self._turn_began = self._listens_since = self.received_at
        self._socket = plain
        self._tls: TlsStream | None = None
        self._deflate: DeflateStream | None = None
        self._hub = get_hub()
        self._reader = self._hub.loop.io(plain.fileno(), _READ)
        self._waiting: Any = None
        self._deadline = NEVER
        self._woken = self._ended = self._closed = False
        self._farewell: bytes | None = None
        self._ahead: bytes | None = None
        self._out: list[bytes] = []
        self._out_octets = 0
        self._left = b""  # octets for the socket that it did not take at once
        self._report: Callable[[], bytes] | None = None
        self._report_at = NEVER
        self._left_early: Callable[[], None] | None = None
        self._probed = False
        _set_options(plain)

    # Reading

    def receive(self) -> bytes:
        """The next octets; b"" when there will be no more (closed, too late, told to end)."""
        self._flush_or_end()
        self.listen()
        while True:
            octets = self._next()
            if octets is not None:
                self._give_way()
                return octets
            self._pause(self._reader, self._patience())

    def listen(self) -> None:
        """From now on it is the client's turn, who has limits.idle_seconds to say something."""
        self._listens_since = time.monotonic()

    def wait(self, timeout_seconds: float | None = None, deaf_seconds: float = 0.0) -> bool:
        """True: receive() will not block. False: woken, or timed out. Who is woken within the first deaf_seconds sleeps
        on until they are over. Both times are kept to about a second."""
        self.in_command = False  # one that only waits (IDLE) may be ended
        self._flush_or_end()
        began = time.monotonic()
        until = NEVER if timeout_seconds is None else began + timeout_seconds
        deaf_until = began + deaf_seconds
        while True:
            self._ahead = self._next()
            if self._ahead is not None:
                return True
            now = time.monotonic()
            if now >= until or (self._woken and now >= deaf_until):
                self._woken = False
                return False
            self._pause(self._reader, min(until, self._patience(), deaf_until if self._woken else NEVER))

    def wake(self) -> None:
        """Ends wait(), now or the next one. From any greenlet of the worker, and from the hub."""
        if not self._woken:
            self._woken = True
            self._resume_soon()

    def _next(self) -> bytes | None:
        """Octets that are there already; b"" at the end; None: nothing yet."""
        if self._ahead is not None:
            octets, self._ahead = self._ahead, None
            return octets
        if self._must_end():
            return b""
        try:
            octets_now = self._read() if self._deflate is None else self._inflated(self._deflate)
        except OSError:
            octets_now = b""
        if octets_now:
            self.received_at = time.monotonic()
        elif octets_now is not None:
            self._ended = True
        return octets_now

    def _read(self) -> bytes | None:
        return self._tls.read() if self._tls else self._read_socket()

    def _inflated(self, deflate: DeflateStream) -> bytes | None:
        """A bounded piece of what the client has compressed; the rest of it waits for the next call."""
        try:
            if deflate.has_more and (octets := deflate.inflate()):
                return octets
            while read := self._read():
                if octets := deflate.inflate(read):
                    return octets
                self._give_way()  # compressed octets that come to nothing can be sent without end, too
            return read
        except BadDeflate as error:
            log.info("compressed connection ended", peer=self.peer[0], error=error)
            self._say_last(farewells.BAD_COMPRESSION)
            return b""

    def _read_socket(self) -> bytes | None:
        try:
            count = self._socket.recv_into(_SCRATCH)
        except BlockingIOError:
            return None
        return bytes(_SCRATCH[:count])

    # Ending

    def authenticated(self) -> None:
        """The client has logged in: no deadline for that any more, and the worker learns it."""
        self._login_until = NEVER
        if self._authenticated is not None:
            callback, self._authenticated = self._authenticated, None
            callback()

    def unauthenticated(self) -> None:
        """The client is nobody again, and has as long to log in as it had first."""
        self._login_until = time.monotonic() + self._limits.login_seconds

    def end(self, farewell: bytes = farewells.SHUTTING_DOWN) -> None:
        """The session shall end, with this line, as soon as no command is in flight (see in_command)."""
        if self._farewell is None:
            self._farewell = farewell
        self._resume_soon()

    def _patience(self) -> float:
        # Who has taken half an hour to take an answer has not been idle, though we have heard nothing of him.
        return min(self._login_until, max(self.received_at, self._listens_since) + self._limits.idle_seconds)

    def _must_end(self) -> bool:
        if self._ended:
            return True
        now = time.monotonic()
        if now >= self._patience():
            farewell = farewells.LOGIN_TOO_SLOW if now >= self._login_until else farewells.IDLE_TOO_LONG
        elif self._farewell is not None and not self.in_command:
            farewell = self._farewell
        else:
            return False
        self._say_last(farewell)
        return True

    def _say_last(self, farewell: bytes) -> None:
        self._ended = True
        if self._deflate:
            farewell = self._deflate.deflate(farewell)
        if self._tls:
            farewell = self._tls.encrypt(memoryview(farewell))
        try:
            self._socket.send(self._left + farewell)
        except OSError:
            pass  # who takes nothing hears no farewell

    def close(self) -> None:
        """Sends what is collected, says goodbye to TLS, closes. May be called again."""
        if self._closed:
            return
        try:
            self.flush()
            if self._tls:
                self._tls.goodbye()
            self._socket.shutdown(socket.SHUT_WR)
            # Octets that nobody has read would make the kernel reset the connection, and the last lines be lost.
            for _ in range(16):
                if not self._socket.recv_into(_SCRATCH):
                    break
        except OSError:
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Closes at once; nothing more is sent. Whoever waits in the session gets ConnectionError or b""."""
        if self._closed:
            return
        self._closed = self._ended = True
        self._out.clear()
        AT_WORK.discard(self)
        self._reader.stop()
        self._reader.close()
        self._socket.close()
        self._tls = None
        self._resume_soon()

    # Writing

    def send(self, octets: bytes) -> None:
        """Raises ConnectionError when the client is gone, or takes nothing for too long."""
        self._out.append(octets)
        self._out_octets += len(octets)
        if self._out_octets >= _FLUSH_AT:
            self.flush()

    def flush(self) -> None:
        """Sends what is collected, now."""
        if not self._out and not self._left:
            return
        for octets in self._taken() if self._out else (b"",):
            self._write_socket(octets)
        self._give_way()

    def _taken(self) -> Iterator[bytes]:
        """What is collected, as it goes over the wire."""
        octets = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        self._out_octets = 0
        if self._deflate:
            octets = self._deflate.deflate(octets)
        if self._tls is None:
            yield octets
            return
        view = memoryview(octets)
        for start in range(0, len(view), RECORD_OCTETS):
            yield self._tls.encrypt(view[start : start + RECORD_OCTETS])

    def report(self, line: Callable[[], bytes] | None, left: Callable[[], None] | None = None) -> None:
        """As long as a command works and says nothing, `line()` goes to the client now and then. None: it is done.
        left: called, in a greenlet of its own, when the client has gone meanwhile."""
        self._report = line
        self._report_at = time.monotonic() + REPORT_SECONDS if line else NEVER
        self._left_early = left
        self._probed = False
        (AT_WORK.add if line else AT_WORK.discard)(self)

    def look(self) -> None:
        """Called some times a second for every connection AT_WORK: nobody reads what the client sends, nor its end."""
        if self._closed or self._report is None:
            AT_WORK.discard(self)
            return
        poll = _poll()
        poll.register(self._socket.fileno(), select.POLLRDHUP)
        events = poll.poll(0)
        if not events:
            return
        if events[0][1] & _GONE:
            if self._left_early is not None:
                spawn_raw(self._left_early)
        elif not self._probed:
            # It sends no more, and may yet wait for its answer. If it does not, a line of ours brings that to light.
            self._probed = True
            self._say_now(self._report())

    def _say_now(self, octets: bytes) -> None:
        """What is collected and this, as far as the client takes it at once: for the sweep, while the session waits for
        something else than its client. The rest goes out before anything that the session says."""
        if not self._left:
            self._out.append(octets)
            self._left = b"".join(self._taken())
        try:
            self._left = self._left[self._socket.send(self._left) :]
        except OSError:
            pass  # the session will notice when it speaks

    def _flush_or_end(self) -> None:
        try:
            self.flush()
        except ConnectionError:
            self._ended = True

    def _write_socket(self, octets: bytes) -> None:
        view = memoryview(self._left + octets if self._left else octets)
        self._left = b""
        writer: Any = None
        until = 0.0
        try:
            while view:
                try:
                    view = view[self._socket.send(view) :]
                    until = 0.0
                    continue
                except BlockingIOError:
                    pass
                until = until or time.monotonic() + self._limits.output_stall_seconds
                if writer is None:
                    writer = self._hub.loop.io(self._socket.fileno(), _WRITE)
                self._stall(writer, until)
        except ConnectionError:
            self._ended = True
            raise
        except OSError as error:
            self._ended = True
            raise ConnectionAbortedError(str(error)) from error
        finally:
            if writer is not None:
                writer.close()

    def _stall(self, writer: Any, until: float) -> None:
        self._pause(writer, until)
        if self._closed or time.monotonic() >= until:
            raise ConnectionAbortedError("the client takes no octets")

    # TLS

    def start_tls(self) -> None:
        """The handshake. Raises ConnectionError when it fails or lasts beyond the deadline for login."""
        if self._certificates is None:
            raise ConnectionAbortedError("TLS is not configured")
        self.flush()
        try:
            tls = TlsStream(self._certificates.context(), self._read_socket, self._write_socket)
            while not tls.shaken():
                if self._ended or self._farewell is not None or time.monotonic() >= self._patience():
                    raise ConnectionAbortedError("the TLS handshake lasts too long")
                self._pause(self._reader, self._patience())
        except (OSError, ValueError) as error:
            self._ended = True
            raise error if isinstance(error, ConnectionError) else ConnectionAbortedError(str(error)) from error
        self._tls = tls
        self.is_tls = True

    # Compression

    @property
    def is_compressed(self) -> bool:
        return self._deflate is not None

    def start_compression(self) -> None:
        """From here on every octet is compressed, both ways (RFC 4978)."""
        self.flush()
        self._deflate = DeflateStream(credit=2 * self._limits.message_octets)

    # Waiting: one greenlet, switched to from the hub

    def _pause(self, watcher: Any, deadline: float) -> None:
        """Until the watcher's event, a wake-up, or the sweep after the deadline. May end for no reason."""
        if self._closed:
            raise ConnectionAbortedError("closed")
        self._waiting = getcurrent()
        self._deadline = deadline
        watcher.start(self._resume)
        try:
            self._hub.switch()
        finally:
            if watcher.active:
                watcher.stop()
            self._waiting = None
            self._deadline = NEVER
            self._turn_began = time.monotonic()

    def _give_way(self) -> None:
        """A client that sends without end and reads at once never makes us wait, and nobody else would have a turn."""
        if time.monotonic() - self._turn_began >= _TURN_SECONDS:
            # Not gevent.sleep(0): dozens of those may pass before the loop looks at sockets again. A timer comes after.
            timer = self._hub.loop.timer(0)
            try:
                self._pause(timer, NEVER)
            finally:
                timer.close()

    def _resume(self) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.switch()

    def _resume_soon(self) -> None:
        if self._waiting is not None:
            self._hub.loop.run_callback(self._resume)

    def sweep(self, now: float) -> None:
        """Called once a second for every connection."""
        if now >= self._deadline:
            self._resume_soon()
        if self._report is not None and now >= self._report_at and not self._ended:
            self._report_at = now + REPORT_SECONDS
            self._say_now(self._report())
        if self._deflate and now >= self.received_at + _REST_SECONDS:
            self._deflate.rest()


AT_WORK: set[Connection] = set()
"""Of this worker: those whose command works, and says nothing."""


def _set_options(plain: socket.socket) -> None:
    plain.setblocking(False)
    if plain.family in (socket.AF_INET, socket.AF_INET6):
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 300)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 60)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 5)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False
