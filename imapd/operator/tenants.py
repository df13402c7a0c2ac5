# SPDX-License-Identifier: MIT
"""imapd org, imapd domain."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click

from imapd.errors import MailError
from imapd.mail.namespaces import DELIMITER, LONGEST_LEVEL, SHARED, check_new
from imapd.operator.options import (
    ADDRESS,
    DOMAIN,
    NEW_ORGANIZATION,
    changing,
    disabled_option,
    json_option,
    with_database,
)
from imapd.operator.tables import show, show_one
from imapd.storage import directory, provision, quota_roots
from imapd.storage.addresses import Address, address, domain_name
from imapd.storage.standard_folders import LANGUAGES, USES

language_option = click.option(
    "--folders-language", "language", type=click.Choice(sorted(LANGUAGES)),
    help="What the standard folders of new mailboxes are called in.",
)  # fmt: skip


class FolderName(click.ParamType):
    """USE=NAME, read as the use with its backslash and the name."""

    name = "folder name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        use, _, name = value.partition("=")
        known = {each.removeprefix("\\").lower(): each for each in USES}
        if use.lower() not in known or not name or DELIMITER in name:
            self.fail(f"{value!r} is not like Sent=Outbox.", param, ctx)
        try:
            check_new(name, LONGEST_LEVEL)
        except MailError as error:
            self.fail(str(error), param, ctx)
        if is_like_prefix(name):
            self.fail(f"{name!r} is the prefix of a namespace.", param, ctx)
        return known[use.lower()], name


def is_like_prefix(name: str) -> bool:
    """Whether somebody may see a namespace there: Shared, a domain, an address. A domain without a dot looks like any
    other word."""
    with suppress(MailError):
        if "@" in name:
            return str(address(name)) == name
        if "." in name:
            return domain_name(name) == name
    return name + DELIMITER == SHARED


@click.group()
def org() -> None:
    """Organisations: what belongs together and nowhere else."""


@org.command("add")
@click.argument("name", type=NEW_ORGANIZATION)
@json_option
@with_database
def add_org(database: Any, name: str, as_json: bool) -> None:
    """Make an organisation."""
    provision.add_organization(database, name)
    if as_json:
        show_one(directory.organizations(database, name)[0], as_json)


@org.command("list")
@json_option
@with_database
def list_orgs(database: Any, as_json: bool) -> None:
    """All organisations."""
    show(directory.organizations(database), as_json, leave_out=("share_with_anyone", "share_across_domains"))


@org.command("show")
@click.argument("name")
@json_option
@with_database
def show_org(database: Any, name: str, as_json: bool) -> None:
    """One organisation with its domains."""
    found = directory.organizations(database, name)[0]
    show_one(found, as_json, domains=directory.domains(database, name))


@org.command("set")
@click.argument("name")
@click.option("--name", "new_name", type=NEW_ORGANIZATION, help="Another name.")
@click.option(
    "--share-with-anyone/--no-share-with-anyone", default=None, help="Whether mailboxes can be shared with everybody."
)
@click.option(
    "--share-across-domains/--no-share-across-domains", default=None,
    help="Whether they can be shared with people who have no mailbox in their domain.",
)  # fmt: skip
@disabled_option
@json_option
@changing("user", "rights")
def set_org(database: Any, name: str, as_json: bool, **changes: Any) -> None:
    """Rename, close or open an organisation, and say how far its people may share."""
    if all(value is None for value in changes.values()):
        raise click.UsageError("Say what to change.")
    provision.set_organization(database, name, **changes)
    if as_json:
        show_one(directory.organizations(database, changes["new_name"] or name)[0], as_json)


@org.command("remove")
@click.argument("name")
@json_option
@with_database
def remove_org(database: Any, name: str, as_json: bool) -> None:
    """Remove an organisation that has no domains and users any more."""
    found = directory.organizations(database, name)[0]
    provision.remove_organization(database, name)
    if as_json:
        show_one(found, as_json)


@click.group()
def domain() -> None:
    """Mail domains of the organisations."""


@domain.command("add")
@click.argument("name", type=DOMAIN)
@click.option("--org", "organization", required=True, help="The organisation that it belongs to.")
@language_option
@json_option
@with_database
def add_domain(database: Any, name: str, organization: str, language: str | None, as_json: bool) -> None:
    """Give an organisation a domain."""
    provision.add_domain(database, organization, name)
    if language:
        provision.set_domain(database, name, language=language)
    if as_json:
        show_one(directory.domains(database, name=name)[0], as_json)


@domain.command("list")
@click.option("--org", "organization", help="Only of this organisation.")
@json_option
@with_database
def list_domains(database: Any, organization: str | None, as_json: bool) -> None:
    """All domains."""
    if organization is not None:
        directory.organizations(database, organization)
    show(directory.domains(database, organization), as_json, leave_out=("folders_language", "folder_names"))


@domain.command("show")
@click.argument("name", type=DOMAIN)
@json_option
@with_database
def show_domain(database: Any, name: str, as_json: bool) -> None:
    """One domain."""
    show_domain_as(database, name, as_json)


def show_domain_as(database: Any, name: str, as_json: bool) -> None:
    found = directory.domains(database, name=name)[0]
    show_one(found, as_json, administrators=quota_roots.administrators(database, name))


@domain.command("set")
@click.argument("name", type=DOMAIN)
@disabled_option
@click.option("--administrator", "add", type=ADDRESS, multiple=True, help="A user who may set its quotas.")
@click.option("--no-administrator", "remove", type=ADDRESS, multiple=True, help="One who may no longer.")
@language_option
@click.option(
    "--folder-name", "names", type=FolderName(), multiple=True, metavar="USE=NAME",
    help="What a standard folder is called instead: Sent=Outbox. A USE is Drafts, Sent, Junk, Trash or Archive.",
)  # fmt: skip
@json_option
@changing("user", "rights", "look")
def set_domain(
    database: Any, name: str, disabled: bool | None, add: Sequence[Address], remove: Sequence[Address],
    language: str | None, names: Sequence[tuple[str, str]], as_json: bool,
) -> None:  # fmt: skip
    """Close or open a domain, say who may set quotas in it, and how the standard folders of new mailboxes are called.

    --folders-language alone drops names that were given before with --folder-name.
    """
    if disabled is None and not add and not remove and not language and not names:
        raise click.UsageError("Say what to change.")
    folder_names = dict(names) if language or names else None
    provision.set_domain(
        database, name, disabled=disabled, language=language, names=folder_names, administrators=(add, remove)
    )
    if as_json:
        show_domain_as(database, name, as_json)


@domain.command("remove")
@click.argument("name", type=DOMAIN)
@json_option
@with_database
def remove_domain(database: Any, name: str, as_json: bool) -> None:
    """Remove a domain that has no addresses any more."""
    found = directory.domains(database, name=name)[0]
    provision.remove_domain(database, name)
    if as_json:
        show_one(found, as_json)
