# SPDX-License-Identifier: MIT
"""SIGHUP brings new workers and settings and leaves sessions alone; TTIN and TTOU change the number; what systemd hears."""

import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from imapd.net import farewells
from tests.running.processes import free_ports
from tests.workers.running import Client, EchoServer, eventually

Serving = Callable[..., EchoServer]


def reload(server: EchoServer) -> None:
    """Until the new workers are there; clients still come to the old ones until these are ready."""
    before = server.children()
    server.signal(signal.SIGHUP)
    eventually(lambda: len(set(server.children()) - set(before)) == server.values["server"]["workers"])


def client_of(server: EchoServer, name: str) -> Client:
    """A client of a worker with these settings; those that come to another before leave, or it would stay for them."""

    def greeted() -> Client | None:
        client = server.client()
        if client.greeting.endswith(name):
            return client
        client.close()
        return None

    return eventually(greeted)


def test_new_clients_get_new_workers_and_old_sessions_go_on(serving: Serving) -> None:
    server = serving()
    old = server.client()
    server.configure(imap={"id": {"name": "second"}})
    reload(server)
    new = client_of(server, "second")
    assert new.worker != old.worker
    assert old.ask("still here") == "still here"
    old.ask("quit")
    eventually(lambda: old.worker not in server.children() and len(server.children()) == 2, 30)
    assert new.ask("still here") == "still here"
    assert not server.events("worker died")


def test_old_sessions_do_not_go_on_for_ever(serving: Serving) -> None:
    server = serving(server={"retire_seconds": 1, "workers": 1})
    old = server.client()
    reload(server)
    assert old.line() == farewells.SHUTTING_DOWN.decode().rstrip()


def test_a_bad_configuration_changes_nothing(serving: Serving) -> None:
    server = serving()
    client = server.client()
    pids = set(server.children())
    server.config.write_text("server:\n  port: 0\n")
    server.signal(signal.SIGHUP)
    failed = eventually(lambda: server.events("configuration not loaded; the old one stays"))
    assert ":2: server.port: must be at least 1" in failed[0]["error"]
    assert client.ask("still here") == "still here"
    assert set(server.children()) == pids
    assert server.client().greeting.startswith("hello")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("imap:\n  id:\n    version: 2026-02-30\n", "that is no timestamp"),
        ("server: {host: mail..example.com, tls_port: null}\ntls: {certificate: null, key: null}\n", "cannot listen on mail..example.com port"),
        ("redis:\n  url: foo://127.0.0.1\n", "redis.url"),
        ("database:\n  dsn: bogus\n", "database.dsn"),
    ],
)
def test_nothing_that_a_file_can_hold_ends_the_master(serving: Serving, text: str, told: str) -> None:
    server = serving()
    client = server.client()
    server.config.write_text(text)
    server.signal(signal.SIGHUP)
    failed = eventually(lambda: server.events("configuration not loaded; the old one stays"))
    assert told in failed[0]["error"]
    assert client.ask("still here") == "still here"
    assert server.client().greeting.startswith("hello")


def test_a_configuration_that_no_worker_runs_with_is_taken_back(serving: Serving) -> None:
    server = serving()
    pids = set(server.children())
    server.configure(imap={"id": {"name": "second", "crash": "78"}})
    server.signal(signal.SIGHUP)
    eventually(lambda: server.events("the new configuration does not work; the old one stays"))
    eventually(lambda: set(server.children()) == pids)
    assert server.client().greeting.endswith("first")
    server.configure(imap={"id": {"name": "third"}})
    reload(server)
    client_of(server, "third")


def test_while_new_workers_crash_the_old_ones_serve(serving: Serving) -> None:
    server = serving()
    server.configure(imap={"id": {"name": "second", "crash": "1"}})
    server.signal(signal.SIGHUP)
    eventually(lambda: len(server.events("worker died")) > 3, 60)
    assert server.client().greeting.endswith("first")
    server.configure(imap={"id": {"name": "third"}})
    server.signal(signal.SIGHUP)
    client_of(server, "third")


def test_listeners_come_and_go(serving: Serving) -> None:
    server = serving()
    old_port, (new_port,) = server.port, free_ports(1)
    client = server.client()
    server.configure(server={"port": new_port})
    server.signal(signal.SIGHUP)
    eventually(lambda: server.events("configuration loaded"))
    assert server.client(port=new_port).greeting.startswith("hello")
    assert client.ask("still here") == "still here"
    socket.create_server(("127.0.0.1", old_port)).close()


def test_another_runtime_directory_is_made(serving: Serving, tmp_path: Path) -> None:
    server = serving()
    server.configure(server={"runtime_directory": str(tmp_path / "another" / "run")})
    reload(server)
    server.client().ask("x")
    eventually(lambda: list((tmp_path / "another" / "run" / "metrics").glob("*.db")))
    assert not server.events("metrics not written")


def test_a_listener_that_cannot_be_had_keeps_the_old_configuration(serving: Serving) -> None:
    server = serving()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server.configure(server={"port": taken.getsockname()[1]})
        server.signal(signal.SIGHUP)
        eventually(lambda: server.events("configuration not loaded; the old one stays"))
    assert server.client().greeting.startswith("hello")


def test_many_reloads_in_a_row(serving: Serving) -> None:
    server = serving()
    client = server.client()
    for _ in range(30):
        server.signal(signal.SIGHUP)
        time.sleep(0.02)
        assert server.client().ask("x") == "x"
    assert client.ask("still here") == "still here"
    assert not server.events("worker died")
    for other in server.clients[1:]:
        other.close()
    eventually(lambda: len(server.children()) <= 3, 15)


def test_ttin_and_ttou_change_the_number(serving: Serving) -> None:
    server = serving()
    server.signal(signal.SIGTTIN)
    eventually(lambda: len(server.children()) == 3, 30)
    for _ in range(4):
        server.signal(signal.SIGTTOU)
        time.sleep(0.1)
    eventually(lambda: len(server.children()) == 1, 30)
    assert server.client().greeting.startswith("hello")
    assert not server.events("worker died")


def test_systemd_is_told(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(10)
        server = EchoServer(tmp_path)
        server.start(NOTIFY_SOCKET=address, WATCHDOG_USEC="900000")
        told: list[str] = []

        def hear(word: str) -> bool:
            while not any(word in message for message in told):
                told.append(manager.recv(4096).decode())
            told.clear()
            return True

        assert hear("READY=1")
        assert hear("WATCHDOG=1")
        assert hear("WATCHDOG=1")
        server.signal(signal.SIGHUP)
        assert hear("RELOADING=1\nMONOTONIC_USEC=")
        assert hear("READY=1")
        server.signal(signal.SIGTERM)
        assert hear("STOPPING=1")
        assert server.stop() == 0


def test_listeners_of_systemd_are_taken_over(tmp_path: Path) -> None:
    """LISTEN_PID has to name the process, which keeps its id through exec."""
    server = EchoServer(tmp_path)
    with socket.create_server(("127.0.0.1", server.port)) as listener:
        script = (
            f"import os, sys; os.dup2({listener.fileno()}, 3); os.environ['LISTEN_PID'] = str(os.getpid()); "
            "os.execv(sys.argv[1], sys.argv[1:])"
        )
        server.start(
            through=(sys.executable, "-c", script),
            descriptors=(listener.fileno(),),
            LISTEN_FDS="1",
            LISTEN_FDNAMES="imap",
        )
    assert server.client().greeting.startswith("hello")
    assert server.stop() == 0
