# SPDX-License-Identifier: MIT
"""Messages on their way to Redis, over one connection of the worker's own. Not what they mean, nor who hears them.

What the kernel takes at once is sent by whoever publishes, so that it is on its way before anything else is done; the
answers, what does not go at once, and connecting are left to one writer.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any

from imapd import log
from imapd.cluster.redis import LONGEST_PAUSE_SECONDS, Link, Lost, Refused

ANSWER_SECONDS = 1
LAST_SECONDS = 1  # who stops waits so long for what is still to be published
MOST_UNANSWERED = 32  # so many fit into a socket's buffers, also while Redis reads nothing
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
        # With TLS, no two threads may use a connection at once, be it that one reads and one writes.
        self._sends_at_once = not url.startswith("rediss:")
        self._link: Link | None = None
        self._is_refused = False  # something, on this link, and that was logged
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

    def publish(self, *messages: Message) -> None:
        """Does not wait for Redis, and raises nothing because of it. The same twice, before it was sent, is one."""
        with self._lock:
            forgot = len(self._waiting) >= MOST_WAITING
            if forgot:
                self._waiting.clear()
            self._waiting |= dict.fromkeys(messages)
            if self._sends_at_once and self._link:
                self._send(self._link)
        self._something.set()
        if forgot:
            self.overflowed()

    def _send(self, link: Link) -> None:
        """As much of what waits as may be unanswered. Where the link is lost, the writer finds it out by reading."""
        batch = list(islice(self._waiting, MOST_UNANSWERED - len(self._unanswered)))
        for message in batch:
            del self._waiting[message]
        self._unanswered += batch
        try:
            if batch:
                link.send((b"PUBLISH", channel, body) for channel, body in batch)
        except Lost:
            link.close()
        except Exception:
            log.exception("a message to Redis was not sent")
            link.close()

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
            self._lose()
            self._all_said.set()

    def _exchange(self) -> bool:
        """Sends what waits and reads the answers, until there is neither. False where Redis is away."""
        try:
            while self._waiting or self._unanswered:
                link = self._link = self._link or Link(self._url, timeout_seconds=ANSWER_SECONDS)
                with self._lock:
                    self._send(link)
                while self._unanswered:
                    self._take_answer(link)
            return True
        except Lost:
            pass
        except Exception:
            log.exception("the writer of Redis messages failed")
        self._lose()
        return False

    def _take_answer(self, link: Link) -> None:
        """An error is one, too: the same message again would bring the same again."""
        try:
            link.receive()
        except Refused as error:
            if not self._is_refused:
                self._is_refused = True
                log.warning("Redis refuses a message", channel=self._unanswered[0][0].decode(), error=error)
        self._unanswered.popleft()

    def _lose(self) -> None:
        """The next message goes by a new connection, after what was not answered on this one."""
        with self._lock:
            if self._link:
                self._link.close()
                self._link, self._is_refused = None, False
            self._waiting = dict.fromkeys(self._unanswered) | self._waiting
            self._unanswered.clear()
