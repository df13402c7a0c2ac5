# SPDX-License-Identifier: MIT
"""All that one worker has of the cluster, put together once. What each part does stands in its own module."""

import os
import socket

from imapd import settings
from imapd.cluster.control import Control
from imapd.cluster.counters import Counters
from imapd.cluster.pubsub import PubSub, Spawn
from imapd.cluster.sessions import Sessions
from imapd.cluster.wakeups import Wakeups


class Membership:
    """Made without Redis being there; start(gevent.spawn) begins to connect."""

    def __init__(self, redis: settings.Redis, worker: str | None = None):
        self.worker = worker or f"{socket.gethostname()}/{os.getpid()}"
        self.pubsub = PubSub(redis.url)
        self.control = Control(self.pubsub)
        self.wakeups = Wakeups(self.pubsub, self.control, poll_seconds=redis.poll_seconds)
        self.counters = Counters(redis.url)
        self.sessions = Sessions(redis.url, self.worker, self.control)

    def start(self, spawn: Spawn) -> None:
        for part in (self.pubsub, self.wakeups, self.sessions):
            part.start(spawn)

    def stop(self) -> None:
        for part in (self.sessions, self.wakeups, self.pubsub):
            part.stop()
