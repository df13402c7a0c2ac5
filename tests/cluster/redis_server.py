# SPDX-License-Identifier: MIT
"""A Redis of the tests' own, on a Unix socket, that can be killed, frozen and started again."""

import signal
import subprocess
import time
from pathlib import Path

from workers.programs import find_redis, is_listened_on


class RedisServer:
    def __init__(self, directory: Path):
        self.socket = directory / "r.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> "RedisServer":
        options = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([find_redis(), *options], stdout=subprocess.DEVNULL, cwd=self.socket.parent)
        while not is_listened_on(self.socket):
            assert self._process.poll() is None
            time.sleep(0.005)
        return self

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
        self.socket.unlink(missing_ok=True)

    def freeze(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)
