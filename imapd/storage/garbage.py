# SPDX-License-Identifier: MIT
"""Takes away what no message refers to any more: rows of contents, blobs without a row, uploads that never ended.

Only what has lain unused for the grace. A content that is used again meanwhile is seen by its row's lock; a blob that
is used again, by the time of its file, which every writer renews. So nobody waits for anybody.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from imapd.storage.blobs import NOT_KEPT, BlobStore
from imapd.storage.pool import Database, Row
from imapd.storage.waiting import LONGEST_SECONDS

BATCH = 1000
AT_ONCE = 100_000
"""So many contents go after one look at all messages."""

ASIDE = ".gone"
LEAST_SECONDS = 600
"""So long a file stays whatever the grace: it is there before others see the row that names it, which may take some
attempts."""


@dataclass(slots=True)
class Collected:
    """How much went: rows of contents, blobs, octets of blobs, unfinished uploads."""

    contents: int = 0
    blobs: int = 0
    octets: int = 0
    uploads: int = 0


def collect(database: Database, blobs: BlobStore, grace_seconds: int) -> Iterator[Collected]:
    """Collects everything, and says after each step what has gone so far. Raises errors.Unavailable."""
    gone = Collected()
    before = time.time() - max(grace_seconds, LEAST_SECONDS)
    removed = _removed(database, blobs)
    for (organization_id,) in (*removed, *database.rows("SELECT organization_id FROM organizations ORDER BY 1")):
        before_these = gone.contents
        for number in _contents(database, organization_id, grace_seconds):
            gone.contents += number
            yield gone
        if gone.contents > before_these:
            _threads(database, organization_id)
        for directory in _directories(blobs.root / str(organization_id)):
            _blobs(database, organization_id, directory, before, gone)
            yield gone
    for (organization_id,) in removed:
        _clear_away(blobs.root / str(organization_id))
    for path in _older_than(blobs.root / "incoming", before):
        path.unlink(missing_ok=True)
        gone.uploads += 1
    yield gone


def _removed(database: Database, blobs: BlobStore) -> list[Row]:
    """Organisations that are no more, of which there is something on the disk. The disk is looked at first: what is
    made meanwhile is not among them. What this database never numbered is another one's, or yet to be restored; after
    a crash the sequence may be some numbers ahead."""
    return database.rows(
        """
        SELECT id FROM unnest(%s::bigint[]) id
         WHERE id <= pg_sequence_last_value(pg_get_serial_sequence('organizations', 'organization_id')::regclass)
           AND NOT EXISTS (SELECT FROM organizations o WHERE o.organization_id = id)
        """,
        (blobs.organizations(),),
    )


def _threads(database: Database, organization_id: int) -> None:
    """Forgets which message ids belonged to threads that no content is in any more."""
    database.execute(
        """
        DELETE FROM thread_members t
         WHERE t.organization_id = %(org)s
           AND NOT EXISTS (SELECT FROM contents c
                            WHERE c.organization_id = t.organization_id AND c.thread_id = t.thread_id)
        """,
        {"org": organization_id},
    )


def _contents(database: Database, organization_id: int, grace_seconds: int) -> Iterator[int]:
    """Deletes rows that no message has, and says how many after each batch. Their blobs follow when the directories are
    gone through.

    Who uses a content again renews its time, and a content that no message has cannot be copied. So one look at all
    messages is enough: what has another time when it is to go was used meanwhile, and stays.
    """
    while unused := _unused(database, organization_id, grace_seconds):
        for start in range(0, len(unused), BATCH):
            ids, times = zip(*unused[start : start + BATCH], strict=True)
            rows = database.rows(
                """
                DELETE FROM contents c USING unnest(%s::bigint[], %s::timestamptz[]) AS u (content_id, last_used_at)
                 WHERE c.organization_id = %s AND c.content_id = u.content_id AND c.last_used_at = u.last_used_at
                RETURNING 1
                """,
                (list(ids), list(times), organization_id),
            )
            yield len(rows)
        if len(unused) < AT_ONCE:
            return


def _unused(database: Database, organization_id: int, grace_seconds: int) -> list[Row]:
    """Contents that no message has, with the times when they were used last."""
    with database.transaction() as tx:
        # A plan made while the tables were small would look through all messages for each content.
        tx.execute("SET LOCAL enable_nestloop = off")
        tx.execute(f"SET LOCAL statement_timeout = '{LONGEST_SECONDS}s'")
        return tx.rows(
            """
            SELECT c.content_id, c.last_used_at FROM contents c
             WHERE c.organization_id = %(org)s AND c.last_used_at < now() - make_interval(secs => %(grace)s)
               AND NOT EXISTS (SELECT FROM messages m
                                WHERE m.organization_id = %(org)s AND m.content_id = c.content_id)
             LIMIT %(most)s
            """,
            {"org": organization_id, "grace": grace_seconds, "most": AT_ONCE},
        )


def _blobs(database: Database, organization_id: int, directory: Path, before: float, gone: Collected) -> None:
    """Removes the old files of one directory that no row of contents names."""
    for aside in directory.glob("*" + ASIDE):  # a collector was killed here, maybe before it had looked at the time
        _put_back(aside, aside.with_name(aside.name.removesuffix(ASIDE)))
    old = {path.name: path for path in _older_than(directory, before)}
    names = sorted(old)
    for start in range(0, len(names), BATCH):
        batch = names[start : start + BATCH]
        rows = database.rows(
            "SELECT encode(sha256, 'hex') FROM contents WHERE organization_id = %s AND sha256 = ANY(%s)",
            (organization_id, [bytes.fromhex(name) for name in batch]),
        )
        for name in set(batch).difference(name for (name,) in rows):
            gone.octets += _remove(old[name], before, gone)


def _remove(path: Path, before: float, gone: Collected) -> int:
    """Takes the file away under another name first: a writer that used it again until then has renewed its time."""
    aside = path.with_name(path.name + ASIDE)
    try:
        os.rename(path, aside)
        found = aside.stat()
        if found.st_mtime >= before:
            _put_back(aside, path)
            return 0
        aside.unlink()
    except FileNotFoundError:
        return 0
    gone.blobs += 1
    return found.st_size


def _put_back(aside: Path, path: Path) -> None:
    """The name may not be on the disk any more: who uses the blob next has to see to that."""
    aside.chmod(NOT_KEPT)
    aside.replace(path)


def _clear_away(path: Path) -> None:
    """Removes a directory and those in it, as far as they are empty."""
    for directory in (*_directories(path), path):
        with suppress(OSError):
            directory.rmdir()


def _directories(path: Path) -> list[Path]:
    return sorted(Path(entry.path) for entry in _entries(path) if entry.is_dir())


def _older_than(path: Path, before: float) -> Iterator[Path]:
    for entry in _entries(path):
        try:
            if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < before:
                yield Path(entry.path)
        except FileNotFoundError:
            continue


def _entries(path: Path) -> list[os.DirEntry[str]]:
    """None where it is no directory, or no longer: another collector may have been here."""
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
