# SPDX-License-Identifier: MIT
"""imapd import, imapd export: mail from and to the stores of other programs."""

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from imapd.errors import Cannot, Corrupt, MailError, OverQuota
from imapd.exchange import maildir, mbox
from imapd.exchange.letters import Folder, Letter, Unreadable
from imapd.mail import flags
from imapd.mail.body import Body
from imapd.mail.importing import Brought, Importer, below
from imapd.operator.options import ADDRESS, json_option, telling, with_store
from imapd.operator.tables import progress, show
from imapd.settings import Settings
from imapd.storage import carrying, directory, folders
from imapd.storage.addresses import Address
from imapd.storage.blobs import BlobStore
from imapd.storage.carrying import Box, Stored
from imapd.storage.pool import Database

PORTS = {"tls": 993, "starttls": 143, "none": 143}


@dataclass(frozen=True)
class Store:
    """What mail/ needs to put messages away, without a worker."""

    settings: Settings
    database: Database
    blobs: BlobStore

    def offload(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)


class Row(NamedTuple):
    """What became of a folder."""

    folder: str
    imported: int
    there_already: int
    refused: int
    octets: int


class Written(NamedTuple):
    """A folder that was exported."""

    folder: str
    messages: int
    unreadable: int
    octets: int


class Renaming(click.ParamType):
    """OLD=NEW."""

    name = "old=new"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        old, _, new = value.partition("=")
        if not old or not new:
            self.fail(f"{value!r} is not like Junk=Spam.", param, ctx)
        return old, new


source_argument = click.argument("source", type=click.Path(exists=True, path_type=Path))
target_argument = click.argument("target", type=click.Path(path_type=Path))
folder_option = click.option("--folder", "only", multiple=True, help="Only this folder, as it is called there.")


def source_options(function: Any) -> Any:
    for option in (
        click.option(
            "--rename", "renamed", type=Renaming(), multiple=True,
            help="Junk=Spam: what is called Junk there goes into Spam.",
        ),
        click.option("--into", metavar="FOLDER", help="Put everything below this folder."),
        folder_option,
    ):  # fmt: skip
        function = option(function)
    return function


@click.group("import")
def import_() -> None:
    """Bring mail into a mailbox, with its folders, flags and dates. What is there already is left out, so that an
    import can be run again."""


Source = Callable[..., Iterator[list[Folder]]]


def importing(source: Source) -> Any:
    """A command that imports: source yields the folders once, and may clean up after that."""

    @click.argument("address", type=ADDRESS)
    @source_options
    @json_option
    @telling("look")
    @with_store
    @functools.wraps(source)
    def command(
        database: Database, settings: Settings, address: Address, only: Sequence[str], into: str | None,
        renamed: Sequence[tuple[str, str]], as_json: bool, **where: Any,
    ) -> int:  # fmt: skip
        box = carrying.box(database, address)  # before we ask or look anywhere else
        store = Store(settings, database, BlobStore(settings.blobs.path))
        with contextlib.contextmanager(source)(**where) as found:
            return brought(Importer(store, box), address, Wanted(only, into, renamed).of(found), as_json)

    return command


@import_.command("maildir")
@importing
@source_argument
def import_maildir(source: Path) -> Iterator[list[Folder]]:
    """Into ADDRESS from the maildir SOURCE, as Dovecot, Courier, mutt and others have it: Maildir++, or directories in
    directories.

    Keywords and the order are those of Dovecot's own files, where there are any. UIDs are given anew.
    """
    yield maildir.folders(source)


@import_.command("mbox")
@importing
@source_argument
def import_mbox(source: Path) -> Iterator[list[Folder]]:
    """Into ADDRESS from SOURCE: an mbox, or a directory of them, as Thunderbird, Apple Mail and others have it.

    A folder is called as its file: inbox.mbox goes into INBOX.
    """
    yield mbox.folders(source)


@import_.command("imap")
@importing
@click.argument("host")
@click.option("--user", required=True, help="Who logs in there.")
@click.option("--port", type=click.IntRange(1, 65535), help="[default: 993, or 143 without TLS from the start]")
@click.option(
    "--security", type=click.Choice(sorted(PORTS)), default="tls", show_default=True,
    help="TLS from the start, after STARTTLS, or none at all.",
)  # fmt: skip
@click.option("--no-verify", is_flag=True, help="Take any certificate.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def import_imap(
    host: str, user: str, port: int | None, security: str, no_verify: bool, password_stdin: bool
) -> Iterator[list[Folder]]:
    """Into ADDRESS from the IMAP server HOST, where nothing is changed. Asks for the password there.

    A folder that says there what it is for (Sent, Junk …) goes into the one for that here.
    """
    from imapd.exchange.remote import Remote, Server

    remote = Remote(
        Server(host, port or PORTS[security], security, not no_verify), user, password_there(password_stdin)
    )
    try:
        yield remote.folders()
    finally:
        remote.close()


def password_there(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for a password: give --password-stdin.")
    return str(click.prompt("Password there", hide_input=True, err=True))


class Wanted(NamedTuple):
    """Which folders, and where they go."""

    only: Sequence[str]
    into: str | None
    renamed: Sequence[tuple[str, str]]

    def of(self, found: list[Folder]) -> list[tuple[Folder, str]]:
        """The folders, each with its name here."""
        names = {folder.name for folder in found}
        for missing in {*self.only, *(old for old, _ in self.renamed)} - names:
            raise Unreadable(f"There is no folder {missing!r} there. There are: {', '.join(sorted(names))}.")
        called = dict(self.renamed)
        chosen = [folder for folder in found if not self.only or folder.name in self.only]
        return [(folder, below(self.into, called.get(folder.name, folder.name))) for folder in chosen]


def brought(importer: Importer, address: Address, chosen: list[tuple[Folder, str]], as_json: bool) -> int:
    """Imports, and tells what became of it. Exit code 1 where something was refused."""
    stopped: MailError | None = None
    with bar(as_json) as shown:
        for folder, name in chosen:
            task = shown.add_task(name, total=folder.count)
            use = folder.special_use if name == folder.name else None
            try:
                importer.bring(name, use, folder.letters, functools.partial(shown.advance, task))
            except Cannot as error:  # the name is one that no folder can have
                stopped = Cannot(f"{name!r}: {error} Give {folder.name!r} another one with --rename.")
                break
            except MailError as error:
                stopped = error
                break
    show([row(one) for one in importer.brought], as_json)
    for one in importer.brought:
        for reason, number in one.refused.items():
            click.echo(f"imapd: {number} of {one.folder} refused: {reason}", err=True)
    if isinstance(stopped, OverQuota):
        raise Cannot(f"{stopped} Give it more with: imapd quota set {address} …; then run the import again.")
    if stopped:
        raise stopped
    return int(any(one.refused for one in importer.brought))


def row(one: Brought) -> Row:
    return Row(one.folder, one.imported, one.there_already, sum(one.refused.values()), one.octets)


def bar(as_json: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return progress(*columns, quiet=as_json)


# Out of here


@click.group()
def export() -> None:
    """Write the mail of a mailbox into files, with its folders, flags and dates."""


@export.command("maildir")
@click.argument("address", type=ADDRESS)
@target_argument
@folder_option
@json_option
@with_store
def export_maildir(
    database: Database, settings: Settings, address: Address, target: Path, only: Sequence[str], as_json: bool
) -> int:
    """ADDRESS into the new maildir TARGET (Maildir++), with Dovecot's lists of UIDs and keywords."""

    def writer(folder: directory.Folder) -> Any:
        return maildir.Writer(target, folder.name, maildir.Known(folder.uid_validity, folder.uid_next))

    return written(database, settings, address, target, only, as_json, writer)


@export.command("mbox")
@click.argument("address", type=ADDRESS)
@target_argument
@folder_option
@json_option
@with_store
def export_mbox(
    database: Database, settings: Settings, address: Address, target: Path, only: Sequence[str], as_json: bool
) -> int:
    """ADDRESS into the new directory TARGET, a file for each folder (mboxrd)."""
    return written(database, settings, address, target, only, as_json, lambda folder: mbox.Writer(target, folder.name))


def written(
    database: Database, settings: Settings, address: Address, target: Path, only: Sequence[str], as_json: bool,
    writer: Callable[[directory.Folder], Any],
) -> int:  # fmt: skip
    """Exports. The target must be empty: what is there is nobody's to overwrite. Exit code 1 where not all is there."""
    box = carrying.box(database, address)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Cannot(f"{target} is there already and not empty: give another one.")
    found = directory.folders(database, address)
    for missing in set(only) - {folder.name for folder in found}:
        raise Cannot(f"{address} has no folder {missing!r}; see: imapd mailbox show {address}")
    os.makedirs(target, mode=0o700, exist_ok=True)
    reader = Reader(database, BlobStore(settings.blobs.path), box)
    rows = []
    dropped: set[str] = set()
    with bar(as_json) as shown:
        for folder in found:
            if not only or folder.name in only:
                task = shown.add_task(folder.name, total=folder.messages)
                to = writer(folder)
                rows.append(copied(reader, folder.name, to, functools.partial(shown.advance, task)))
                dropped |= getattr(to, "dropped", set())
    show(rows, as_json)
    if dropped:
        click.echo(
            f"imapd: a maildir has room for 26 keywords a folder; left out: {', '.join(sorted(dropped))}", err=True
        )
    if unreadable := sum(one.unreadable for one in rows):
        click.echo(f"imapd: {unreadable} messages cannot be read; see: imapd check", err=True)
    return int(unreadable > 0)


class Reader(NamedTuple):
    """The messages of one mailbox."""

    database: Database
    blobs: BlobStore
    box: Box

    def stored(self, name: str) -> Iterator[Stored]:
        organization_id = self.box.organization_id
        for folder in folders.named(self.database, organization_id, [self.box.mailbox_id], name):
            yield from carrying.messages_in(self.database, organization_id, folder.group_id, folder.folder_id)

    def letter(self, one: Stored) -> Letter:
        """Raises errors.Corrupt."""
        octets = Body(self.blobs, self.box.organization_id, one.sha256, one.size).read()
        given = flags.written(one.flags, one.keywords).split()
        return Letter(octets, given, one.internal_date, one.internal_zone, one.uid)


def copied(reader: Reader, name: str, to: Any, advance: Callable[[], None]) -> Written:
    """One folder, a message in memory at a time."""
    count = unreadable = octets = 0
    for one in reader.stored(name):
        try:
            to.write(reader.letter(one))
            count, octets = count + 1, octets + one.size
        except Corrupt:
            unreadable += 1
        advance()
    to.close()
    return Written(name, count, unreadable, octets)
