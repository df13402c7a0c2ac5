# SPDX-License-Identifier: MIT
"""How workers die and come back, and how master and workers end."""

import os
import signal
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from imapd.net import farewells
from tests.workers.running import EchoServer, eventually, title_of

Serving = Callable[..., EchoServer]
GOODBYE = farewells.SHUTTING_DOWN.decode().rstrip()


def test_a_dead_worker_is_replaced_and_the_other_one_serves_on(serving: Serving) -> None:
    server = serving()
    first, second = server.client(), server.client()
    first.say("die")
    assert first.line() == ""
    assert second.ask("still here") == "still here"
    eventually(lambda: len(server.children()) == 2 and first.worker not in server.children(), 30)
    assert server.events("worker died")[0]["status"] == 9


def test_a_worker_that_dies_at_once_is_started_ever_more_rarely(tmp_path: Path) -> None:
    server = EchoServer(tmp_path, server={"workers": 1})
    server.start(wait=False, ECHO_CRASHES="1")
    eventually(lambda: len(server.events("worker died")) >= 4, 60)
    assert server.stop() == 0
    first, second, third, fourth = (datetime.fromisoformat(died["time"]) for died in server.events("worker died")[:4])
    assert third - second >= timedelta(seconds=0.5)
    assert fourth - third >= timedelta(seconds=1)
    assert third - first < timedelta(seconds=30), "the second one is started at once"


def test_a_worker_that_can_never_run_ends_the_master(tmp_path: Path) -> None:
    server = EchoServer(tmp_path)
    server.start(wait=False, ECHO_CRASHES="78")
    assert server.process and server.process.wait(15) == 78


@pytest.mark.parametrize("how", ["stand still", "compute"])
def test_a_stuck_worker_is_killed_and_replaced(serving: Serving, how: str) -> None:
    server = serving(server={"stuck_seconds": 2})
    stuck, other = server.client(), server.client()
    stuck.say(how)
    assert stuck.line() == ""
    assert other.ask("still here") == "still here"
    eventually(lambda: len(server.children()) == 2 and stuck.worker not in server.children())
    assert server.events("worker died")[0]["reason"] == "stuck"


def test_a_machine_that_was_suspended_kills_nobody(serving: Serving) -> None:
    server = serving(server={"stuck_seconds": 5})
    client = server.client()
    workers = set(server.children())
    everybody = [server.pid, *workers]
    for pid in everybody:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(7)
    for pid in everybody:
        os.kill(pid, signal.SIGCONT)
    time.sleep(2)
    assert client.ask("still here") == "still here"
    assert set(server.children()) == workers
    assert server.events("master was away")


def test_sigterm_says_goodbye_and_lets_commands_finish(serving: Serving) -> None:
    server = serving()
    idle, busy = server.client(), server.client()
    busy.say("work 1")
    time.sleep(0.2)
    server.signal(signal.SIGTERM)
    assert idle.line() == GOODBYE
    assert idle.line() == ""
    with pytest.raises(OSError):
        server.client()
    assert [busy.line(), busy.line(), busy.line()] == ["work 1", GOODBYE, ""]
    assert server.stop() == 0


def test_a_command_without_end_does_not_hold_up_the_shutdown(serving: Serving) -> None:
    server = serving(server={"drain_seconds": 1})
    server.client().say("work 60")
    server.client().say("stand still")
    time.sleep(0.2)
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 6


def test_asked_twice_it_ends_at_once(serving: Serving) -> None:
    server = serving(server={"drain_seconds": 60})
    client = server.client()
    client.say("work 60")
    time.sleep(0.2)
    server.signal(signal.SIGTERM)
    time.sleep(0.3)
    server.signal(signal.SIGINT)
    assert server.process
    server.process.wait(2)


def test_workers_do_not_outlive_a_killed_master(serving: Serving) -> None:
    server = serving()
    idle, computing = server.client(), server.client()
    computing.say("compute")
    pids = [idle.worker, computing.worker]
    began = time.monotonic()
    os.kill(server.pid, signal.SIGKILL)
    assert server.process
    server.process.wait()
    socket.create_server(("127.0.0.1", server.port)).close()
    assert idle.line() == GOODBYE
    eventually(lambda: not any(title_of(pid) for pid in pids))
    assert time.monotonic() - began < 5


def test_a_worker_that_is_asked_itself_says_goodbye(serving: Serving) -> None:
    server = serving(server={"workers": 1})
    client = server.client()
    os.kill(client.worker, signal.SIGTERM)
    assert client.line() == GOODBYE
    eventually(lambda: client.worker not in server.children() and server.children())


def test_titles_say_who_is_who(serving: Serving) -> None:
    server = serving(server={"workers": 1})
    assert title_of(server.pid) == "imapd: master"
    server.client()
    eventually(lambda: list(server.children().values()) == ["imapd: imap worker 1 [1 sessions]"])


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    server = EchoServer(tmp_path)
    with socket.create_server(("127.0.0.1", server.port)):
        server.start(wait=False)
        assert server.process and server.process.wait(15) == 78
    assert f"cannot listen on 127.0.0.1 port {server.port} (imap): Address already in use" in server.log.read_text()


def test_the_log_has_one_line_an_event(serving: Serving) -> None:
    server = serving()
    server.client().ask("hello")
    server.stop()
    assert all(line.startswith("{") and line.endswith("}") for line in server.log.read_text().splitlines())
