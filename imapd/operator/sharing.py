# SPDX-License-Identifier: MIT
"""imapd share."""

from typing import Any

import click

from imapd.mail.rights import ALL, LEVELS, union
from imapd.operator.options import (
    ADDRESS,
    GROUP,
    changing_access,
    json_option,
    with_database,
)
from imapd.operator.tables import show
from imapd.storage import directory, grants
from imapd.storage.addresses import Address
from imapd.storage.grants import Group

ANYONE = "anyone"

folder_option = click.option("--folder", help="Only this folder: INBOX, Work/2024 … Left out: the whole mailbox.")


class Grantee(click.ParamType):
    """An address, group:NAME, or the word `anyone`: everybody in the organisation."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == ANYONE:
            return value
        if isinstance(value, str) and value.startswith("group:"):
            return Group(GROUP.convert(value.removeprefix("group:"), param, ctx))
        return ADDRESS.convert(value, param, ctx)


class Rights(click.ParamType):
    """One of the words of LEVELS, or letters of RFC 4314."""

    name = "right"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in LEVELS:
            return LEVELS[value]
        if not value or set(value) - set(ALL):
            self.fail(f"{value!r} is none of {', '.join(LEVELS)} and no letters of {ALL}.", param, ctx)
        return union(value)


@click.group()
def share() -> None:
    """Who may see and change mailboxes of others."""


@share.command("grant")
@click.argument("mailbox", type=ADDRESS)
@click.argument("grantee", type=Grantee())
@click.argument("right", type=Rights())
@folder_option
@json_option
@changing_access
def grant(database: Any, mailbox: Address, grantee: Any, right: str, folder: str | None, as_json: bool) -> None:
    """Give GRANTEE a RIGHT in MAILBOX.

    GRANTEE is an address, group:NAME or anyone. RIGHT is read, write, delete or admin, each with the one before it, or
    letters of RFC 4314 (lrswipkxtea).
    """
    grants.grant(database, mailbox, folder, whom(grantee), right)
    if as_json:
        show(shares(database, mailbox), as_json)


@share.command("revoke")
@click.argument("mailbox", type=ADDRESS)
@click.argument("grantee", type=Grantee())
@folder_option
@json_option
@changing_access
def revoke(database: Any, mailbox: Address, grantee: Any, folder: str | None, as_json: bool) -> None:
    """Take back all that GRANTEE was given in MAILBOX, or in one folder of it."""
    grants.revoke(database, mailbox, folder, whom(grantee))
    if as_json:
        show(shares(database, mailbox), as_json)


def whom(grantee: Address | Group | str) -> Address | Group | None:
    """As storage/grants.py wants it: None for everybody. An argument of click 8.1 cannot be None."""
    return None if isinstance(grantee, str) else grantee


@share.command("list")
@click.argument("mailbox", type=ADDRESS, required=False)
@json_option
@with_database
def list_shares(database: Any, mailbox: Address | None, as_json: bool) -> None:
    """Who has rights, in MAILBOX or everywhere."""
    if mailbox is not None:
        directory.mailboxes(database, of=mailbox)
    show(shares(database, mailbox), as_json)


def shares(database: Any, mailbox: Address | None) -> list[directory.Share]:
    """With the words of LEVELS, where rights are just those of one."""
    names = {letters: name for name, letters in LEVELS.items()}
    return [row._replace(rights=names.get(row.rights, row.rights)) for row in directory.shares(database, mailbox)]
