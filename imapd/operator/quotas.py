# SPDX-License-Identifier: MIT
"""imapd quota: what may be held, and what is."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import click

from imapd.operator.options import (
    ADDRESS,
    DOMAIN,
    Amount,
    json_option,
    limit,
    messages_option,
    storage_option,
    with_database,
)
from imapd.operator.tables import octets, show
from imapd.storage import quota_roots
from imapd.storage.pool import Database
from imapd.storage.quota_roots import Row, Target
from imapd.storage.quotas import Limits, percent_used

BAR = 10


class Holder(click.ParamType):
    """An address, or a domain."""

    name = "address|domain"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return (ADDRESS if "@" in value else DOMAIN).convert(value, param, ctx) if isinstance(value, str) else value


class Line(NamedTuple):
    """A row of the table that people read."""

    quota: str
    usage: str
    storage: str
    messages: str
    folders: str


user_option = click.option("--user", is_flag=True, help="All mailboxes of the address's user together.")
folders_option = click.option("--folders", type=Amount("number", octets=False), help="Most folders, or unlimited.")


@click.group()
def quota() -> None:
    """What mailboxes, users and domains may hold, and what they do."""


@quota.command("list")
@click.option("--domain", type=DOMAIN, help="Only this domain and its mailboxes.")
@json_option
@with_database
def list_quotas(database: Any, domain: str | None, as_json: bool) -> None:
    """All quotas: domains, users, mailboxes."""
    printed(quota_roots.of_domain(database, domain) if domain else quota_roots.everything(database), as_json)


@quota.command("show")
@click.argument("holder", type=Holder())
@user_option
@json_option
@with_database
def show_quota(database: Any, holder: Target, user: bool, as_json: bool) -> None:
    """The quotas that bind a mailbox; with --user those of its user; or those of a domain."""
    printed(rows_of(database, holder, user), as_json)


def rows_of(database: Database, holder: Target, user: bool) -> list[Row]:
    if isinstance(holder, str):
        return quota_roots.of_domain(database, holder)
    return quota_roots.of_user(database, holder) if user else quota_roots.of_mailbox(database, holder)


@quota.command("set")
@click.argument("holder", type=Holder())
@user_option
@storage_option
@messages_option
@folders_option
@json_option
@with_database
def set_quota(
    database: Any, holder: Target, user: bool, storage: Any, messages: Any, folders: Any, as_json: bool
) -> None:
    """Limit a mailbox; with --user all mailboxes of its user together; or a whole domain. What is not given stays.

    Shows what `quota show` does then. It counts at once on all nodes.
    """
    given = {"storage": storage, "messages": messages, "folders": folders}
    keep = [name for name, value in given.items() if value is None]
    if len(keep) == len(given):
        raise click.UsageError("Give --storage, --messages or --folders.")
    limits = Limits(limit(storage), limit(messages), limit(folders))
    quota_roots.set_limits(database, holder, limits, user=user, keep=keep)
    printed(rows_of(database, holder, user), as_json)


@quota.command("recount")
@click.argument("holder", type=Holder(), required=False)
@json_option
@with_database
def recount_quota(database: Any, holder: Target | None, as_json: bool) -> None:
    """Count what is there anew, of a mailbox, a domain or everything, and set the counters to it. Safe at any time."""
    show(quota_roots.mend(database, holder), as_json)


def printed(rows: Sequence[Row], as_json: bool) -> None:
    show(rows if as_json else [line(row) for row in rows], as_json)


def line(row: Row) -> Line:
    return Line(
        row.name if row.kind == "mailbox" else f"{row.kind} {row.name}",
        bar(row),
        f"{octets(row.storage_used)} of {said(row.storage_limit, octets)}",
        f"{row.messages_used} of {said(row.message_limit)}",
        " of ".join(str(number) for number in (row.folders_used, row.folder_limit) if number is not None),
    )


def said(most: int | None, render: Callable[[int], str] = str) -> str:
    return "unlimited" if most is None else render(most)


def bar(row: Row) -> str:
    """How much is used, of whatever is nearest to its limit."""
    percent = percent_used(row)
    if percent is None:
        return ""
    full = min(BAR, percent * BAR // 100)
    return f"{'█' * full}{'░' * (BAR - full)} {percent:3} %"
