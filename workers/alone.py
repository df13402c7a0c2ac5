# SPDX-License-Identifier: MIT
"""An IMAP worker that accepts for itself, run by hand under a debugger: no master, no limits of connections."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import gevent
import gevent.socket

from imapd.settings import Http, Lmtp, Settings
from workers.admission import plain
from workers.channel import Arrival
from workers.listeners import Listeners


def accept(settings: Settings, take: Callable[[Arrival, list[int]], None]) -> None:
    """Takes what comes to the listeners of the configuration, each with its descriptor."""
    listeners = Listeners()
    listeners.open(replace(settings, http=Http(port=None), lmtp=Lmtp()))
    numbers = itertools.count(1)

    def forever(kind: str, listener: gevent.socket.socket) -> None:
        while True:
            gevent.socket.wait_read(listener.fileno())
            client, peer = listener.accept()
            take(Arrival(next(numbers), kind, plain(peer[0]), peer[1]), [client.detach()])

    for (kind, _, _), listener in listeners.sockets.items():
        gevent.spawn_raw(forever, kind, listener)
