# SPDX-License-Identifier: MIT
"""A database of the right schema, and the operator's command run against it."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from imapd.operator.command import main
from imapd.storage.pool import Database
from imapd.storage.schema import migrate
from workers.embedded import Embedded


@dataclass(frozen=True)
class Outcome:
    """What a command came to."""

    code: int
    out: str
    err: str


Imapd = Callable[..., Outcome]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with Embedded(tmp_path_factory.mktemp("operator")) as services:
        yield services


@pytest.fixture(scope="module")
def database(postgres: Embedded, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A fresh one for each file of tests, migrated."""
    name = request.module.__name__.rpartition(".")[2]
    admin = Database(postgres.dsn, 1)
    admin.execute(f"CREATE DATABASE {name}")
    admin.close()
    dsn = f"{postgres.dsn} dbname={name}"
    migrate(dsn)
    made = Database(dsn, 2)
    made.dsn = dsn  # type: ignore[attr-defined]
    yield made
    made.close()


@pytest.fixture(scope="module")
def config(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("config") / "imapd.yaml"
    values = {"database": {"dsn": database.dsn}, "tls": {"certificate": None, "key": None}, "server": {"tls_port": None}}  # type: ignore[attr-defined]
    file.write_text(yaml.safe_dump(values))
    return file


@pytest.fixture
def imapd(config: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Imapd:
    """imapd("org", "add", "Example") runs the command as from a shell; typed= is its standard input."""

    def run(*arguments: str, typed: str | bytes = "") -> Outcome:
        octets = typed.encode() if isinstance(typed, str) else typed
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(octets), "utf-8"))
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--config", str(config)])
        out, err = capfd.readouterr()
        return Outcome(int(ended.value.code or 0), out, err)

    return run
