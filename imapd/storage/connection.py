# SPDX-License-Identifier: MIT
"""One connection to PostgreSQL, and a statement on it that somebody else may call off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg2
import psycopg2.extensions

from imapd import errors
from imapd.storage.prepared import Prepared

if TYPE_CHECKING:
    from imapd.storage.pool import Database


class Connection(psycopg2.extensions.connection):
    """Knows what it has planned, and whether it may be used again."""

    asked: Prepared | None = None
    """What it is answering; storage/waiting_greenlets.py wants to know."""

    meanwhile: Callable[[], object] | None = None
    """What the process can do while it is answered; as above."""

    address = ""
    """The DSN that it was opened with."""

    generation = 0
    """How many servers had been left before it was opened."""

    number = 0
    """How many its pool had opened before."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.prepared: set[str] = set()
        self.is_spent = False

    def is_there(self) -> bool:
        """Whether the server has not said goodbye while nobody used it. Asks nobody, and closes what has ended."""
        try:
            self.poll()  # reads a goodbye
            self.poll()  # finds that there is nobody any more
        except psycopg2.Error:
            self.close()
            return False
        return True

    def is_idle(self) -> bool:
        """Whether it is in no transaction, and has answered. Asks nobody, either."""
        return bool(self.get_transaction_status() == psycopg2.extensions.TRANSACTION_STATUS_IDLE)

    def has_failed(self) -> bool:
        """Whether its transaction has, and can only be undone."""
        return bool(self.get_transaction_status() == psycopg2.extensions.TRANSACTION_STATUS_INERROR)


class Running:
    """A statement that somebody else may call off, before it begins or while it runs."""

    __slots__ = ("_connection", "is_called_off")

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self.is_called_off = False

    def call_off(self, database: Database) -> None:
        """Nobody wants its answer any more: it ends with errors.InUse."""
        self.is_called_off = True
        if (connection := self._connection) is not None:
            database.cancel(connection)

    @contextmanager
    def on(self, connection: Connection) -> Iterator[None]:
        """It runs on this connection."""
        if self.is_called_off:
            raise errors.InUse
        self._connection = connection
        try:
            yield
        finally:
            self._connection = None
            # The word may arrive only now, and would end what somebody else has begun on it.
            connection.is_spent = self.is_called_off
