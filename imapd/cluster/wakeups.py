# SPDX-License-Identifier: MIT
"""Who wants to know when a folder group changes, or anything of an owner, and how they come to know. It says that,
never what.

A group has a channel, and so has an owner of mailboxes: what is said there tells in which group something happened, or
that it is names or annotations. So who watches a thousand folders watches one channel.

A watcher is called at once for a change made in this worker, through Redis for one made elsewhere, after every
interruption of Redis, and while that lasts every poll_seconds. So each may be called for nothing, and must bear it.
"""

import re
import threading
import time
from collections import deque
from collections.abc import Callable

from imapd import log
from imapd.cluster.control import Control
from imapd.cluster.publisher import Message, Spawn
from imapd.cluster.pubsub import PubSub

AT_ONCE = 64  # channels whose watchers are called before others get a turn
PAUSE_SECONDS = 0.01
MOST_UNWATCHED = 2_000  # channels that stay subscribed for a while after their last watcher has gone
SURE_SECONDS = 300  # so often everybody is called though Redis is there: a worker may have died before it published

NAMES = b"names"
ANNOTATIONS = b"annotations"
SAID_OF_OWNERS = re.compile(rb"[1-9][0-9]{0,18}|names|annotations")

Callback = Callable[[], None]


class Watch:
    """One watcher of one channel: what `watch` returns and `unwatch` takes."""

    __slots__ = ("callback", "channel")

    def __init__(self, channel: bytes, callback: Callable[[bytes], None]):
        self.channel = channel
        self.callback = callback


class Wakeups:
    """The watchers of one worker. Subscriptions are counted: one for each channel, however many watch it."""

    def __init__(self, pubsub: PubSub, control: Control, *, poll_seconds: float, sure_seconds: float = SURE_SECONDS):
        self._pubsub = pubsub
        self._control = control
        self._poll_seconds = poll_seconds
        self._sure_seconds = max(sure_seconds, poll_seconds)
        self._watches: dict[bytes, set[Watch]] = {}
        self._unwatched: dict[bytes, bool] = {}  # whether something happened since the last watcher went
        self._lock = threading.Lock()
        self._due: deque[bytes] = deque()
        self._something = threading.Event()
        self._stopped = False
        control.on("look", lambda _: self.look_everywhere())
        control.on("rights", self._look_at_owners)
        pubsub.on_overflow(lambda: control.publish("look", ""))

    def start(self, spawn: Spawn) -> None:
        spawn(self._call_those_due)
        spawn(self._poll)

    def stop(self) -> None:
        self._stopped = True
        self._something.set()

    def watch(self, organization_id: int, group_id: int, callback: Callback) -> Watch:
        """Calls back for every change from now on, and once where one may have been missed since the last watcher of
        this channel went: when the subscription has begun, or at once."""
        return self._watch(_channel(organization_id, group_id), lambda _: callback())

    def watch_owner(self, organization_id: int, owner: str, callback: Callable[[str], None]) -> Watch:
        """The same for all mailboxes of an owner. callback is given the id of the group that has changed, "names" or
        "annotations"; "" where it may be anything."""
        return self._watch(_owners_channel(organization_id, owner), lambda what: callback(what.decode()))

    def _watch(self, channel: bytes, callback: Callable[[bytes], None]) -> Watch:
        made = Watch(channel, callback)
        with self._lock:
            watches = self._watches.get(channel)
            if watches is None:
                watches = self._watches[channel] = set()
                self._pubsub.subscribe(channel, self)
            watches.add(made)
            missed = self._unwatched.pop(channel, False)
        if missed:
            _tell(made, b"")
        return made

    def unwatch(self, watch: Watch) -> None:
        with self._lock:
            watches = self._watches.get(watch.channel)
            if watches is None:
                return
            watches.discard(watch)
            if not watches:
                self._unwatched[watch.channel] = False  # it may well be selected again in a moment
            too_many = len(self._unwatched) > MOST_UNWATCHED
        if too_many:
            self._forget_unwatched()

    def publish(self, organization_id: int, group_id: int, owner: str) -> None:
        """Something changed in this group, and is committed."""
        group, owners = _channel(organization_id, group_id), _owners_channel(organization_id, owner)
        self._publish((group, b""), (owners, b"%d" % group_id))

    def publish_names(self, organization_id: int, owner: str) -> None:
        """Mailboxes of an owner came, went or are called otherwise; or what the owner has subscribed has changed."""
        self._publish((_owners_channel(organization_id, owner), NAMES))

    def publish_annotations(self, organization_id: int, owner: str) -> None:
        """Annotations of an owner's mailboxes have changed, or those that the owner made."""
        self._publish((_owners_channel(organization_id, owner), ANNOTATIONS))

    def _publish(self, *messages: Message) -> None:
        self._pubsub.publish(*messages)
        for channel, what in messages:
            self._call(channel, what)

    def look_everywhere(self) -> None:
        """Calls every watcher, a few at a time: each of them asks PostgreSQL something."""
        with self._lock:
            if len(self._due) <= len(self._watches):  # else everybody is due already
                self._due.extend(self._watches)
        self._something.set()

    def _look_at_owners(self, organization_id: str) -> None:
        """Rights have changed: what owners share is something else to somebody. For "" in every organisation."""
        begin = b"imapd:%b:" % organization_id.encode() if organization_id else b"imapd:"
        with self._lock:
            if len(self._due) <= len(self._watches):
                self._due.extend(
                    channel for channel in self._watches if channel.startswith(begin) and _is_owners(channel)
                )
        self._something.set()

    def heard(self, channel: bytes, body: bytes) -> None:
        if body and not (_is_owners(channel) and SAID_OF_OWNERS.fullmatch(body)):
            self._pubsub.garbage += 1
        else:
            self._call(channel, body)

    def subscribed(self, channel: bytes) -> None:
        self._due.append(channel)
        self._something.set()

    def _call(self, channel: bytes, what: bytes = b"") -> None:
        with self._lock:
            if channel in self._unwatched:
                self._unwatched[channel] = True
            watches = tuple(self._watches.get(channel, ()))
        for watch in watches:
            _tell(watch, what)

    def _call_those_due(self) -> None:
        while not self._stopped:
            self._something.wait()
            self._something.clear()
            while self._due and not self._stopped:
                for _ in range(min(AT_ONCE, len(self._due))):
                    self._call(self._due.popleft())
                if self._due:
                    time.sleep(PAUSE_SECONDS)

    def _poll(self) -> None:
        looked = time.monotonic()
        while not self._stopped:
            time.sleep(self._poll_seconds)
            self._forget_unwatched()
            now = time.monotonic()
            if not self._pubsub.connected or now - looked >= self._sure_seconds:
                looked = now
                self.look_everywhere()

    def _forget_unwatched(self) -> None:
        with self._lock:
            channels = list(self._unwatched)
            self._unwatched.clear()
            for channel in channels:
                del self._watches[channel]
            if channels:
                self._pubsub.unsubscribe(*channels)


def _tell(watch: Watch, what: bytes) -> None:
    try:
        watch.callback(what)
    except Exception:
        log.exception("a watcher failed")


def _channel(organization_id: int, group_id: int) -> bytes:
    return b"imapd:%d:%d" % (organization_id, group_id)


def _owners_channel(organization_id: int, owner: str) -> bytes:
    return b"imapd:%d:%b" % (organization_id, owner.encode("ascii"))


def _is_owners(channel: bytes) -> bool:
    return channel.rpartition(b":")[2][:1].isalpha()
