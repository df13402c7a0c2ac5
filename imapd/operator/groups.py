# SPDX-License-Identifier: MIT
"""imapd group: people who are given rights together."""

from typing import Any

import click

from imapd.operator.options import (
    ADDRESS,
    GROUP,
    changing_access,
    json_option,
    organization_option,
    with_database,
    yes_option,
)
from imapd.operator.tables import show, show_one
from imapd.storage import directory, groups
from imapd.storage.addresses import Address

members_argument = click.argument("members", type=ADDRESS, nargs=-1, required=True)


@click.group()
def group() -> None:
    """Groups of users, whom mailboxes can be shared with: share grant MAILBOX group:NAME …"""


@group.command("add")
@click.argument("name", type=GROUP)
@click.option("--org", "organization", required=True, help="The organisation that it belongs to.")
@json_option
@with_database
def add_group(database: Any, name: str, organization: str, as_json: bool) -> None:
    """Make a group without members."""
    groups.add_group(database, organization, name)
    told(database, name, organization, as_json)


@group.command("list")
@click.option("--org", "organization", help="Only of this organisation.")
@json_option
@with_database
def list_groups(database: Any, organization: str | None, as_json: bool) -> None:
    """All groups with their members."""
    if organization is not None:
        directory.organizations(database, organization)
    show(directory.groups(database, organization), as_json)


@group.command("show")
@click.argument("name", type=GROUP)
@organization_option
@json_option
@with_database
def show_group(database: Any, name: str, organization: str | None, as_json: bool) -> None:
    """One group."""
    show_one(directory.group(database, organization, name), as_json)


@group.command("remove")
@click.argument("name", type=GROUP)
@organization_option
@yes_option
@json_option
@changing_access
def remove_group(database: Any, name: str, organization: str | None, yes: bool, as_json: bool) -> None:
    """Remove a group and all rights that it was given."""
    found = directory.group(database, organization, name)
    if not yes:
        click.confirm(f"Remove {name} with {len(found.members)} members and what is shared with it?", abort=True)
    groups.remove_group(database, organization, name)
    if as_json:
        show_one(found, as_json)


@group.group("member")
def member() -> None:
    """Who is in a group."""


@member.command("add")
@click.argument("name", type=GROUP)
@members_argument
@organization_option
@json_option
@changing_access
def add_member(database: Any, name: str, members: tuple[Address, ...], organization: str | None, as_json: bool) -> None:
    """Put users, by any of their addresses, into a group."""
    groups.add_members(database, organization, name, members)
    told(database, name, organization, as_json)


@member.command("list")
@click.argument("name", type=GROUP)
@organization_option
@json_option
@with_database
def list_members(database: Any, name: str, organization: str | None, as_json: bool) -> None:
    """The members of a group."""
    found = directory.group(database, organization, name)
    show([directory.Member(address) for address in found.members], as_json)


@member.command("remove")
@click.argument("name", type=GROUP)
@members_argument
@organization_option
@json_option
@changing_access
def remove_member(
    database: Any, name: str, members: tuple[Address, ...], organization: str | None, as_json: bool
) -> None:
    """Take users out of a group."""
    groups.remove_members(database, organization, name, members)
    told(database, name, organization, as_json)


def told(database: Any, name: str, organization: str | None, as_json: bool) -> None:
    """What has become of a group, for who wants it as JSON; people are content with silence."""
    if as_json:
        show_one(directory.group(database, organization, name), as_json)
