# SPDX-License-Identifier: MIT
"""imapd session, audit, gc: what goes on, what went on, and taking away what is left of it."""

import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

import click
from rich.progress import TextColumn, TimeElapsedColumn

from imapd import settings
from imapd.errors import NotFound
from imapd.operator.options import config_option, json_option, with_database
from imapd.operator.tables import progress, show
from imapd.storage import audit_log, garbage
from imapd.storage.blobs import BlobStore
from imapd.storage.pool import Database
from imapd.storage.schema import require_current


class Live(NamedTuple):
    """A session that has logged in."""

    id: str
    address: str
    ip: str
    since: str
    worker: str


class Event(NamedTuple):
    """A row of the audit log."""

    at: str
    event: str
    outcome: str
    address: str
    remote_ip: str
    detail: Any


@click.group()
def session() -> None:
    """The sessions that are logged in, on all nodes."""


@session.command("list")
@click.argument("address", required=False)
@config_option
@json_option
def list_sessions(config: str, address: str | None, as_json: bool) -> None:
    """Who is logged in: all, or those of ADDRESS."""
    from imapd.cluster import sessions

    rows = [
        Live(one["id"], one["address"], one["ip"], moment(one["since"]), one["worker"])
        for one in sessions.listed(settings.load(config).redis.url)
        if address in (None, one["address"])
    ]
    show(rows, as_json)


@session.command()
@click.argument("session_id", metavar="ID")
@config_option
def kick(config: str, session_id: str) -> None:
    """End a session: its client hears `* BYE`. It may log in again."""
    from imapd.cluster import control, sessions

    url = settings.load(config).redis.url
    if not any(one["id"] == session_id for one in sessions.listed(url)):
        raise NotFound(f"There is no session {session_id}; see: imapd session list")
    control.send(url, "kick", session_id)


@click.group()
def audit() -> None:
    """What was done, by whom, from where."""


@audit.command("list")
@click.argument("org")
@click.option("--event", help="Only these: login, `password changed` …")
@click.option("--count", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many, at most.")
@json_option
@with_database
def list_events(database: Database, org: str, event: str | None, count: int, as_json: bool) -> None:
    """The latest events of organisation ORG, newest first."""
    found = database.row("SELECT organization_id FROM organizations WHERE name = %s", (org,))
    if found is None:
        raise NotFound(f"There is no organisation {org!r}; see: imapd org list")
    rows = [
        Event(moment(at.timestamp()), name, outcome, address or "", ip or "", detail)
        for at, name, outcome, _, address, ip, detail in audit_log.latest(database, found[0], count, event)
    ]
    show(rows, as_json)


@click.command()
@click.option("--grace", type=click.IntRange(0), help="Seconds unused before anything goes.  [default: as configured]")
@config_option
@json_option
def gc(config: str, grace: int | None, as_json: bool) -> None:
    """Remove bodies that no message has any more. The server does it by itself every hour."""
    loaded = settings.load(config)
    require_current(loaded.database.dsn)
    database = Database(loaded.database.dsn, 1, statement_timeout_seconds=3600, application_name="imapd operator")
    seconds = loaded.blobs.grace_seconds if grace is None else grace
    gone = garbage.Collected()
    columns = (TextColumn("{task.description}"), TimeElapsedColumn())
    with progress(*columns, quiet=as_json) as shown:
        task = shown.add_task("Looking …", total=None)
        for gone in garbage.collect(database, BlobStore(loaded.blobs.path), seconds):
            shown.update(task, description=f"{gone.contents} rows and {gone.blobs} bodies removed")
    database.close()
    show([Gone(gone.contents, gone.blobs, gone.octets, gone.uploads)], as_json)


class Gone(NamedTuple):
    """What gc removed."""

    contents: int
    blobs: int
    octets: int
    unfinished_uploads: int


def moment(seconds: float) -> str:
    """A time as people and machines read it."""
    return datetime.fromtimestamp(seconds or time.time(), UTC).strftime("%Y-%m-%d %H:%M:%S")
