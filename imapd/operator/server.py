# SPDX-License-Identifier: MIT
"""imapd serve, demo, migrate, check-config, commands: the server itself, and what it is made of."""

import functools
import json
import sys
import time
from dataclasses import asdict

import click
from rich import box
from rich.table import Table
from rich.text import Text

from imapd import audit, configuration
from imapd.errors import Unavailable
from imapd.operator.options import config_option
from imapd.operator.tables import console
from imapd.storage import schema
from imapd.storage.pool import Database

DATABASE_PATIENCE_SECONDS = 30
EXIT_TEMPORARY = 75  # EX_TEMPFAIL of sysexits.h: systemd tries again

PORT = click.IntRange(1, 65535)


@click.command()
@config_option
def serve(config: str) -> int:
    """Serve until SIGTERM; SIGHUP reads the configuration again.

    The master runs in the foreground and tells systemd when it is ready (Type=notify).
    """
    from workers import master

    load = functools.partial(configuration.load, config, serving=True)
    try:
        wait_for_schema(load().database.dsn)
    except Unavailable as error:
        click.echo(f"imapd: {error}", err=True)
        return EXIT_TEMPORARY
    return master.serve(load)


def wait_for_schema(dsn: str) -> None:
    """At boot PostgreSQL may come up a little later than we do. Raises SchemaError at once, Unavailable at last."""
    deadline = time.monotonic() + DATABASE_PATIENCE_SECONDS
    told = False
    while True:
        try:
            return schema.require_current(dsn)
        except Unavailable as error:
            if time.monotonic() > deadline:
                raise
            if not told:
                click.echo(f"imapd: {error} Waiting for it …", err=True)
                told = True
            time.sleep(1)


@click.command()
@click.option("--data", metavar="DIR", help="Where everything lies.  [default: var/demo]")
@click.option("--imap-port", type=PORT, default=1143, show_default=True, help="IMAP with STARTTLS.")
@click.option("--imaps-port", type=PORT, default=1993, show_default=True, help="IMAP over TLS.")
@click.option("--lmtp-port", type=PORT, default=1024, show_default=True, help="LMTP: mail comes in.")
@click.option("--http-port", type=PORT, default=9090, show_default=True, help="/health and /metrics.")
@click.option("--users", type=click.IntRange(0, 1_000_000), default=0, help="Also user1@… to userN@example.com.")
@click.option("--workers", type=click.IntRange(1, 128), help="IMAP worker processes.  [default: one for each core]")
def demo(
    data: str | None, imap_port: int, imaps_port: int, lmtp_port: int, http_port: int, users: int, workers: int | None
) -> int:
    """Try it: a server with a private PostgreSQL and Redis, users and mail, on loopback.

    The data survives a restart. Ctrl-C stops everything.
    """
    from workers.demo import Demo, Ports
    from workers.programs import ProgramError

    ports = Ports(imap=imap_port, imaps=imaps_port, lmtp=lmtp_port, http=http_port)
    try:
        return Demo(data, ports, users, workers, click.echo).run()
    except ProgramError as error:
        click.echo(f"imapd: {error}", err=True)
        return 1


@click.command()
@config_option
def migrate(config: str) -> None:
    """Bring the database to the schema of this imapd. Two at once are safe; there is no way back."""
    dsn = configuration.load(config).database.dsn
    applied = schema.migrate(dsn, say=click.echo)
    if not applied:
        click.echo("The database is up to date.")
        return
    database = Database(dsn, 1, application_name="imapd operator")
    audit.write(database, "migrated", to=applied[-1])
    database.close()


@click.command("check-config")
@config_option
def check_config(config: str) -> None:
    """Look for mistakes in the configuration, without starting anything. Exit code 78 where there is one."""
    configuration.load(config, serving=True)
    click.echo(f"{config}: no mistakes found.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--capabilities", "of_capabilities", is_flag=True, help="The capabilities instead of the commands.")
def commands(as_json: bool, of_capabilities: bool) -> None:
    """The table of IMAP commands: when each is allowed, what it stands on, where it is."""
    from imapd.protocol import registry

    rows = registry.capability_table() if of_capabilities else registry.table()
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for name in ("capability" if of_capabilities else "command", "states", "RFC", "file"):
        table.add_column(name, overflow="fold")
    for row in rows:
        file = row.file.removeprefix("imapd/")
        table.add_row(*(Text(text) for text in (row.name, states(row.states), str(row.rfc), file)))
    console().print(table)
    sys.stdout.flush()


def states(names: tuple[str, ...]) -> str:
    """One letter a state: not authenticated, authenticated, selected; a dash where the command is refused."""
    letters = {"not authenticated": "N", "authenticated": "A", "selected": "S"}
    return "".join(letter if name in names else "-" for name, letter in letters.items())
