# SPDX-License-Identifier: MIT
"""Brings a database to the schema of this code, forward only, and refuses one that is older or newer.

yoyo keeps the record of what has been applied. A migration is sent to PostgreSQL as the whole file, not split into
statements, so that function bodies mean what they say; it and its mark are one transaction.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import parse_dsn
from yoyo.backends.core.postgresql import PostgresqlBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import Migration, default_migration_table

from imapd.errors import Unavailable

MIGRATIONS = Path(__file__).resolve().parent.parent.parent / "migrations"
MIGRATION_LOCK = 0x696D617064  # "imapd": the advisory lock that two migrators meet at


class SchemaError(Exception):
    """The schema is not this code's. str() is one line that says what to do."""


def migrate(dsn: str, directory: Path = MIGRATIONS, say: Callable[[str], None] = lambda line: None) -> list[str]:
    """Applies what is missing, in the order of the file names, and returns its names.

    Raises SchemaError where the database is newer than the code, Unavailable where it cannot be reached.
    """
    with _one_migrator_at_a_time(dsn, say), _yoyo(dsn) as backend:
        _refuse_newer(backend.connection, directory)
        missing = [file for file in _files(directory) if not backend.is_applied(_as_migration(file))]
        for file in missing:
            say(f"Applying {file.stem} …")
            _apply(backend, file)
        return [file.stem for file in missing]


def require_current(dsn: str, directory: Path = MIGRATIONS) -> None:
    """Raises SchemaError unless exactly the migrations of this code have been applied."""
    with _connected(dsn) as connection:
        _refuse_newer(connection, directory)
        applied = _applied(connection)
    missing = [file.stem for file in _files(directory) if file.stem not in applied]
    if missing:
        what = "is empty" if not applied else f"is older than this imapd ({missing[0]} is missing)"
        raise SchemaError(f"The database {what}. Run: imapd migrate")


def _refuse_newer(connection: Connection, directory: Path) -> None:
    known = {file.stem for file in _files(directory)}
    unknown = sorted(name for name in _applied(connection) if name not in known)
    if unknown:
        raise SchemaError(
            f"The database is newer than this imapd ({unknown[-1]} is unknown here). "
            "Install the version of imapd that made it; there is no way back."
        )


def _files(directory: Path) -> list[Path]:
    return sorted(directory.glob("[0-9]*.sql"))


def _applied(connection: Connection) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (default_migration_table,))
        row = cursor.fetchone()
        if not row or not row[0]:
            return set()
        cursor.execute("SELECT migration_id FROM _yoyo_migration")
        return {name for (name,) in cursor.fetchall()}


def _apply(backend: PostgresqlBackend, file: Path) -> None:
    with backend.transaction():
        try:
            backend.cursor().execute(file.read_text("utf-8"))
        except psycopg2.Error as error:
            raise SchemaError(f"{file.name} cannot be applied, nothing of it was: {str(error).strip()}") from error
        backend.mark_one(_as_migration(file), log=False)


def _as_migration(file: Path) -> Migration:
    return Migration(file.stem, str(file), str(file.parent))


@contextmanager
def _yoyo(dsn: str) -> Iterator[PostgresqlBackend]:
    parameters = parse_dsn(dsn)
    database = parameters.pop("dbname", None)
    with PostgresqlBackend(
        DatabaseURI("postgresql", None, None, None, None, database, parameters), default_migration_table
    ) as backend:
        backend.init_database()
        # Its lock is a row that outlives a killed migrator. Whoever holds the advisory lock may remove it.
        backend.break_lock()
        backend.ensure_internal_schema_updated()
        yield backend


@contextmanager
def _one_migrator_at_a_time(dsn: str, say: Callable[[str], None]) -> Iterator[None]:
    """The lock is the connection's, so it goes when this process does."""
    with _connected(dsn) as connection, connection.cursor() as cursor:
        _require_writable(cursor)
        cursor.execute("SELECT pg_try_advisory_lock(%s)", (MIGRATION_LOCK,))
        if cursor.fetchone() != (True,):
            say("Another process is migrating this database; waiting for it …")
            cursor.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        yield


def _require_writable(cursor: Cursor) -> None:
    """yoyo would go on without its tables. Once they are there, each migration says what it may not do."""
    cursor.execute(
        "SELECT quote_ident(current_user), quote_ident(current_schema()),"
        " current_setting('transaction_read_only')::bool,"
        " to_regclass(%s) IS NOT NULL OR has_schema_privilege(current_schema(), 'CREATE')",
        (default_migration_table,),
    )
    row = cursor.fetchone()
    assert row
    user, schema, is_read_only, may_create = row
    if is_read_only:
        raise SchemaError("The database takes no writes here: a standby, or a connection for reading only.")
    if not may_create:
        raise SchemaError(
            f"The role {user} may not make tables in this database. "
            f"Run in it as a superuser: GRANT CREATE ON SCHEMA {schema or 'public'} TO {user}"
        )


@contextmanager
def _connected(dsn: str) -> Iterator[Connection]:
    try:
        connection = psycopg2.connect(dsn, connect_timeout=5, application_name="imapd migrate")
    except psycopg2.OperationalError as error:
        raise Unavailable(f"The database cannot be reached: {_first_line(error)}") from error
    connection.autocommit = True
    try:
        yield connection
    except psycopg2.Error as error:
        if connection.closed:
            raise Unavailable(f"The database has gone: {_first_line(error)}") from error
        raise SchemaError(f"The database refuses: {_first_line(error)}") from error
    finally:
        connection.close()


def _first_line(error: psycopg2.Error) -> str:
    return str(error).strip().partition("\n")[0]
