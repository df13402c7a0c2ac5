# SPDX-License-Identifier: MIT
"""Prints rows: as a table that reads well at 80 columns, or as JSON. Which rows, the commands say."""

import json
import sys
from collections.abc import Sequence
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.progress import Progress, ProgressColumn
from rich.table import Table
from rich.text import Text

NUMBERS = (int, float)
WHEN_NOT_SET = {"limit": "unlimited", "mode": "default"}
"""By the last word of a column."""


def show(rows: Sequence[Any], as_json: bool, leave_out: Sequence[str] = ()) -> None:
    """Rows of one NamedTuple. Columns of `leave_out` are in the JSON only."""
    if as_json:
        click.echo(json.dumps([row._asdict() for row in rows], indent=2, ensure_ascii=False))
        return
    if not rows:
        click.echo("none", err=True)
        return
    names = [name for name in rows[0]._fields if name not in leave_out]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for name in names:
        right = isinstance(getattr(rows[0], name), NUMBERS) and not isinstance(getattr(rows[0], name), bool)
        table.add_column(name.replace("_", " "), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(said(name, getattr(row, name))) for name in names))
    console().print(table)


def show_one(row: Any, as_json: bool, **more: Any) -> None:
    """One NamedTuple, a line for each of its fields."""
    fields = {**row._asdict(), **more}
    if as_json:
        fields = {
            name: [one._asdict() for one in value] if _are_rows(value) else value for name, value in fields.items()
        }
        click.echo(json.dumps(fields, indent=2, ensure_ascii=False))
        return
    grid = Table.grid(padding=(0, 2))
    for name, value in fields.items():
        if not _are_rows(value):
            grid.add_row(Text(name.replace("_", " "), style="bold"), Text(said(name, value)))
    console().print(grid)
    for value in fields.values():
        if _are_rows(value):
            show(value, False)


def console() -> Console:
    """Into a pipe lines are as long as they are: what reads them there should not have to join them."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 500)


def progress(*columns: ProgressColumn, quiet: bool) -> Progress:
    """How far a long command is, for whoever looks at a terminal: not among what it prints."""
    quiet = quiet or not sys.stderr.isatty()
    shown = Console(highlight=False, stderr=True, quiet=quiet)  # some versions of rich end a disabled one with a line
    return Progress(*columns, console=shown, transient=True, disable=quiet)


def said(name: str, value: Any) -> str:
    """A value for people. Names that tell octets get a unit."""
    if value is None:
        return WHEN_NOT_SET.get(name.rpartition("_")[2], "-")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return "\n".join(f"{key} {one}" for key, one in value.items()) or "-"
    if isinstance(value, list | tuple):
        return "\n".join(str(one) for one in value) or "-"
    if isinstance(value, int) and (name == "octets" or name.startswith("storage_")):
        return octets(value)
    return str(value)


def octets(number: int) -> str:
    """1536 → 1.5 KiB"""
    size = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.3g} {unit}" if size < 999.5 else f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.3g} TiB"


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and hasattr(value[0], "_asdict")
