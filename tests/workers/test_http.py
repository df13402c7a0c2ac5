# SPDX-License-Identifier: MIT
"""/health and /metrics as Prometheus and a load balancer get them, from the process that the master runs."""

import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.running.processes import free_ports
from tests.workers.running import EchoServer, eventually

Serving = Callable[..., EchoServer]


@pytest.fixture
def answering(serving: Serving, tmp_path: Path) -> EchoServer:
    """No PostgreSQL, no Redis: addresses at which nobody listens."""
    http_port, database_port, redis_port = free_ports(3)
    return serving(
        http={"port": http_port},
        database={"dsn": f"host=127.0.0.1 port={database_port} dbname=none password=hidden"},
        redis={"url": f"redis://127.0.0.1:{redis_port}/0"},
        blobs={"path": str(tmp_path)},
    )


def ask(server: EchoServer, path: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.values["http"]["port"], timeout=30)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def samples(server: EchoServer) -> dict[str, float]:
    status, text = ask(server, "/metrics")
    assert status == 200
    return {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if not line.startswith("#")}


def test_health_says_what_is_wrong(answering: EchoServer, tmp_path: Path) -> None:
    status, text = ask(answering, "/health")
    assert status == 503
    report = json.loads(text)
    assert report["status"] == "failed"
    assert report["checks"]["blobs"] == "ok"
    assert "refused" in report["checks"]["database"]
    assert "refused" in report["checks"]["redis"]
    assert "hidden" not in text
    assert not list(tmp_path.glob(".health*"))


def test_metrics_are_the_sum_of_all_workers(answering: EchoServer) -> None:
    clients = [answering.client() for _ in range(4)]
    assert len({client.worker for client in clients}) == 2
    for client in clients:
        client.ask("x")
    clients[0].ask("quit")
    wanted = {
        "imap_active_connections": 3,
        "imap_total_connections": 4,
        "imap_total_connections_total": 4,
        'imap_commands_processed{command="ECHO"}': 5,
        'imap_commands_processed_total{command="ECHO"}': 5,
        'imap_auth_attempts{result="success"}': 0,
        'imap_auth_attempts_total{result="failure"}': 0,
    }
    eventually(lambda: wanted.items() <= samples(answering).items())


def test_a_dead_worker_leaves_its_counts_but_no_connections(answering: EchoServer) -> None:
    clients = [answering.client() for _ in range(4)]
    eventually(lambda: samples(answering)["imap_active_connections"] == 4)
    os.kill(clients[0].worker, signal.SIGKILL)
    eventually(lambda: samples(answering)["imap_active_connections"] == 2)
    assert samples(answering)["imap_total_connections"] == 4


def test_a_worker_that_stands_still_shows(answering: EchoServer) -> None:
    answering.client().say("stand still")
    other = answering.client()
    assert samples(answering)["imap_hub_stall_seconds"] < 5
    assert other.ask("still here") == "still here"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/health", 503),
        ("POST", "/health", 405),
        ("GET", "/", 404),
        ("GET", "/../etc/passwd", 404),
        ("GET", "/metrics/", 404),
    ],
)
def test_anything_else_is_refused(answering: EchoServer, method: str, path: str, status: int) -> None:
    assert ask(answering, path, method)[0] == status


def test_many_clients_at_once_and_slow_ones(answering: EchoServer) -> None:
    slow = [socket.create_connection(("127.0.0.1", answering.values["http"]["port"])) for _ in range(20)]
    for client in slow:
        client.sendall(b"GET /health HTTP/1.1\r\n")
    began = time.monotonic()
    assert ask(answering, "/metrics")[0] == 200
    assert time.monotonic() - began < 20  # after their patience, by eights
    for client in slow:
        client.close()


def test_reload_keeps_it_answering(answering: EchoServer) -> None:
    before = set(answering.children("http worker"))
    answering.signal(signal.SIGHUP)
    while before & set(answering.children("http worker")):
        assert ask(answering, "/metrics")[0] == 200
    assert ask(answering, "/metrics")[0] == 200
    assert not answering.events("worker died")
