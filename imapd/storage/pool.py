# SPDX-License-Identifier: MIT
"""A bounded pool of PostgreSQL connections.

A statement outside a transaction is one round trip and its own transaction. Waiting for a place uses the standard
library alone: cooperative in a patched worker, whose native threads have no business here, plain in other processes.
"""

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from itertools import count
from operator import attrgetter
from typing import Any, ParamSpec, TypeVar

import psycopg2
import psycopg2.errors
from psycopg2.extensions import make_dsn, parse_dsn

from imapd import errors, log
from imapd.storage.connection import Connection, Running
from imapd.storage.hosts import Hosts
from imapd.storage.places import Places
from imapd.storage.prepared import Prepared
from imapd.storage.sqlstates import RETRIED, meaning

Row = tuple[Any, ...]
Sql = str | Prepared

BY_KEY = " -c enable_seqscan=off -c random_page_cost=1 -c join_collapse_limit=4 -c from_collapse_limit=4"
"""What sessions ask is a few rows, by their keys. A plan that was made while a table was small would read all of it
until the next ANALYZE, and the planner thinks that a look-up by key costs more than it does. To compare all orders of
eight tables takes it 50 ms, and megabytes that the server process keeps: so of more than four, those that narrow most
have to be named first."""

KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""Each side asks whether the other is there after so many seconds of silence, so many seconds apart, so many times."""

ATTEMPTS = 4
"""So often what RETRIED names is tried in all."""
FIRST_PAUSE_SECONDS = 0.01

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def tried_again(deed: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Of a function that is one transaction and nothing else: it is begun anew where a statement would be, too."""

    @wraps(deed)
    def tried(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        for attempt in range(ATTEMPTS):
            try:
                return deed(*args, **kwargs)
            except errors.InUse as error:
                if getattr(error.__cause__, "pgcode", None) not in RETRIED or attempt == ATTEMPTS - 1:
                    raise
                time.sleep(FIRST_PAUSE_SECONDS * 3**attempt)
        raise AssertionError("the loop returns or raises")

    return tried


class Database:
    """Runs statements on at most `size` connections.

    Raises errors.Unavailable where PostgreSQL cannot be reached or no connection comes free in time, and the error of
    sqlstates.py where a statement was refused. by_key: for sessions, see BY_KEY.
    """

    def __init__(
        self,
        dsn: str,
        size: int = 8,
        *,
        statement_timeout_seconds: float = 30,
        lock_timeout_seconds: float = 10,
        connect_timeout_seconds: float = 5,
        wait_seconds: float = 15,
        application_name: str = "imapd",
        quota_warn_percent: Sequence[int] = (80, 95, 100),
        by_key: bool = False,
    ):
        options = (
            f"{parse_dsn(dsn).get('options', '')} "
            f"-c statement_timeout={int(statement_timeout_seconds * 1000)} "
            f"-c lock_timeout={int(lock_timeout_seconds * 1000)} "
            f"-c imapd.quota_thresholds={{{','.join(map(str, sorted(quota_warn_percent)))}}} "
            # What a node that is gone without a word has locked is free a minute later.
            f"{' '.join(f'-c tcp_{name}={number}' for name, number in KEEPALIVES.items())} "
            "-c idle_in_transaction_session_timeout=30000 -c synchronous_commit=on -c timezone=UTC -c jit=off "
            # Planning anew costs more than running, for a statement on a few rows; the plans are the same.
            f"-c plan_cache_mode=force_generic_plan{BY_KEY if by_key else ''}"
        )
        connect = partial(
            psycopg2.connect,
            options=options,
            connect_timeout=max(2, int(connect_timeout_seconds)),
            application_name=application_name,
            connection_factory=Connection,
            **KEEPALIVES,
            tcp_user_timeout=30_000,  # a network that is gone is noticed where something is under way, too
        )
        self._hosts = Hosts(dsn, connect)
        self._generation = 0
        self._free: list[Connection] = []
        self._numbers = count()
        self._places = Places(size, wait_seconds)
        self.statements = 0  # since the start: what tests hold commands to

    def rows(self, sql: Sql, params: Sequence[Any] | dict[str, Any] = (), running: Running | None = None) -> list[Row]:
        """All rows of one statement, which is its own transaction."""
        return self._run(sql, params, fetch=True, running=running)

    def row(self, sql: Sql, params: Sequence[Any] | dict[str, Any] = ()) -> Row | None:
        """The first row of one statement, or None."""
        rows = self._run(sql, params, fetch=True)
        return rows[0] if rows else None

    def execute(self, sql: Sql, params: Sequence[Any] | dict[str, Any] = ()) -> None:
        """One statement whose rows, if any, nobody wants."""
        self._run(sql, params, fetch=False)

    @contextmanager
    def transaction(self, first: Sql = "") -> Iterator["Transaction"]:
        """A transaction over several statements; nothing may wait for a client inside. first: with which it begins, so
        that a connection is taken that has planned it."""
        with self._connection(first) as connection:
            tx = Transaction(self, connection)
            try:
                yield tx
                tx.commit()
            except (psycopg2.Error, errors.MailError):  # after all else the connection is closed
                tx.roll_back()
                raise

    @contextmanager
    def alone(self, key: int) -> Iterator[bool]:
        """Whether we are the only one, on all nodes, within this block: a lock of PostgreSQL that a crash gives up."""
        with self._connection() as connection:
            by_it = Transaction(self, connection, begin="")
            (won,) = by_it.rows("SELECT pg_try_advisory_lock(%s)", (key,))[0]
            try:
                yield won
            finally:
                if won and not connection.closed:
                    by_it.execute("SELECT pg_advisory_unlock(%s)", (key,))

    def cancel(self, running: Connection) -> None:
        """Ends the statement of another connection. On one of its own: those of the pool may all be as busy. (What
        libpq has for this would hold up every greenlet until PostgreSQL can be reached.)"""
        try:
            connection = self._hosts.connect(make_dsn(running.address, target_session_attrs="any"))
            try:
                self._statement(connection, "SELECT pg_cancel_backend(%s)", (running.info.backend_pid,), fetch=False)
            finally:
                connection.close()
        except psycopg2.Error as error:
            raise meaning(error) from error

    def close(self) -> None:
        """Closes the connections that nobody uses."""
        while connection := self._pick(""):
            connection.close()

    def _run(self, sql: Sql, params: Any, fetch: bool, running: Running | None = None) -> list[Row]:
        for attempt in range(ATTEMPTS):
            try:
                with self._connection(sql) as connection:
                    if running is None:
                        return self._statement(connection, sql, params, fetch)
                    with running.on(connection):
                        return self._statement(connection, sql, params, fetch)
            except psycopg2.Error as error:
                if error.pgcode not in RETRIED or attempt == ATTEMPTS - 1:
                    raise meaning(error) from error
                time.sleep(FIRST_PAUSE_SECONDS * 3**attempt)
        raise AssertionError("the loop returns or raises")

    def _statement(self, connection: Any, sql: Sql, params: Any, fetch: bool, begin: str = "") -> list[Row]:
        """begin: what is sent before it, in the same round trip."""
        self.statements += 1
        try:
            with connection.cursor() as cursor:
                if isinstance(sql, Prepared):
                    self._planned(connection, cursor, sql, params, begin)
                else:
                    cursor.execute(begin + sql, params or None)
                return cursor.fetchall() if fetch else []
        except psycopg2.errors.ReadOnlySqlTransaction as error:
            connection.close()
            if connection.generation == self._generation:  # else its server has been left
                self._leave(str(error).strip())
            raise

    def _planned(self, connection: Any, cursor: Any, sql: Prepared, params: Any, begin: str) -> None:
        if sql.name not in connection.prepared:
            cursor.execute(sql.prepare)
            connection.prepared.add(sql.name)
        connection.asked = sql
        try:
            cursor.execute(begin + sql.execute, sql.values(params) or None)
        except psycopg2.errors.FeatureNotSupported:  # PLAN_OUTDATED
            connection.close()
            raise
        finally:
            connection.asked = None

    def _connection(self, sql: Sql = "") -> "_Lent":
        """A connection for a while, on which this will be asked."""
        return _Lent(self, sql)

    def _take(self, sql: Sql) -> Connection | None:
        """One that has planned the statement, if possible: the first time costs some milliseconds. None where none is
        free, or what was free has been ended by a server that stopped or began anew."""
        while (connection := self._pick(sql)) is not None:
            if connection.generation != self._generation:
                connection.close()
            elif connection.is_there():
                return connection
        return None

    def _pick(self, sql: Sql) -> Connection | None:
        """The oldest free one, of those that have planned the statement if there are any."""
        while free := self._free[:]:
            knowing = [each for each in free if sql.name in each.prepared] if isinstance(sql, Prepared) else []
            oldest = min(knowing or free, key=attrgetter("number"))
            try:
                self._free.remove(oldest)
            except ValueError:  # another thread has taken it meanwhile
                continue
            return oldest
        return None

    def _leave(self, because: str) -> None:
        """The server takes no writes: the next connection may lead to another one that does, and none of those that
        lead here is used again."""
        log.warning("PostgreSQL takes no writes", because=because)
        self._generation += 1
        self._hosts.leave()
        self.close()

    def _give_back(self, connection: Connection) -> None:
        if connection.is_spent or connection.generation != self._generation:
            connection.close()
        elif connection.closed:
            # The server went away, or changed: what lies in the pool is most likely as dead as this one.
            self.close()
        elif connection.is_idle():
            self._free.append(connection)
        else:
            connection.close()

    def _open(self) -> Connection:
        generation = self._generation
        connection: Connection = self._hosts.open()
        connection.autocommit, connection.generation, connection.number = True, generation, next(self._numbers)
        return connection


class _Lent:
    """A connection, while it is used. It goes back only where the work on it ended in a known state. (No generator, of
    which the same would take three times as long: it is done for each statement.)"""

    __slots__ = ("_connection", "_database", "_sql")

    def __init__(self, database: Database, sql: Sql):
        self._database = database
        self._sql = sql

    def __enter__(self) -> Connection:
        database = self._database
        try:
            database._places.take()
        except queue.Empty:
            raise errors.Unavailable from None
        try:
            self._connection = database._take(self._sql) or database._open()
        except BaseException:
            database._places.give_back()
            raise
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None or issubclass(kind, (psycopg2.Error, errors.MailError)):
                self._database._give_back(self._connection)
            else:  # a time-out or a kill may have left an answer unread on the wire
                self._connection.close()
        finally:
            self._database._places.give_back()


class Transaction:
    """What `Database.transaction()` gives: the same three verbs, on one connection. With the first one it begins.

    begin: empty where each statement is its own transaction.
    """

    def __init__(self, database: Database, connection: Connection, begin: str = "BEGIN; "):
        self._database = database
        self._connection = connection
        self._begin = begin

    def rows(
        self,
        sql: Sql,
        params: Sequence[Any] | dict[str, Any] = (),
        *,
        fetch: bool = True,
        meanwhile: Callable[[], object] | None = None,
    ) -> list[Row]:
        """meanwhile: called, where that can be done, while PostgreSQL is at work; what it raises is lost."""
        begin = self._begin if self._connection.is_idle() else ""
        try:
            self._connection.meanwhile = meanwhile
            return self._database._statement(self._connection, sql, params, fetch, begin)
        except psycopg2.Error as error:
            raise meaning(error) from error
        finally:
            self._connection.meanwhile = None

    def row(self, sql: Sql, params: Sequence[Any] | dict[str, Any] = ()) -> Row | None:
        rows = self.rows(sql, params)
        return rows[0] if rows else None

    def execute(self, sql: Sql, params: Sequence[Any] | dict[str, Any] = ()) -> None:
        self.rows(sql, params, fetch=False)

    def commit(self) -> None:
        """Raises AssertionError where a statement has failed and nobody cared: PostgreSQL has undone it all."""
        assert not self._connection.has_failed()
        if not self._connection.is_idle():
            self.execute("COMMIT")

    def roll_back(self) -> None:
        """All that was done; what comes after it is another transaction."""
        if not self._connection.is_idle():
            try:
                self._database._statement(self._connection, "ROLLBACK", (), fetch=False)
            except psycopg2.Error:  # a server that is gone has undone it; what is raised is why
                self._connection.close()
