# SPDX-License-Identifier: MIT
"""One worker process as its master sees it: started, heard from, told to go, and when to start it again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from imapd.metrics import DIRECTORY_VARIABLE
from imapd.settings import Settings
from workers.channel import CHANNEL_VARIABLE, IDENTITY_VARIABLE, Channel
from workers.types import ProcessType

ROOT = Path(__file__).resolve().parent.parent
#: Few arenas and prompt return of large blocks: thousands of sessions live long in one process. All objects in the C
#: library's heap, and that in huge pages: what a command touches lies in hundreds of small ones else, and to reach them
#: may take longer than the work, most of all after a rest on a virtual machine. See also heap.py.
_MALLOC = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "1048576",
    "MALLOC_MMAP_THRESHOLD_": "1048576",
    "PYTHONMALLOC": "malloc",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


class Process:
    """A running worker of one generation (all that were started with the same settings)."""

    def __init__(
        self, kind: ProcessType, number: int, generation: int, settings: Settings, listeners: dict[str, list[int]]
    ):
        self.kind = kind
        self.number = number
        self.generation = generation
        self.sessions: set[int] = set()
        self.ready = False
        self.leaving = False  # gets no connections
        self.dismissed = False  # retired or draining: that it ends is wanted
        self.killed_for = ""
        self.started_at = self.heard_at = time.monotonic()
        self.drain_at = self.kill_at = float("inf")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            self.channel = Channel(ours)
            self.channel.settings(settings.to_json())
            identity = {"type": kind.name, "number": number, "parent": os.getpid(), "listeners": listeners}
            descriptors = [theirs.fileno(), *(fd for fds in listeners.values() for fd in fds)]
            self._popen = subprocess.Popen(
                kind.command,
                pass_fds=descriptors,
                process_group=0,  # Ctrl-C is for the master, which drains
                stdin=subprocess.DEVNULL,
                env=_environment(theirs.fileno(), identity, settings),
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def name(self) -> str:
        return f"{self.kind.name} {self.number}"

    def exited(self) -> int | None:
        return self._popen.poll()

    def signal(self, number: int) -> None:
        self._popen.send_signal(number)

    def kill(self, reason: str) -> None:
        self.killed_for = self.killed_for or reason
        self.signal(signal.SIGKILL)


def _environment(descriptor: int, identity: dict[str, object], settings: Settings) -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {
        **_MALLOC,
        **os.environ,
        "PYTHONPATH": path,
        CHANNEL_VARIABLE: str(descriptor),
        IDENTITY_VARIABLE: json.dumps(identity),
        DIRECTORY_VARIABLE: str(metrics_directory(settings)),
    }


def metrics_directory(settings: Settings) -> Path:
    return Path(settings.server.runtime_directory) / "metrics"


class BackOff:
    """When the next worker may be started in place of a dead one: at once, then later and later."""

    FIRST, MOST, STEADY = 0.5, 30.0, 30.0

    def __init__(self) -> None:
        self._delay = 0.0

    def delay(self, lived_seconds: float) -> float:
        """Seconds to wait. One that has lived long enough starts from nothing."""
        if lived_seconds >= self.STEADY:
            self._delay = 0.0
        delay = self._delay
        self._delay = min(self.MOST, max(self.FIRST, self._delay * 2))
        return delay
