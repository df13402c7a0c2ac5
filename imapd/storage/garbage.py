# SPDX-License-Identifier: MIT
"""Takes away what no message refers to any more: rows of contents, blobs without a row, uploads that never ended.

Only what has lain unused for the grace. A content that is used again meanwhile is seen by its row's lock; a blob that
is used again, by the time of its file, which every writer renews. So nobody waits for anybody.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imapd.storage.blobs import BlobStore
from imapd.storage.pool import Database

BATCH = 1000
ASIDE = ".gone"
LEAST_SECONDS = 600
"""So long a file stays whatever the grace: it is there before the row that names it, which may take some attempts."""


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
    for (organization_id,) in database.rows("SELECT organization_id FROM organizations ORDER BY 1"):
        before_these = gone.contents
        while (number := _contents(database, organization_id, grace_seconds)) > 0:
            gone.contents += number
            yield gone
        if gone.contents > before_these:
            _threads(database, organization_id)
        for directory in _directories(blobs.root / str(organization_id)):
            _blobs(database, organization_id, directory, before, gone)
            yield gone
    for path in _older_than(blobs.root / "incoming", before):
        path.unlink(missing_ok=True)
        gone.uploads += 1
    yield gone


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


def _contents(database: Database, organization_id: int, grace_seconds: int) -> int:
    """Deletes a batch of rows that no message has. Their blobs follow when the directories are gone through."""
    rows = database.rows(
        """
        DELETE FROM contents c
         WHERE c.organization_id = %(org)s AND c.last_used_at < now() - make_interval(secs => %(grace)s)
           AND c.content_id IN (
               SELECT u.content_id FROM contents u
                WHERE u.organization_id = %(org)s AND u.last_used_at < now() - make_interval(secs => %(grace)s)
                  AND NOT EXISTS (SELECT FROM messages m
                                   WHERE m.organization_id = u.organization_id AND m.content_id = u.content_id)
                LIMIT %(batch)s)
        RETURNING 1
        """,
        {"org": organization_id, "grace": grace_seconds, "batch": BATCH},
    )
    return len(rows)


def _blobs(database: Database, organization_id: int, directory: Path, before: float, gone: Collected) -> None:
    """Removes the old files of one directory that no row of contents names."""
    for aside in directory.glob("*" + ASIDE):  # a collector was killed here, maybe before it had looked at the time
        aside.replace(aside.with_name(aside.name.removesuffix(ASIDE)))
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
            os.rename(aside, path)
            return 0
        aside.unlink()
    except FileNotFoundError:
        return 0
    gone.blobs += 1
    return found.st_size


def _directories(path: Path) -> list[Path]:
    return sorted(each for each in path.iterdir() if each.is_dir()) if path.is_dir() else []


def _older_than(path: Path, before: float) -> Iterator[Path]:
    if not path.is_dir():
        return
    for entry in os.scandir(path):
        try:
            if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_mtime < before:
                yield Path(entry.path)
        except FileNotFoundError:
            continue
