# SPDX-License-Identifier: MIT
"""Who gets in, and to which worker."""

import resource
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from imapd.net import farewells
from tests.workers.running import EchoServer, eventually

Serving = Callable[..., EchoServer]


def said(octets: bytes) -> str:
    return octets.decode().rstrip()


def test_who_comes_before_the_workers_are_ready_waits_for_them(tmp_path: Path) -> None:
    server = EchoServer(tmp_path)
    server.start(wait=False)
    try:
        assert eventually(lambda: greeting(server)).startswith("hello ")
    finally:
        server.stop()


def greeting(server: EchoServer) -> str:
    """Nothing where nobody listens yet."""
    try:
        return server.client().greeting
    except ConnectionRefusedError:
        return ""


def test_clients_go_to_the_worker_with_the_fewest(serving: Serving) -> None:
    server = serving()
    clients = [server.client() for _ in range(6)]
    assert sorted(Counter(client.worker for client in clients).values()) == [3, 3]
    one = clients[0].worker
    for client in clients:
        if client.worker == one:
            assert client.ask("quit") == ""
    eventually(lambda: "[0 sessions]" in server.children()[one])
    assert [server.client().worker for _ in range(3)] == [one] * 3


def test_no_more_connections_than_max_connections(serving: Serving) -> None:
    server = serving(server={"max_connections": 3})
    clients = [server.client() for _ in range(3)]
    assert server.client().greeting == said(farewells.TOO_MANY_CONNECTIONS)
    assert clients[0].ask("still here") == "still here"
    clients[0].ask("quit")
    eventually(lambda: server.client().greeting.startswith("hello"))
    assert server.client().greeting == said(farewells.TOO_MANY_CONNECTIONS)


def test_no_more_connections_from_one_address(serving: Serving) -> None:
    server = serving(server={"max_connections_per_ip": 2})
    for _ in range(2):
        assert server.client().greeting.startswith("hello")
    assert server.client().greeting == said(farewells.TOO_MANY_FROM_ADDRESS)
    assert server.client("127.0.0.2").greeting.startswith("hello")


def test_no_more_clients_that_have_not_logged_in(serving: Serving) -> None:
    server = serving(server={"max_not_authenticated": 2})
    first, _ = server.client(), server.client()
    assert server.client().greeting == said(farewells.TOO_MANY_NOT_AUTHENTICATED)
    assert first.ask("login") == "login"
    eventually(lambda: server.client().greeting.startswith("hello"))
    assert server.client().greeting == said(farewells.TOO_MANY_NOT_AUTHENTICATED)


def test_a_dead_worker_gives_its_places_back(serving: Serving) -> None:
    server = serving(server={"max_connections": 2, "workers": 1})
    clients = [server.client() for _ in range(2)]
    clients[0].say("die")
    assert clients[1].line() == ""
    eventually(lambda: server.client().greeting.startswith("hello"))


def test_who_goes_before_being_served_leaves_nothing(serving: Serving) -> None:
    server = serving(server={"max_connections": 5, "workers": 1})
    for _ in range(100):
        socket.create_connection(("127.0.0.1", server.port)).close()
    eventually(lambda: server.client().greeting.startswith("hello"))
    assert not server.events("session failed")


def test_without_descriptors_it_pauses_and_recovers(serving: Serving) -> None:
    server = serving(server={"workers": 1})
    descriptors = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
    hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (descriptors, hard))
    waiting = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    time.sleep(2.5)
    assert 2 <= len(server.events("accepting is paused")) <= 4
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (descriptors + 20, hard))
    assert waiting.recv(100).startswith(b"hello")
    waiting.close()


def test_a_worker_without_descriptors_drops_one_and_serves_the_others(serving: Serving) -> None:
    server = serving(server={"workers": 1})
    first = server.client()
    hard = resource.prlimit(first.worker, resource.RLIMIT_NOFILE)[1]
    count = len(list(Path(f"/proc/{first.worker}/fd").iterdir()))
    resource.prlimit(first.worker, resource.RLIMIT_NOFILE, (count, hard))
    assert server.client().greeting == ""
    assert first.ask("still here") == "still here"
    resource.prlimit(first.worker, resource.RLIMIT_NOFILE, (count + 20, hard))
    assert server.client().greeting.startswith("hello")
