# SPDX-License-Identifier: MIT
"""What master and worker say to each other: one datagram a message over a Unix socketpair, sockets beside it.

The master says: the settings (once, first), a connection, retire, drain. The worker says: alive, authenticated, ended.
The end of the channel is the end of the other side. Nothing here waits.
"""

from __future__ import annotations

import array
import json
import os
import socket
from typing import NamedTuple

CHANNEL_VARIABLE = "IMAPD_CHANNEL"
#: {"type", "number", "parent", "listeners": {kind: [fd …]}}
IDENTITY_VARIABLE = "IMAPD_PROCESS"
_LONGEST = 128 << 10

ALIVE = b"alive"
AUTHENTICATED = b"authenticated"
ENDED = b"ended"
RETIRE = b"retire"
DRAIN = b"drain"
CONNECTION = b"connection"


class Arrival(NamedTuple):
    """A client's connection on its way from the master to a worker."""

    id: int
    listener: str
    address: str
    port: int


class Channel:
    """One end. The socket is non-blocking; who has nothing else to do waits for it to be readable."""

    def __init__(self, end: socket.socket):
        end.setblocking(False)
        self._end = end

    def fileno(self) -> int:
        return self._end.fileno()

    def say(self, word: bytes, number: int = 0) -> None:
        """Raises BlockingIOError when the other side reads too slowly, ConnectionError when it is gone."""
        self._end.send(b"%s %d" % (word, number))

    def hand_over(self, arrival: Arrival, client: socket.socket) -> None:
        """Like say(). The caller closes its copy of the client's socket."""
        header = f"{arrival.id} {arrival.listener} {arrival.address} {arrival.port}".encode()
        rights = array.array("i", [client.fileno()])
        self._end.sendmsg([CONNECTION + b" " + header], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])

    def heard(self) -> tuple[bytes, bytes, list[int]] | None:
        """The next message: word, rest, descriptors. None: nothing yet. An empty word: the other side is gone."""
        try:
            message, descriptors, _, _ = socket.recv_fds(self._end, _LONGEST, 1)
        except BlockingIOError:
            return None
        except ConnectionError:
            return b"", b"", []
        word, _, rest = message.partition(b" ")
        return word, rest, list(descriptors)

    def settings(self, text: str) -> None:
        self._end.send(text.encode())

    def close(self) -> None:
        self._end.close()


def arrival(rest: bytes) -> Arrival:
    number, listener, address, port = rest.decode().split(" ")
    return Arrival(int(number), listener, address, int(port))


class Identity(NamedTuple):
    """Who a worker is, as its master tells it."""

    type: str
    number: int
    parent: int
    listeners: dict[str, list[int]]


def mine() -> tuple[Channel, str, Identity]:
    """The worker's end, the text of its settings, and who it is. Only in a process that a master has started."""
    end = socket.socket(fileno=int(os.environ.pop(CHANNEL_VARIABLE)))
    end.settimeout(10)
    text = end.recv(_LONGEST).decode()
    return Channel(end), text, Identity(**json.loads(os.environ.pop(IDENTITY_VARIABLE)))
