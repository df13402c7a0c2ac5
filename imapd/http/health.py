# SPDX-License-Identifier: MIT
"""Whether what the server stands on answers. Without Redis everything works, only slower: that is no failure."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from imapd.errors import Unavailable

PATIENCE_SECONDS = 3.0


@dataclass(frozen=True)
class Check:
    """One thing to look at. ask raises if it is not well; str() of that is shown."""

    name: str
    ask: Callable[[], object]
    needed: bool = True


class Health:
    def __init__(self, checks: tuple[Check, ...], patience_seconds: float = PATIENCE_SECONDS):
        self._checks = checks
        self._patience_seconds = patience_seconds
        self._running: dict[str, Future[str]] = {}
        self._lock = threading.Lock()

    def report(self) -> dict[str, Any]:
        """{"status": "ok" | "degraded" | "failed", "checks": {name: "ok" or what is wrong}}"""
        until = time.monotonic() + self._patience_seconds
        asked = [(check, self._asked(check)) for check in self._checks]
        found = {check.name: _outcome(answer, until) for check, answer in asked}
        wrong = [check for check in self._checks if found[check.name] != "ok"]
        status = "failed" if any(check.needed for check in wrong) else "degraded" if wrong else "ok"
        return {"status": status, "checks": found}

    def _asked(self, check: Check) -> Future[str]:
        """One thread for each check at most: one that hangs is waited for by all who ask meanwhile."""
        with self._lock:
            running = self._running.get(check.name)
            if running is None or running.done():
                running = self._running[check.name] = Future()
                threading.Thread(target=_ask, args=(check, running), daemon=True).start()
            return running


def _ask(check: Check, answer: Future[str]) -> None:
    try:
        check.ask()
    except Unavailable as error:
        answer.set_result(f"cannot be reached: {error.__cause__}" if error.__cause__ else "cannot be reached")
    except Exception as error:
        answer.set_result(f"{type(error).__name__}: {error}"[:300])
    else:
        answer.set_result("ok")


def _outcome(answer: Future[str], until: float) -> str:
    try:
        return " ".join(answer.result(timeout=max(0.0, until - time.monotonic())).split())
    except TimeoutError:
        return "does not answer"


def writable(directory: str) -> None:
    """Raises OSError unless the directory is there and takes a file."""
    path = os.path.join(directory, f".health-{os.getpid()}")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, b"x")  # a full disk makes files, but fills none
    finally:
        os.close(descriptor)
        os.unlink(path)
