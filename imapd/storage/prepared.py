# SPDX-License-Identifier: MIT
"""Statements that are planned once a connection: how their parameters are written, and which are answered at once."""

import itertools
import re
from collections.abc import Sequence
from typing import Any


class Quickness:
    """Whether a statement is answered nearly at once, as far as can be told from the last times."""

    __slots__ = ("_credit",)

    MISSES = 4
    """So often in a row it was not, and then that is not tried any more."""

    UNTRIED = 16
    """So many statements later it is tried again: the plan, the load or the server may be another one."""

    def __init__(self) -> None:
        self._credit = self.MISSES

    def worth_trying(self) -> bool:
        """Asked before each statement; hit() or missed() then says how it went, where it was tried."""
        if self._credit > 0:
            return True
        self._credit -= 1
        if self._credit <= -self.UNTRIED:
            self._credit = 1
        return False

    def hit(self) -> None:
        self._credit = self.MISSES

    def missed(self) -> None:
        self._credit -= 1


class Prepared:
    """A statement that a connection plans once. Planning costs more than running for all that is asked often.

    Written like any other, with %s or %(name)s; each parameter must stand where PostgreSQL can tell its type.
    """

    _PLACE = re.compile(r"%(?:s|%|\((\w+)\)s)")
    _numbers = itertools.count(1)

    def __init__(self, sql: str):
        self._names: list[str] = []  # of %(name)s, in order of $1, $2 …
        self._count = 0
        self.name = f"p{next(self._numbers)}"
        self.prepare = f"PREPARE {self.name} AS {self._PLACE.sub(self._numbered, sql)}"
        self.quickness = Quickness()
        places = ", ".join(["%s"] * self._count)
        self.execute = f"EXECUTE {self.name} ({places})" if places else f"EXECUTE {self.name}"

    def _numbered(self, place: re.Match[str]) -> str:
        if place[0] == "%%":
            return "%"
        if place[1] is None:
            self._count += 1
            return f"${self._count}"
        if place[1] not in self._names:
            self._names.append(place[1])
            self._count += 1
        return f"${self._names.index(place[1]) + 1}"

    def values(self, params: Any) -> Sequence[Any]:
        return [params[name] for name in self._names] if self._names else params
