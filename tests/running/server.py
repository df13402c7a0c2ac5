# SPDX-License-Identifier: MIT
"""Servers in processes of their own: a demo, and nodes with any configuration on services that run already."""

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

import yaml

from tests.running.client import Client, Closed
from tests.running.processes import alive, descendants, free_ports, kill, title, wait_for

CHECKOUT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0
STOP_SECONDS = 40.0
WORKER = re.compile(r"-m workers imap\b|imapd: imap worker")
READY = re.compile(r"\[\d+ sessions\]")
TROUBLE = re.compile(r"Traceback \(most recent call last\)|SERVERBUG|Segmentation fault")

Settings = dict[str, Any]


class Running:
    """A server that was started here. `port` speaks IMAP in clear, `tls_port` over TLS, `http_port` HTTP."""

    host = "127.0.0.1"
    worker_count = 2

    def __init__(self, directory: Path):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.said = self.log = directory / "server.log"
        self.port, self.tls_port, self.http_port, self.lmtp_port = free_ports(4)
        self.process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self, wait: bool = True) -> None:
        """Starts the processes; with wait, until the server greets."""
        self._output = self.said.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, str(CHECKOUT / "imapd.py"), *self.command()],
            cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        wait_for(self.greets, START_SECONDS, f"a greeting; it said: {self.end_of_log()}")
        wait_for(lambda: len(self.ready_workers()) >= self.worker_count, START_SECONDS, "all workers")

    def stop(self) -> int:
        """SIGTERM, and what the process said by its exit code."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill_all()
            raise AssertionError(f"SIGTERM did not stop it within {STOP_SECONDS:g} s: {self.end_of_log()}") from None
        finally:
            if self._output:
                self._output.close()

    def kill_all(self) -> None:
        """Nothing of it lives on, whatever state it is in."""
        assert self.process
        for pid in [self.process.pid, *descendants(self.process.pid)]:
            kill(pid)
        self.process.wait(10)

    def greets(self) -> bool:
        """Whether a new connection is greeted."""
        assert self.process
        assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.end_of_log()}"
        try:
            with Client(self.host, self.port, timeout_seconds=2) as client:
                return client.greeting.startswith(b"* OK")
        except (OSError, Closed):
            return False

    def client(self, user: str | None = None, tls: bool = False, timeout_seconds: float = 20) -> Client:
        """A new connection, logged in as user if one is named."""
        client = Client(self.host, self.tls_port if tls else self.port, tls=tls, timeout_seconds=timeout_seconds)
        if user:
            client.login(user)
        return client

    # What lives

    def master(self) -> int:
        """The process that accepts connections: the parent of the workers."""
        for pid in [self.process.pid, *descendants(self.process.pid)] if self.process else []:
            if any(WORKER.search(title(child)) and child in _children(pid) for child in descendants(pid)):
                return pid
        raise AssertionError("there is no master")

    def workers(self) -> list[int]:
        """The IMAP workers that run."""
        assert self.process
        return [pid for pid in descendants(self.process.pid) if WORKER.search(title(pid)) and alive(pid)]

    def ready_workers(self) -> list[int]:
        """Those that take connections: they show how many."""
        return [pid for pid in self.workers() if READY.search(title(pid))]

    def service(self, name: str) -> int:
        """The process of `postgres` or `redis-server` below this server."""
        assert self.process
        for pid in descendants(self.process.pid):
            if Path(title(pid).split(" ")[0]).name.rstrip(":") == name:
                return pid
        raise AssertionError(f"there is no {name}")

    # What it said

    def end_of_log(self) -> str:
        return "".join(path.read_text(errors="replace")[-3000:] for path in {self.said, self.log} if path.exists())

    def log_size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def trouble_since(self, position: int) -> str:
        """Tracebacks in the log after that position; empty is good."""
        text = self.log.read_bytes()[position:].decode(errors="replace")
        found = TROUBLE.search(text)
        return text[max(0, found.start() - 500) : found.end() + 3000] if found else ""


class Demo(Running):
    """`imapd.py demo` with a data directory and ports of its own."""

    def __init__(self, directory: Path, users: int = 600, workers: int = 2):
        super().__init__(directory)
        self.users = users
        self.worker_count = workers
        self.data = directory / "data"
        self.log = self.data / "imapd.log"  # of the server; what the demo says itself comes before it
        self._numbers = itertools.count(1)

    @property
    def dsn(self) -> str:
        return f"host={self.data}/run user=imapd dbname=imapd"

    def redis_url(self, number: int = 0) -> str:
        """A database of its Redis: numbers other than 0 share wake-ups with the demo, and no counters."""
        return f"unix://{self.data}/run/redis.sock?db={number}"

    def command(self) -> list[str]:
        return [
            "demo", "--data", str(self.data), "--imap-port", str(self.port), "--imaps-port", str(self.tls_port),
            "--http-port", str(self.http_port), "--lmtp-port", str(self.lmtp_port),
            "--users", str(self.users), "--workers", str(self.worker_count),
        ]  # fmt: skip

    def new_user(self) -> str:
        """An address that nobody has used yet: its mailbox is as it was made."""
        number = next(self._numbers)
        assert number <= self.users, "more users are needed: raise `users`"
        return f"user{number}@example.com"


class Node(Running):
    """`imapd.py serve` with a configuration of its own, on services that run already."""

    def __init__(self, directory: Path, dsn: str, redis_url: str, blobs: Path, settings: Settings | None = None):
        super().__init__(directory)
        self.configuration = directory / "imapd.yaml"
        self.settings: Settings = {
            "server": {
                "host": self.host, "port": self.port, "tls_port": None, "workers": 2, "max_connections_per_ip": 5000,
                "runtime_directory": str(directory / "run"),
            },
            "tls": {"certificate": None, "key": None},
            "database": {"dsn": dsn},
            "redis": {"url": redis_url},
            "blobs": {"path": str(blobs)},
            "auth": {"cleartext": "loopback"},
            "http": {"port": self.http_port},
        }  # fmt: skip
        self.configure(settings or {})

    def configure(self, settings: Settings) -> None:
        """Writes the configuration file with these settings over the ones that were there."""
        for section, values in settings.items():
            self.settings.setdefault(section, {}).update(values)
        self.configuration.write_text(yaml.safe_dump(self.settings))

    def command(self) -> list[str]:
        return ["serve", "--config", str(self.configuration)]

    def reload(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGHUP)


def operator(*arguments: str, text: str = "") -> str:
    """Runs the operator's command to its end and gives what it printed."""
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / "imapd.py"), *arguments],
        cwd=CHECKOUT, input=text, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout


def eventually(check: Any, seconds: float) -> Any:
    """The first true value of check; its own failure when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if value := check():
                return value
        except (AssertionError, OSError, Closed):
            if time.monotonic() > deadline:
                raise
        assert time.monotonic() < deadline, f"{check} stayed false for {seconds:g} s"
        time.sleep(0.05)


def _children(pid: int) -> list[int]:
    return [child for child in descendants(pid) if _parent_of(child) == pid]


def _parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
