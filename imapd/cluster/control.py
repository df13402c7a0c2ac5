# SPDX-License-Identifier: MIT
"""Messages that ask workers to do something: a kind and an id, nothing else. What is then done is not decided here."""

import re
from collections.abc import Callable

import redis

from imapd import log
from imapd.cluster.pubsub import PubSub
from imapd.cluster.redis import client
from imapd.errors import Unavailable

CHANNEL = b"imapd:control"
FORM = re.compile(rb"([a-z-]{1,32}) ([!-~]{0,128})")

#: Every kind there is, and what its id is.
KINDS = {
    "kick": "a session's id",
    "user": "empty: see which users with sessions may still have them",
    "quota": "<organization_id>.<user_id>.<root>.<percent>: this user's quota has reached so many percent",
    "rights": "empty, or an organisation's id: see who may still do what in the mailboxes that are open",
    "look": "empty: messages were lost, so everybody look for changes",
}

Callback = Callable[[str], None]


class Control:
    """`on` says who is called for a kind, `publish` calls them in all workers, in this one at once."""

    def __init__(self, pubsub: PubSub):
        self._pubsub = pubsub
        self._callbacks: dict[str, list[Callback]] = {kind: [] for kind in KINDS}
        pubsub.subscribe(CHANNEL, self)

    def on(self, kind: str, callback: Callback) -> None:
        self._callbacks[kind].append(callback)

    def publish(self, kind: str, id: str) -> None:
        body = encoded(kind, id)
        self._call(kind, id)
        self._pubsub.publish((CHANNEL, body))

    def heard(self, channel: bytes, body: bytes) -> None:
        found = FORM.fullmatch(body)
        if not found or found[1].decode() not in KINDS:
            self._pubsub.garbage += 1
            return
        self._call(found[1].decode(), found[2].decode())

    def subscribed(self, channel: bytes) -> None:
        """What was missed is noticed otherwise: the state of users is looked at now and then."""

    def _call(self, kind: str, id: str) -> None:
        for callback in self._callbacks[kind]:
            try:
                callback(id)
            except Exception:
                log.exception("a control message failed", kind=kind)


def encoded(kind: str, id: str) -> bytes:
    """Raises ValueError for a message that nobody would understand."""
    body = f"{kind} {id}".encode()
    if kind not in KINDS or not FORM.fullmatch(body):
        raise ValueError(f"{kind!r} with {id!r} is no control message")
    return body


def send(url: str, kind: str, id: str) -> int:
    """For a process without a PubSub of its own: sends one message, and returns how many workers hear it.

    Raises Unavailable where Redis cannot be reached.
    """
    message = b"0" * 16 + b" " + encoded(kind, id)
    try:
        return int(client(url, size=1).publish(CHANNEL, message))
    except (redis.RedisError, OSError, ValueError) as error:  # ValueError: a URL that is none
        raise Unavailable("Redis cannot be reached.") from error
