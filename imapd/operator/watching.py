# SPDX-License-Identifier: MIT
"""imapd session, audit, gc: what goes on, what went on, and taking away what is left of it."""

import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

import click
from rich.progress import TextColumn, TimeElapsedColumn

from imapd import audit
from imapd.errors import NotFound
from imapd.operator.options import ADDRESS, json_option, with_database, with_store
from imapd.operator.tables import progress, show, show_one
from imapd.settings import Settings
from imapd.storage import audit_log, directory, garbage
from imapd.storage.addresses import Address, locked_user
from imapd.storage.addresses import address as address_of
from imapd.storage.blobs import BlobStore
from imapd.storage.pool import Database


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
@click.argument("address", type=ADDRESS, required=False)
@json_option
@with_store
def list_sessions(database: Database, settings: Settings, address: Address | None, as_json: bool) -> None:
    """Who is logged in: all, or the user of ADDRESS, by whatever address."""
    show([live(one) for one in found(database, settings, address)], as_json)


@session.command("show")
@click.argument("session_id", metavar="ID")
@json_option
@with_store
def show_session(database: Database, settings: Settings, session_id: str, as_json: bool) -> None:
    """One session."""
    show_one(live(chosen(database, settings, session_id)[0]), as_json)


@session.command()
@click.argument("session_id", metavar="ID|ADDRESS")
@json_option
@with_store
def kick(database: Database, settings: Settings, session_id: str, as_json: bool) -> None:
    """End a session, or all of a user: the client hears `* BYE`. It may log in again.

    Who shall not log in again: imapd user set ADDRESS --disable
    """
    from imapd.cluster import control

    ended = chosen(database, settings, session_id)
    for one in ended:
        audit.write(
            database, "session kicked", organization_id=one["organization_id"], user_id=one["user_id"],
            address=one["address"], remote_ip=one["ip"], session=one["id"],
        )  # fmt: skip
        control.send(settings.redis.url, "kick", one["id"])
    if as_json:
        show([live(one) for one in ended], as_json)


def found(database: Database, settings: Settings, of: Address | None) -> list[dict[str, Any]]:
    """The live sessions, of one user or of all. Raises errors.NotFound where there is no such user."""
    from imapd.cluster import sessions

    with database.transaction() as tx:
        who = locked_user(tx, of) if of else None
    rows = sessions.listed(settings.redis.url)
    return [one for one in rows if who in (None, (one["organization_id"], one["user_id"]))]


def chosen(database: Database, settings: Settings, named: str) -> list[dict[str, Any]]:
    """The session of an id, or those of the user of an address. Raises errors.NotFound where there is none."""
    if "@" in named:
        rows = found(database, settings, address_of(named))
    else:
        rows = [one for one in found(database, settings, None) if one["id"] == named]
    if not rows:
        what = f"{named} has no session" if "@" in named else f"There is no session {named}"
        raise NotFound(f"{what}; see: imapd session list")
    return rows


def live(one: dict[str, Any]) -> Live:
    return Live(one["id"], one["address"], one["ip"], moment(one["since"]), one["worker"])


@click.group("audit")
def audit_() -> None:
    """What was done, by whom, from where."""


@audit_.command("list")
@click.argument("org", required=False)
@click.option(
    "--event", type=click.Choice(sorted(audit.EVENTS)), metavar="EVENT", help="Only these: login, `password changed` …"
)
@click.option("--address", type=ADDRESS, help="Only what was done by, or to, this address.")
@click.option("--count", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many, at most.")
@json_option
@with_database
def list_events(
    database: Database, org: str | None, event: str | None, address: Address | None, count: int, as_json: bool
) -> None:
    """The latest events, newest first: of organisation ORG, or of all, with what belongs to none."""
    organization_id = None if org is None else directory.organization_id(database, org)
    rows = audit_log.latest(database, organization_id, count, event, str(address) if address else None)
    show([happened(row, as_json) for row in rows], as_json)


def happened(row: Any, as_json: bool) -> Event:
    at, name, outcome, _, address, ip, detail = row
    told = detail if as_json else ", ".join(f"{key} {value}" for key, value in detail.items() if value != "")
    return Event(moment(at.timestamp()), name, outcome, address or "", ip or "", told)


@click.command()
@click.option("--grace", type=click.IntRange(0), help="Seconds unused before anything goes.  [default: as configured]")
@json_option
@with_store
def gc(database: Database, settings: Settings, grace: int | None, as_json: bool) -> None:
    """Remove bodies that no message has any more. The server does it by itself every hour."""
    seconds = settings.blobs.grace_seconds if grace is None else grace
    gone = garbage.Collected()
    columns = (TextColumn("{task.description}"), TimeElapsedColumn())
    with progress(*columns, quiet=as_json) as shown:
        task = shown.add_task("Looking …", total=None)
        for gone in garbage.collect(database, BlobStore(settings.blobs.path), seconds):
            shown.update(task, description=f"{gone.contents} rows and {gone.blobs} bodies removed")
    show([Gone(gone.contents, gone.blobs, gone.octets, gone.uploads)], as_json)


class Gone(NamedTuple):
    """What gc removed."""

    contents: int
    blobs: int
    octets: int
    unfinished_uploads: int


def moment(seconds: float) -> str:
    """A time in UTC, as people and machines read it (ISO 8601)."""
    return datetime.fromtimestamp(seconds or time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
