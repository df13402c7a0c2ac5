# SPDX-License-Identifier: MIT
"""Turns: a client that never lets its connection wait does not keep the other clients of the worker waiting."""

import socket
import subprocess
import sys
import threading
import time

import gevent

from imapd.net.connection import Connection
from imapd.settings import Limits

FLOOD_SECONDS = 1.0


def served(limits=Limits()):  # noqa: B008
    ours, client = socket.socketpair()
    return Connection(ours, ("127.0.0.1", 1), "imap", limits), client


# In a process of its own: on a thread of this one it would have to wait for the interpreter, and so give turns itself.
FLOOD = """
import socket, sys, threading
client = socket.socket(fileno=int(sys.argv[1]))
def read():
    while client.recv(1 << 20):
        pass
threading.Thread(target=read, daemon=True).start()
try:
    while True:
        client.sendall(b"x" * (1 << 20))
except OSError:
    pass
"""


def echo(connection):
    """A session in small: it works for two milliseconds on whatever it receives, and answers."""
    while connection.receive():
        until = time.perf_counter() + 0.002
        while time.perf_counter() < until:
            pass
        connection.send(b"y" * 1000)


def test_others_have_their_turns():
    flooded, flooder = served()
    calm, client = served()
    flooding = subprocess.Popen([sys.executable, "-c", FLOOD, str(flooder.fileno())], pass_fds=[flooder.fileno()])
    flooder.close()
    gevent.spawn(echo, calm)
    waits = []

    def ask():
        until = time.monotonic() + FLOOD_SECONDS
        while time.monotonic() < until:
            began = time.monotonic()
            client.sendall(b"?")
            client.recv(100)
            waits.append(time.monotonic() - began)
        flooding.kill()

    asking = threading.Thread(target=ask)
    try:
        assert flooded.wait(10)  # the flood is here
        gevent.spawn(echo, flooded)
        asking.start()
        while asking.is_alive():
            gevent.sleep(0.01)
    finally:
        flooding.kill()
        flooding.wait()
        client.close()
    # Without turns there is one answer, when the flood is over; the bounds are wide for slow machines.
    assert len(waits) >= 5 and sorted(waits)[len(waits) // 2] < FLOOD_SECONDS / 5
