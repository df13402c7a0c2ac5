# SPDX-License-Identifier: MIT
"""imapd check: whether what the store says of itself is what is there."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import click
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from imapd import audit
from imapd.operator.options import json_option, with_store
from imapd.operator.tables import progress, show
from imapd.settings import Settings
from imapd.storage import inspection, quota_roots, recount
from imapd.storage.blobs import BlobStore
from imapd.storage.pool import Database
from imapd.storage.recount import Drift


class Asked(NamedTuple):
    """What a part works with."""

    database: Database
    blobs: BlobStore
    repair: bool
    read: bool


class Found(NamedTuple):
    """A step of a part: how many things were looked at, and what is wrong with them; left is so much of it as was
    not mended, or cannot be."""

    looked_at: int
    wrong: list[Drift]
    left: int


class Part(NamedTuple):
    """What of the store is looked at: a name, what it counts, and how."""

    name: str
    counts: str
    look: Callable[[Asked], Iterator[Found]]


class Looked(NamedTuple):
    """What came of a part, for people."""

    part: str
    looked_at: str
    wrong: int
    mended: int


def counters(asked: Asked) -> Iterator[Found]:
    """Counters of folders and usage of quotas, against what is there. Nobody has to wait for it."""
    for boxes in recount.batches(asked.database):
        wrong = recount.drift(asked.database, boxes)
        if wrong and asked.repair:
            for box in boxes:
                if recount.drift(asked.database, [box]):
                    recount.mend(asked.database, box)
        yield Found(len(boxes), wrong, 0 if asked.repair else len(wrong))
    wrong = recount.drift_of_roots(asked.database)
    if wrong and asked.repair:
        quota_roots.mend(asked.database, None)
    yield Found(0, wrong, 0 if asked.repair else len(wrong))


def messages(asked: Asked) -> Iterator[Found]:
    """UIDs and modseqs against what is handed out next, and whether every message has its content."""
    for box in recount.everything(asked.database):
        left = wrong = inspection.messages_of(asked.database, box)
        if wrong and asked.repair:
            inspection.mend_messages_of(asked.database, box)
            left = inspection.messages_of(asked.database, box)
        yield Found(1, wrong, len(left))


def bodies(asked: Asked) -> Iterator[Found]:
    """Whether the octets of every message are there. What is lost must come back from a backup."""
    for some in inspection.contents(asked.database):
        wrong = inspection.bodies_of(asked.database, asked.blobs, some, asked.read)
        yield Found(len(some), wrong, len(wrong))


PARTS = (
    Part("counters", "mailboxes", counters),
    Part("messages", "mailboxes", messages),
    Part("bodies", "bodies", bodies),
)


@click.command()
@click.option("--repair", is_flag=True, help="Mend what is wrong, as far as it can be mended.")
@click.option("--read", is_flag=True, help="Read all bodies, and compare each with its checksum. Takes long.")
@json_option
@with_store
def check(database: Database, settings: Settings, repair: bool, read: bool, as_json: bool) -> int:
    """Compare what the store says of itself with what is there, while it serves.

    Counters with a recount, usage of quotas with the messages, UIDs, and whether the octets of every message are there.
    Exit code 1 where they differ and were not mended.
    """
    asked = Asked(database, BlobStore(settings.blobs.path), repair, read)
    rows: list[Looked] = []
    wrong: list[Drift] = []
    columns = (TextColumn("{task.description}"), TimeElapsedColumn())
    with progress(*columns, quiet=as_json) as shown:
        for part in PARTS:
            row, found = looked(part, asked, shown)
            rows.append(row)
            wrong += found
    report(database, rows, wrong, as_json)
    return int(any(row.wrong > row.mended for row in rows))


def looked(part: Part, asked: Asked, shown: Progress) -> tuple[Looked, list[Drift]]:
    """Goes through one part, and says what is wrong there."""
    task = shown.add_task(part.name, total=None)
    count = left = 0
    wrong: list[Drift] = []
    for found in part.look(asked):
        count, left = count + found.looked_at, left + found.left
        wrong += found.wrong
        shown.update(task, description=f"{part.name}: {count} {part.counts}, {len(wrong)} wrong")
    return Looked(part.name, f"{count} {part.counts}", len(wrong), len(wrong) - left), wrong


def report(database: Any, rows: list[Looked], wrong: list[Drift], as_json: bool) -> None:
    if mended := sum(row.mended for row in rows):
        audit.write(database, "repaired", count=mended)
    if as_json:
        show(wrong, as_json)
        return
    show(rows, False)
    if wrong:
        click.echo()
        show(wrong, False)
