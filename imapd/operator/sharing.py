# SPDX-License-Identifier: MIT
"""imapd share, imapd quota."""

from typing import Any

import click

from imapd.mail.rights import LEVELS
from imapd.operator.options import (
    ADDRESS,
    DOMAIN,
    json_option,
    limit,
    messages_option,
    storage_option,
    with_database,
)
from imapd.operator.tables import show
from imapd.storage import directory, grants
from imapd.storage.addresses import Address
from imapd.storage.grants import Limits

ANYONE = "anyone"

folder_option = click.option("--folder", help="Only this folder: INBOX, Work/2024 … Left out: the whole mailbox.")


class Grantee(click.ParamType):
    """An address, or the word `anyone`: everybody in the organisation."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if value == ANYONE else ADDRESS.convert(value, param, ctx)


@click.group()
def share() -> None:
    """Who may see and change mailboxes of others."""


@share.command("grant")
@click.argument("mailbox", type=ADDRESS)
@click.argument("grantee", type=Grantee())
@click.argument("right", type=click.Choice(list(LEVELS)))
@folder_option
@with_database
def grant(database: Any, mailbox: Address, grantee: Address | str, right: str, folder: str | None) -> None:
    """Give GRANTEE (an address, or anyone) a RIGHT in MAILBOX."""
    grants.grant(database, mailbox, folder, whom(grantee), LEVELS[right])


@share.command("revoke")
@click.argument("mailbox", type=ADDRESS)
@click.argument("grantee", type=Grantee())
@folder_option
@with_database
def revoke(database: Any, mailbox: Address, grantee: Address | str, folder: str | None) -> None:
    """Take back all that GRANTEE was given in MAILBOX or one folder of it."""
    grants.revoke(database, mailbox, folder, whom(grantee))


def whom(grantee: Address | str) -> Address | None:
    """As storage/grants.py wants it: None for everybody. An argument of click 8.1 cannot be None."""
    return grantee if isinstance(grantee, Address) else None


@share.command("list")
@click.argument("mailbox", type=ADDRESS, required=False)
@json_option
@with_database
def list_shares(database: Any, mailbox: Address | None, as_json: bool) -> None:
    """Who has rights, in MAILBOX or everywhere."""
    names = {letters: name for name, letters in LEVELS.items()}
    rows = [row._replace(rights=names.get(row.rights, row.rights)) for row in directory.shares(database, mailbox)]
    show(rows, as_json)


@click.group()
def quota() -> None:
    """What mailboxes may hold, and what they do."""


@quota.command("list")
@click.option("--domain", type=DOMAIN, help="Only those of this domain.")
@json_option
@with_database
def list_quotas(database: Any, domain: str | None, as_json: bool) -> None:
    """All mailboxes."""
    show(directory.quotas(database, domain), as_json)


@quota.command("show")
@click.argument("mailbox", type=ADDRESS)
@json_option
@with_database
def show_quota(database: Any, mailbox: Address, as_json: bool) -> None:
    """One mailbox."""
    show(directory.quotas(database, of=mailbox), as_json)


@quota.command("set")
@click.argument("mailbox", type=ADDRESS)
@storage_option
@messages_option
@with_database
def set_quota(database: Any, mailbox: Address, storage: Any, messages: Any) -> None:
    """Limit a mailbox. What is not given stays."""
    if storage is None and messages is None:
        raise click.UsageError("Give --storage, --messages, or both.")
    limits = Limits(limit(storage), limit(messages))
    grants.set_quota(database, mailbox, limits, keep_storage=storage is None, keep_messages=messages is None)
