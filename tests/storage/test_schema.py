# SPDX-License-Identifier: MIT
"""Migrations: function bodies, two migrators at once, interrupted ones, and schemas that are not this code's."""

import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from imapd.errors import Unavailable
from imapd.storage.schema import MIGRATIONS, SchemaError, migrate, require_current
from workers.embedded import Embedded

FUNCTION = """-- A body full of semicolons; with a -- comment; and 100 % of the trouble.
CREATE FUNCTION twice(n bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    result bigint;  -- it's; fine
BEGIN
    IF n > 0 THEN
        result := n * 2; PERFORM 'a;b';
    ELSE
        result := n % 3;
    END IF;
    RETURN result;
END;
$$;
CREATE FUNCTION one() RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT 1; END;
"""


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with Embedded(tmp_path_factory.mktemp("schema")) as services:
        yield services


@pytest.fixture
def dsn(postgres: Embedded, request: pytest.FixtureRequest) -> str:
    """An empty database."""
    name = f"test_{abs(hash(request.node.name))}"
    statement(postgres.dsn, f"CREATE DATABASE {name}")
    return f"{postgres.dsn} dbname={name}"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    table = "CREATE TABLE things (name text NOT NULL);\nINSERT INTO things VALUES ('%s');"
    (tmp_path / "0001_table.sql").write_text(table)
    (tmp_path / "0002_functions.sql").write_text(FUNCTION)
    return tmp_path


def statement(dsn: str, sql: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def test_the_migrations_of_this_code(dsn: str) -> None:
    names = [file.stem for file in sorted(MIGRATIONS.glob("*.sql"))]
    with pytest.raises(SchemaError, match=r"is empty\. Run: imapd migrate"):
        require_current(dsn)
    assert migrate(dsn) == names
    require_current(dsn)
    assert migrate(dsn) == []


def test_file_names_are_numbered_without_gaps() -> None:
    numbers = [int(file.name[:4]) for file in sorted(MIGRATIONS.glob("*.sql"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_function_bodies_and_percent_signs(dsn: str, directory: Path) -> None:
    assert migrate(dsn, directory) == ["0001_table", "0002_functions"]
    assert statement(dsn, "SELECT twice(4), twice(-1), one(), name FROM things") == [(8, -1, 1, "%s")]


def test_older_schema_is_refused(dsn: str, directory: Path) -> None:
    migrate(dsn, directory)
    (directory / "0003_more.sql").write_text("SELECT 1;")
    with pytest.raises(SchemaError, match=r"older than this imapd \(0003_more is missing\)\. Run: imapd migrate"):
        require_current(dsn, directory)
    assert migrate(dsn, directory) == ["0003_more"]
    require_current(dsn, directory)


def test_a_role_without_rights_is_told_what_to_run(dsn: str) -> None:
    """As after createdb and createuser: since PostgreSQL 15 only the owner makes tables in a database."""
    try:
        statement(dsn, "CREATE ROLE weak LOGIN")
        statement(dsn, "REVOKE CREATE ON SCHEMA public FROM public")
        with pytest.raises(SchemaError, match=r"The role weak may not make tables .*GRANT CREATE ON SCHEMA public TO weak"):
            migrate(f"{dsn} user=weak")
        migrate(dsn)
        for refused in (migrate, require_current):
            with pytest.raises(SchemaError, match=r"The database refuses: permission denied for table _?yoyo_"):
                refused(f"{dsn} user=weak")
    finally:
        statement(dsn, "DROP ROLE IF EXISTS weak")


def test_a_database_that_takes_no_writes_says_so(dsn: str) -> None:
    with pytest.raises(SchemaError, match="takes no writes here"):
        migrate(f"{dsn} options='-c default_transaction_read_only=on'")


def test_newer_schema_is_refused(dsn: str, directory: Path) -> None:
    migrate(dsn, directory)
    (directory / "0002_functions.sql").unlink()
    for refused in (require_current, migrate):
        with pytest.raises(SchemaError, match="newer than this imapd"):
            refused(dsn, directory)


def test_a_failing_migration_leaves_nothing_behind(dsn: str, directory: Path) -> None:
    broken = directory / "0003_broken.sql"
    broken.write_text("CREATE TABLE half (n integer);\nSELECT 1/0;")
    with pytest.raises(SchemaError, match=r"0003_broken\.sql cannot be applied.*division by zero"):
        migrate(dsn, directory)
    assert statement(dsn, "SELECT to_regclass('half')") == [(None,)]
    broken.write_text("CREATE TABLE half (n integer);")
    assert migrate(dsn, directory) == ["0003_broken"]


def test_two_migrators_at_once(dsn: str, directory: Path) -> None:
    (directory / "0003_slow.sql").write_text("CREATE TABLE slow (n integer); SELECT pg_sleep(0.3);")
    done: list[list[str]] = []
    both = [threading.Thread(target=lambda: done.append(migrate(dsn, directory))) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(done) == [[], ["0001_table", "0002_functions", "0003_slow"]]


def test_a_killed_migrator_leaves_no_lock(dsn: str, directory: Path) -> None:
    migrate(dsn, directory)
    statement(dsn, "INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 1)")
    (directory / "0003_more.sql").write_text("SELECT 1;")
    assert migrate(dsn, directory) == ["0003_more"]


def test_no_database_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"^The database cannot be reached: [^\n]+$"):
        require_current(f"host={tmp_path} dbname=x")
