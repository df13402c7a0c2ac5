# SPDX-License-Identifier: MIT
"""What a client hears while its command works: now and then a line, whole and in order, whatever the client takes."""

import socket
import time
import zlib
from collections.abc import Iterator

import gevent
import pytest

from imapd.net.connection import REPORT_SECONDS, Connection
from imapd.settings import Limits

LINE = b'* OK [INPROGRESS ("a" NIL NIL)] Still at work.\r\n'


class Served:
    def __init__(self) -> None:
        ours, self.client = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.client.settimeout(5)
        self.connection = Connection(ours, ("127.0.0.1", 1), "imap", Limits())
        self.now = time.monotonic()

    def later(self, seconds: float = REPORT_SECONDS + 0.1) -> None:
        self.now += seconds
        self.connection.sweep(self.now)

    def read_to_end(self) -> bytes:
        def read() -> bytes:
            octets = b""
            while more := self.client.recv(65536):
                octets += more
            return octets

        reader = gevent.get_hub().threadpool.spawn(read)
        self.connection.close()
        return bytes(reader.get())


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    yield made
    made.connection.abort()
    made.client.close()


def test_a_line_now_and_then(served: Served) -> None:
    served.connection.send(b"* 1 EXISTS\r\n")
    served.connection.report(lambda: LINE)
    served.later(1)
    served.later()
    assert served.client.recv(1000) == b"* 1 EXISTS\r\n" + LINE
    served.later(1)
    served.later()
    served.connection.report(None)
    served.later()
    served.connection.send(b"a OK\r\n")
    assert served.read_to_end() == LINE + b"a OK\r\n"


def test_a_client_that_takes_nothing_gets_whole_lines_in_order(served: Served) -> None:
    served.connection.report(lambda: LINE)
    for _ in range(2000):
        served.later()
    assert len(served.connection._left) <= len(LINE)
    served.connection.report(None)
    served.connection.send(b"a OK\r\n")
    said = served.read_to_end()
    assert said == LINE * (said.count(b"\n") - 1) + b"a OK\r\n"


def test_what_is_left_goes_out_by_itself(served: Served) -> None:
    served.connection.report(lambda: LINE)
    for _ in range(2000):
        served.later()
    served.connection.report(None)
    said = served.read_to_end()
    assert said == LINE * said.count(b"\n") != b""


def test_through_compression(served: Served) -> None:
    served.connection.start_compression()
    served.connection.report(lambda: LINE)
    for _ in range(300):
        served.later()
    served.connection.report(None)
    served.connection.send(b"a OK\r\n")
    said = zlib.decompressobj(-15).decompress(served.read_to_end())
    assert said == LINE * (said.count(b"\n") - 1) + b"a OK\r\n"


def test_a_client_that_is_gone(served: Served) -> None:
    served.client.close()
    served.connection.report(lambda: LINE)
    served.later()
    served.later()
    served.connection.report(None)
    with pytest.raises(ConnectionError):
        served.connection.send(b"a OK\r\n")
        served.connection.flush()
