# SPDX-License-Identifier: MIT
"""imapd user, imapd mailbox, imapd alias. A user goes by any of their addresses."""

import sys
from typing import Any

import click

from imapd import settings
from imapd.auth.passwords import Passwords
from imapd.errors import Cannot
from imapd.operator.options import (
    ADDRESS,
    DOMAIN,
    PERSON_NAME,
    changing,
    changing_logins,
    disabled_option,
    json_option,
    limit,
    messages_option,
    storage_option,
    with_database,
    yes_option,
)
from imapd.operator.tables import show, show_one
from imapd.storage import directory, passing, provision
from imapd.storage.addresses import Address
from imapd.storage.passing import Nobody, Passing
from imapd.storage.quotas import Limits

domain_filter = click.option("--domain", type=DOMAIN, help="Only those of this domain.")

mode_option = click.option(
    "--namespace-mode", "mode", type=click.Choice(["domain_separated", "unified", "default"]),
    help="How the user sees the domains; default: as the configuration says.",
)  # fmt: skip


@click.group()
def user() -> None:
    """People: who can log in."""


@user.command("add")
@click.argument("address", type=ADDRESS)
@click.option("--name", type=PERSON_NAME, default="", help="The person's name.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--no-password", is_flag=True, help="Nobody can log in until a password is set.")
@mode_option
@storage_option
@messages_option
@json_option
@with_database
def add_user(
    database: Any, address: Address, name: str, password_stdin: bool, no_password: bool, mode: str | None, storage: Any,
    messages: Any, as_json: bool,
) -> None:  # fmt: skip
    """Make a user whose first mailbox is ADDRESS. Asks for a password."""
    password_hash = None
    if not no_password:
        if not password_stdin and not sys.stdin.isatty():
            raise click.UsageError(
                "There is no terminal to ask for a password: give --password-stdin or --no-password."
            )
        password_hash = hash_of_given(password_stdin)
    limits = Limits(limit(storage), limit(messages))
    provision.add_user(database, address, name, password_hash, None if mode == "default" else mode, limits)
    if as_json:
        show_one(directory.users(database, of=address)[0], as_json)


@user.command("list")
@domain_filter
@json_option
@with_database
def list_users(database: Any, domain: str | None, as_json: bool) -> None:
    """All users."""
    known_domain(database, domain)
    show(directory.users(database, domain), as_json, leave_out=("mailboxes", "namespace_mode"))


@user.command("show")
@click.argument("address", type=ADDRESS)
@json_option
@with_database
def show_user(database: Any, address: Address, as_json: bool) -> None:
    """One user with all their mailboxes."""
    show_one(directory.users(database, of=address)[0], as_json)


@user.command("set")
@click.argument("address", type=ADDRESS)
@click.option("--name", type=PERSON_NAME, help="The person's name.")
@mode_option
@click.option("--primary", type=ADDRESS, help="Which of their mailboxes is seen without a prefix.")
@disabled_option
@json_option
@changing_logins
def set_user(
    database: Any, address: Address, name: str | None, mode: str | None, primary: Address | None,
    disabled: bool | None, as_json: bool,
) -> None:  # fmt: skip
    """Change a user."""
    if name is None and mode is None and primary is None and disabled is None:
        raise click.UsageError("Say what to change.")
    mode = "" if mode == "default" else mode
    provision.set_user(database, address, display_name=name, mode=mode, primary=primary, disabled=disabled)
    if as_json:
        show_one(directory.users(database, of=address)[0], as_json)


@user.command("password")
@click.argument("address", type=ADDRESS)
@click.option("--stdin", "from_stdin", is_flag=True, help="Read it from standard input, as without a terminal anyway.")
@changing_logins
def password(database: Any, address: Address, from_stdin: bool) -> None:
    """Set a user's password: asked for, or the first line of standard input."""
    directory.users(database, of=address)  # before we ask for anything
    provision.set_password(database, address, hash_of_given(from_stdin or not sys.stdin.isatty()))


@user.command("remove")
@click.argument("address", type=ADDRESS)
@yes_option
@json_option
@changing("user", "rights", "look")
def remove_user(database: Any, address: Address, yes: bool, as_json: bool) -> None:
    """Remove a user with all mailboxes and all mail."""
    found = directory.users(database, of=address)[0]
    if not yes:
        click.confirm(f"Remove {', '.join(found.mailboxes)} with all mail?", abort=True)
    provision.remove_user(database, address)
    if as_json:
        show_one(found, as_json)


def known_domain(database: Any, domain: str | None) -> None:
    """Raises errors.NotFound for one that there is not: an empty list would tell of a domain without anybody."""
    if domain is not None:
        directory.domains(database, name=domain)


def hash_of_given(from_stdin: bool) -> str:
    """Never from the command line, where every user of the machine could read it."""
    given = (
        sys.stdin.readline().rstrip("\r\n")
        if from_stdin
        else click.prompt("Password", hide_input=True, confirmation_prompt=True)
    )
    # What hashing costs is the default's business: a login renews a hash made with other parameters.
    return Passwords(settings.Auth()).hash(given)


@click.group()
def mailbox() -> None:
    """Addresses that hold mail. A user has one or more of them."""


@mailbox.command("add")
@click.argument("address", type=ADDRESS)
@click.option("--user", "owner", type=ADDRESS, help="Whose it is, by any of their addresses. Left out: nobody's.")
@storage_option
@messages_option
@json_option
@changing("user", "rights", "look")
def add_mailbox(
    database: Any, address: Address, owner: Address | None, storage: Any, messages: Any, as_json: bool
) -> None:
    """Make a further mailbox, with its standard folders."""
    provision.add_mailbox(database, address, owner, Limits(limit(storage), limit(messages)))
    if as_json:
        show_one(directory.mailboxes(database, of=address)[0], as_json)


@mailbox.command("list")
@domain_filter
@json_option
@with_database
def list_mailboxes(database: Any, domain: str | None, as_json: bool) -> None:
    """All mailboxes."""
    known_domain(database, domain)
    show(directory.mailboxes(database, domain), as_json, leave_out=("organization", "folders", "seen"))


@mailbox.command("show")
@click.argument("address", type=ADDRESS)
@json_option
@with_database
def show_mailbox(database: Any, address: Address, as_json: bool) -> None:
    """One mailbox with its folders."""
    found = directory.mailboxes(database, of=address)[0]
    show_one(found, as_json, folders=directory.folders(database, address))


@mailbox.command("set")
@click.argument("address", type=ADDRESS)
@disabled_option
@click.option(
    "--seen", type=click.Choice(["shared", "per-reader"]),
    help="Where it is shared: what one has seen, all have seen, or each for themselves.",
)  # fmt: skip
@json_option
@changing("user", "rights", "look")
def set_mailbox(database: Any, address: Address, disabled: bool | None, seen: str | None, as_json: bool) -> None:
    """Close or open a mailbox, and say who shares the mark of what was seen."""
    if disabled is None and seen is None:
        raise click.UsageError("Give --disable, --enable or --seen.")
    provision.set_mailbox(database, address, disabled=disabled, seen=seen and seen.replace("-", "_"))
    if as_json:
        show_one(directory.mailboxes(database, of=address)[0], as_json)


@mailbox.command("move")
@click.argument("address", type=ADDRESS)
@click.option("--to", type=ADDRESS, help="Its new address, in any domain of the organisation.")
@click.option("--keep-address", is_flag=True, help="With --to: the former address stays, as an alias.")
@click.option("--user", "owner", type=ADDRESS, help="Its new owner, by any of their addresses.")
@click.option("--nobody", is_flag=True, help="Nobody is to own it any more.")
@json_option
@changing("user", "rights", "look")
def move_mailbox(
    database: Any, address: Address, to: Address | None, keep_address: bool, owner: Address | None, nobody: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Give a mailbox another address, or to another user, with all its mail."""
    if (to is None and owner is None and not nobody) or (owner and nobody):
        raise click.UsageError("Give --to, and --user or --nobody, or one of them.")
    passing.move(database, address, Passing(to, Nobody if nobody else owner, keep_address))
    if as_json:
        show_one(directory.mailboxes(database, of=to or address)[0], as_json)


@mailbox.command("remove")
@click.argument("address", type=ADDRESS)
@yes_option
@json_option
@changing("user", "rights", "look")
def remove_mailbox(database: Any, address: Address, yes: bool, as_json: bool) -> None:
    """Remove a mailbox with all its mail."""
    found = directory.mailboxes(database, of=address)[0]
    if found.address != str(address):
        raise Cannot(f"{address} is an alias of {found.address}; remove it with: imapd alias remove {address}")
    if not yes:
        click.confirm(f"Remove {found.address} with its {found.messages} messages?", abort=True)
    provision.remove_mailbox(database, address)
    if as_json:
        show_one(found, as_json)


@click.group()
def alias() -> None:
    """Further addresses of a mailbox."""


@alias.command("add")
@click.argument("address", type=ADDRESS)
@click.argument("mailbox", type=ADDRESS)
@json_option
@with_database
def add_alias(database: Any, address: Address, mailbox: Address, as_json: bool) -> None:
    """Give MAILBOX a further ADDRESS."""
    provision.add_alias(database, address, mailbox)
    if as_json:
        show_one(directory.aliases(database, of=address)[0], as_json)


@alias.command("list")
@domain_filter
@json_option
@with_database
def list_aliases(database: Any, domain: str | None, as_json: bool) -> None:
    """All aliases."""
    known_domain(database, domain)
    show(directory.aliases(database, domain), as_json)


@alias.command("show")
@click.argument("address", type=ADDRESS)
@json_option
@with_database
def show_alias(database: Any, address: Address, as_json: bool) -> None:
    """Where an alias leads."""
    show_one(directory.aliases(database, of=address)[0], as_json)


@alias.command("set")
@click.argument("address", type=ADDRESS)
@click.argument("mailbox", type=ADDRESS)
@json_option
@changing_logins
def set_alias(database: Any, address: Address, mailbox: Address, as_json: bool) -> None:
    """Let an alias lead to another MAILBOX. Where that is somebody else's, who is logged in by it is out."""
    provision.set_alias(database, address, mailbox)
    if as_json:
        show_one(directory.aliases(database, of=address)[0], as_json)


@alias.command("remove")
@click.argument("address", type=ADDRESS)
@json_option
@changing_logins
def remove_alias(database: Any, address: Address, as_json: bool) -> None:
    """Remove an alias; the mailbox stays. Who is logged in by it is out."""
    found = directory.aliases(database, of=address)[0]
    provision.remove_alias(database, address)
    if as_json:
        show_one(found, as_json)
