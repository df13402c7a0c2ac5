# SPDX-License-Identifier: MIT
"""A worker process as the master starts it, with a session that echoes lines and does what a few of them ask."""

import os
import sys
import time

from gevent import monkey

monkey.patch_all()

import gevent  # noqa: E402

from imapd.metrics import Metrics  # noqa: E402
from imapd.net.connection import Connection  # noqa: E402
from imapd.settings import Settings  # noqa: E402
from workers.channel import mine  # noqa: E402
from workers.child import prepare  # noqa: E402
from workers.imap import Worker  # noqa: E402

really_sleep = monkey.get_original("time", "sleep")


class Echo:
    def __init__(self, connection: Connection, metrics: Metrics, greeting: str):
        self._connection = connection
        self._metrics = metrics
        self._greeting = greeting

    def run(self) -> None:
        self._connection.send(self._greeting.encode() + b"\r\n")
        buffer = b""
        while octets := self._connection.receive():
            buffer += octets
            *lines, buffer = buffer.split(b"\r\n")
            for line in lines:
                if not self._obey(line.decode()):
                    return

    def _obey(self, line: str) -> bool:
        connection = self._connection
        self._metrics.command("ECHO")
        if line == "login":
            connection.authenticated()
        elif line == "stand still":
            really_sleep(60)
        elif line == "compute":
            while True:
                pass
        elif line == "die":
            os._exit(9)
        elif line.startswith("work "):
            connection.in_command = True
            gevent.sleep(float(line.split()[1]))
            connection.in_command = False
        elif line == "quit":
            return False
        connection.send(line.encode() + b"\r\n")
        return True


channel, text, identity = mine()
settings = Settings.from_json(text)
prepare(settings, identity)
if os.environ.get("ECHO_CRASHES"):
    sys.exit(int(os.environ["ECHO_CRASHES"]))
if "crash" in settings.imap.id:
    time.sleep(0.2)
    sys.exit(int(settings.imap.id["crash"]))
metrics = Metrics()
greeting = f"hello {os.getpid()} {settings.imap.id['name']}"
worker = Worker(settings, channel, identity, metrics, lambda connection: Echo(connection, metrics, greeting))
sys.exit(worker.run())
