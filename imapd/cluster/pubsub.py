# SPDX-License-Identifier: MIT
"""One worker's two connections to Redis for messages: one hears, one publishes. Not what the messages mean.

Nobody who calls waits for Redis: a reader connects, hears, and connects again; a subscriber tells Redis on the same
connection what is to be heard; a publisher has the other one.
"""

import random
import re
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from imapd import log
from imapd.cluster.publisher import Message, Publisher, Spawn
from imapd.cluster.redis import LONGEST_PAUSE_SECONDS, Link, Lost

CHANNELS_AT_ONCE = 500
TURN_SECONDS = 0.001
MESSAGE = re.compile(rb"([0-9a-f]{16}) ([ -~]{0,256})")


class Listener(Protocol):
    """Who asked for a channel. Called by the reader: whatever takes time keeps all messages waiting."""

    def heard(self, channel: bytes, body: bytes) -> None: ...
    def subscribed(self, channel: bytes) -> None: ...


class PubSub:
    """Subscriptions that come back by themselves, and messages that are sent at once, and may be lost or come twice.

    Every message begins with `origin`, so that a worker can tell its own messages, which it does not hear.
    """

    def __init__(self, url: str, *, alive_seconds: float = 10):
        self.origin = secrets.token_hex(8).encode()
        self.connected = False  # messages are being heard
        self.garbage = 0  # messages that made no sense
        self._publisher = Publisher(url)
        self._url = url
        self._alive_seconds = alive_seconds
        self._channels: dict[bytes, Listener] = {}
        self._changes: dict[bytes, bool] = {}
        self._lock = threading.Lock()
        self._something = threading.Event()
        self._hearing: Link | None = None
        self._fresh: Link | None = None  # nothing has been subscribed on it yet
        self._is_away = False
        self._last_sign = 0.0
        self._turn_began = 0.0
        self._stopped = False

    def start(self, spawn: Spawn) -> None:
        self._publisher.start(spawn)
        spawn(self._read)
        spawn(self._subscribe)

    def stop(self) -> None:
        """What was published before is sent before, if Redis is there."""
        self._stopped = True
        self._something.set()
        self._publisher.stop()
        if self._hearing:
            self._hearing.close()

    def subscribe(self, channel: bytes, listener: Listener) -> None:
        """listener.subscribed is called when from now on nothing is missed, and again after each interruption."""
        with self._lock:
            self._channels[channel] = listener
            self._changes[channel] = True
        self._something.set()

    def unsubscribe(self, *channels: bytes) -> None:
        with self._lock:
            for channel in channels:
                if self._channels.pop(channel, None):
                    self._changes[channel] = False
        self._something.set()

    def publish(self, *messages: Message) -> None:
        self._publisher.publish(*[(channel, self.origin + b" " + body) for channel, body in messages])

    def on_overflow(self, callback: Callable[[], None]) -> None:
        """Called when messages that were not sent had to be forgotten."""
        self._publisher.overflowed = callback

    # The reader

    def _read(self) -> None:
        pause = 0.05
        while not self._stopped:
            try:
                self._hearing = self._fresh = link = Link(self._url, timeout_seconds=self._alive_seconds * 2)
                self._something.set()
                while True:
                    self._take(link.receive())
                    pause = 0.05
            except Lost as error:
                if not self._is_away and not self._stopped:
                    self._is_away = True
                    log.warning("Redis is away", error=error)
            except Exception:
                log.exception("the reader of Redis messages failed")
            self._hang_up()
            if not self._stopped:
                time.sleep(pause * random.uniform(0.5, 1))
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _hang_up(self) -> None:
        link, self._hearing, self.connected = self._hearing, None, False
        if link:
            link.close()

    def _take(self, message: Any) -> None:
        if not isinstance(message, list) or len(message) < 3:
            return  # the answer to PING
        kind, channel, body = message[:3]
        listener = self._channels.get(channel)
        if kind == b"subscribe":
            if self._is_away:
                self._is_away = False
                log.info("Redis is back")
            self.connected = True
            if listener:
                listener.subscribed(channel)
        elif kind == b"message" and listener:
            found = MESSAGE.fullmatch(body)
            if not found:
                self.garbage += 1
            elif found[1] != self.origin:
                listener.heard(channel, found[2])
                self._give_way()

    def _give_way(self) -> None:
        """Who has been woken goes first, before the next message is waited for; but not after each of a thousand."""
        if time.monotonic() - self._turn_began >= TURN_SECONDS:
            time.sleep(0)
            self._turn_began = time.monotonic()

    # The subscriber

    def _subscribe(self) -> None:
        while not self._stopped:
            self._something.wait(self._alive_seconds)
            self._something.clear()
            try:
                self._send_changes()
            except Exception:
                log.exception("the subscriber of Redis messages failed")
                self._hang_up()  # all is subscribed anew

    def _send_changes(self) -> None:
        """What has been subscribed and unsubscribed; on a new connection everything; now and then a sign of life."""
        link = self._hearing
        with self._lock:
            changes, self._changes = self._changes, {}
            if link is None:
                return  # on the next connection all of self._channels is subscribed
            fresh = self._fresh is link
            if fresh:
                self._fresh = None
            wanted = list(self._channels) if fresh else [channel for channel, on in changes.items() if on]
            unwanted = [] if fresh else [channel for channel, on in changes.items() if not on]
        commands: list[Sequence[bytes]] = [(b"SUBSCRIBE", *part) for part in _parts(wanted)]
        commands += [(b"UNSUBSCRIBE", *part) for part in _parts(unwanted)]
        now = time.monotonic()
        # The reader gives up where it hears nothing for twice that.
        if now - self._last_sign >= self._alive_seconds * 0.9:
            self._last_sign = now
            commands.append((b"PING",))
        try:
            if commands:
                link.send(commands)
        except Lost:
            link.close()  # the reader notices, and begins again


def _parts(channels: list[bytes]) -> list[list[bytes]]:
    return [channels[start : start + CHANNELS_AT_ONCE] for start in range(0, len(channels), CHANNELS_AT_ONCE)]
