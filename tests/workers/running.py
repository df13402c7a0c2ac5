# SPDX-License-Identifier: MIT
"""A master with echo workers for a test, and its clients."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.running.processes import free_ports

ROOT = Path(__file__).resolve().parents[2]


def eventually(condition: Callable[[], Any], seconds: float = 10) -> Any:
    """The first true value of the condition."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(0.02)
    return value


class Client:
    def __init__(self, port: int, address: str = "127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(address, 0))
        self._file = self.socket.makefile("rb")
        self.greeting = self.line()

    @property
    def worker(self) -> int:
        return int(self.greeting.split()[1])

    def line(self) -> str:
        """The next line; nothing at the end."""
        try:
            return self._file.readline().decode().rstrip("\r\n")
        except ConnectionResetError:
            return ""

    def say(self, line: str) -> None:
        self.socket.sendall(line.encode() + b"\r\n")

    def ask(self, line: str) -> str:
        self.say(line)
        return self.line()

    def close(self) -> None:
        self._file.close()
        self.socket.close()


class EchoServer:
    def __init__(self, directory: Path, **sections: dict[str, Any]):
        self.directory = directory
        self.port = free_ports(1)[0]
        self.config = directory / "imapd.yaml"
        self.log = directory / "log"
        self.clients: list[Client] = []
        self.values: dict[str, dict[str, Any]] = {
            "server": {
                "host": "127.0.0.1", "port": self.port, "tls_port": None, "workers": 2,
                "runtime_directory": str(directory / "run"), "drain_seconds": 3,
            },
            "tls": {"certificate": None, "key": None},
            "imap": {"id": {"name": "first"}},
            "http": {"port": None},
        }  # fmt: skip
        self.configure(**sections)
        self.process: subprocess.Popen[bytes] | None = None

    def configure(self, **sections: dict[str, Any]) -> None:
        for section, values in sections.items():
            self.values.setdefault(section, {}).update(values)
        self.config.write_text(yaml.safe_dump(self.values))

    def start(
        self, wait: bool = True, through: tuple[str, ...] = (), descriptors: tuple[int, ...] = (), **environment: str
    ) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*through, sys.executable, str(Path(__file__).with_name("echo_master.py")), str(self.config)],
                env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
                stderr=log,
                pass_fds=descriptors,
            )
        if wait:
            eventually(self._is_ready, 60)

    def _is_ready(self) -> bool:
        assert self.process
        assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.log.read_text()}"
        return bool(self.events("ready"))

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def stop(self) -> int:
        """The exit code of a master that is asked to stop."""
        assert self.process
        for client in self.clients:
            client.close()
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def client(self, address: str = "127.0.0.1", port: int | None = None) -> Client:
        self.clients.append(Client(port or self.port, address))
        return self.clients[-1]

    def events(self, name: str) -> list[dict[str, Any]]:
        found = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [event for event in found if event["event"] == name]

    def children(self, title: str = "imap worker") -> dict[int, str]:
        """Processes below the master whose title contains this."""
        found = {}
        for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
            shown = title_of(int(pid))
            if shown is not None and title in shown:
                found[int(pid)] = shown
        return found


def title_of(pid: int) -> str | None:
    """None: there is no such process any more."""
    try:
        state = re.search(r"^State:\s+(\w)", Path(f"/proc/{pid}/status").read_text(), re.M)
        if state is None or state[1] == "Z":
            return None
        return Path(f"/proc/{pid}/cmdline").read_text().strip("\0")
    except (FileNotFoundError, ProcessLookupError):
        return None
