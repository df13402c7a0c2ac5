# SPDX-License-Identifier: MIT
"""Words for systemd (sd_notify), where it has started us; otherwise nothing happens."""

from __future__ import annotations

import os
import socket
import time


class Notifier:
    def __init__(self) -> None:
        self._address = os.environ.pop("NOTIFY_SOCKET", "")  # not for the workers
        watchdog = os.environ.pop("WATCHDOG_USEC", "")
        os.environ.pop("WATCHDOG_PID", "")
        self._every = int(watchdog) / 3e6 if watchdog.isdigit() else 0.0
        self._next = 0.0

    def say(self, *assignments: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as end:
                end.setblocking(False)
                end.sendto("\n".join(assignments).encode(), address)
        except OSError:
            pass  # a service manager that cannot be told is no reason to serve nobody

    def reloading(self) -> None:
        self.say("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def watchdog(self, now: float) -> None:
        if self._every and now >= self._next:
            self._next = now + self._every
            self.say("WATCHDOG=1")
