# SPDX-License-Identifier: MIT
"""An IMAP worker that accepts for itself, run by hand under a debugger: no master, no limits of connections."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import gevent
import gevent.socket

from imapd.settings import Http
from workers.admission import plain
from workers.channel import Arrival
from workers.listeners import Listeners

if TYPE_CHECKING:
    from workers.imap import Worker


def accept_for(worker: Worker) -> None:
    listeners = Listeners()
    listeners.open(replace(worker.settings, http=Http(port=None)))
    numbers = itertools.count(1)

    def accept(kind: str, listener: gevent.socket.socket) -> None:
        while True:
            gevent.socket.wait_read(listener.fileno())
            client, peer = listener.accept()
            worker.take(Arrival(next(numbers), kind, plain(peer[0]), peer[1]), [client.detach()])

    for (kind, _, _), listener in listeners.sockets.items():
        gevent.spawn_raw(accept, kind, listener)
