# SPDX-License-Identifier: MIT
"""How much of one kind of work a user may have done at once; the rest waits, so that others find room, too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class _Gate:
    room: threading.Semaphore
    users: int = 0  # in it, or waiting for it


class Turns:
    """`at_once` for each; whoever comes later has their turn when one of the earlier ones is done."""

    def __init__(self, at_once: int):
        self._at_once = at_once
        self._gates: dict[int, _Gate] = {}

    @contextmanager
    def turn(self, user_id: int) -> Iterator[None]:
        gate = self._gates.setdefault(user_id, _Gate(threading.Semaphore(self._at_once)))
        gate.users += 1
        try:
            with gate.room:
                yield
        finally:
            gate.users -= 1
            if not gate.users:
                del self._gates[user_id]
