# SPDX-License-Identifier: MIT
"""Messages on their way to Redis, over one connection of the worker's own. Not what they mean, nor who hears them.

Nobody who publishes waits for Redis. What it takes at once is sent by whoever publishes, so that it is on its way
before anything else is done; the answers, what does not go at once, and connecting are left to one writer.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from imapd import log
from imapd.cluster.redis import Link, Lost

LONGEST_PAUSE_SECONDS = 2
ANSWER_SECONDS = 1
LAST_SECONDS = 1  # who stops waits so long for what is still to be published
MOST_UNANSWERED = 32  # a kernel takes so many without waiting, though Redis reads nothing
MOST_WAITING = 10_000

Message = tuple[bytes, bytes]
"""Channel and body."""

Spawn = Callable[[Callable[[], None]], Any]


class Publisher:
    """Sends in order, and again what was not answered when the connection was lost: a message may come twice.

    A message is in _waiting, or was sent on _link and is in _unanswered; it goes from one to the other under _lock.
    """

    def __init__(self, url: str):
        # Called when messages that were not sent had to be forgotten.
        self.overflowed: Callable[[], None] = lambda: None
        self._url = url
        self._link: Link | None = None
        self._waiting: dict[Message, None] = {}
        self._unanswered: deque[Message] = deque()
        self._lock = threading.Lock()
        self._something = threading.Event()
        self._stopped = False
        self._all_said = threading.Event()
        self._all_said.set()

    def start(self, spawn: Spawn) -> None:
        self._all_said.clear()
        spawn(self._write)

    def stop(self) -> None:
        """What was said before is sent before, if Redis is there."""
        self._stopped = True
        self._something.set()
        self._all_said.wait(LAST_SECONDS)

    def publish(self, messages: Sequence[Message]) -> None:
        """The same message twice, before it has been sent, is one."""
        with self._lock:
            forgot = len(self._waiting) >= MOST_WAITING
            if forgot:
                self._waiting.clear()
            in_turn = not self._waiting
            self._waiting |= dict.fromkeys(messages)
            if in_turn and self._link:
                with contextlib.suppress(Lost):  # the writer will read from it, and find it lost
                    self._send(self._link)
        self._something.set()
        if forgot:
            self.overflowed()

    def _send(self, link: Link) -> None:
        """As much of what waits as may be unanswered."""
        batch = list(self._waiting)[: MOST_UNANSWERED - len(self._unanswered)]
        for message in batch:
            del self._waiting[message]
        self._unanswered += batch
        if batch:
            link.send((b"PUBLISH", channel, body) for channel, body in batch)

    # The writer

    def _write(self) -> None:
        pause = 0.0
        try:
            while not self._stopped:
                self._something.wait()
                self._something.clear()
                if self._exchange():
                    pause = 0.0
                else:
                    pause = min(pause * 2 or 0.05, LONGEST_PAUSE_SECONDS)
                    time.sleep(pause)
                    self._something.set()
            self._exchange()
        finally:
            self._all_said.set()
            self._lose()

    def _exchange(self) -> bool:
        """Sends what waits and reads the answers, until there is neither. False where Redis is away."""
        try:
            while self._waiting or self._unanswered:
                link = self._link = self._link or Link(self._url, timeout_seconds=ANSWER_SECONDS)
                with self._lock:
                    self._send(link)
                while self._unanswered:
                    link.receive()
                    self._unanswered.popleft()
            return True
        except Lost:
            pass
        except Exception:
            log.exception("the writer of Redis messages failed")
        self._lose()
        return False

    def _lose(self) -> None:
        """The next message goes by a new connection, after what was not answered on this one."""
        with self._lock:
            if self._link:
                self._link.close()
                self._link = None
            self._waiting = dict.fromkeys(self._unanswered) | self._waiting
            self._unanswered.clear()
