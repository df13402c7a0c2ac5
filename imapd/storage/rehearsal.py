# SPDX-License-Identifier: MIT
"""What sessions ask most is asked once before any of them does: by nobody, of a mailbox that never comes to be.

The first time on a connection PostgreSQL plans a statement and each one in the functions that it calls. For an APPEND
that is ten times as long as the statement lasts, and nobody's message should have to wait for it. It plans them anew
once a table has been vacuumed or analysed, which autovacuum does every minute where mail flows, and for a new server.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from secrets import randbits, token_hex
from types import SimpleNamespace
from typing import Any, cast

from imapd import log
from imapd.errors import MailError
from imapd.storage import accounts, contents, credentials, folders, messages
from imapd.storage.folders import Named
from imapd.storage.messages import DELETED, FlagChange, View
from imapd.storage.pool import Database, Row
from imapd.storage.prepared import Prepared

LOOK_SECONDS = 20
"""So long plans may be out of date before that is seen."""

PLANNED_SINCE = Prepared("""
    SELECT pg_postmaster_start_time(), max(greatest(last_vacuum, last_autovacuum, last_analyze, last_autoanalyze))
      FROM pg_stat_user_tables
     WHERE relname IN ('folder_groups', 'folders', 'messages', 'contents', 'changes', 'quotas')
""")
"""What the plans of now are made of. Not the tables of people: a rehearsal leaves dead rows there, and where hardly
anything else does, those alone would have them vacuumed for ever."""

INBOX = "INBOX"
EMPTY: dict[str, Any] = {"bytea": b"", "text": "", "bigint": 0, "smallint": 0, "boolean": False}

# With ids of its own, below zero: those that operators see have no gaps.
NOBODY = """
    WITH an_organization AS (
        INSERT INTO organizations (organization_id, name) OVERRIDING SYSTEM VALUE VALUES (%(id)s, %(name)s)),
    a_domain AS (
        INSERT INTO domains (organization_id, domain_id, name) OVERRIDING SYSTEM VALUE
        VALUES (%(id)s, %(id)s, %(name)s)),
    a_user AS (
        INSERT INTO users (organization_id, user_id, primary_mailbox_id) OVERRIDING SYSTEM VALUE
        VALUES (%(id)s, %(id)s, %(id)s))
    INSERT INTO mailboxes (organization_id, mailbox_id, domain_id, user_id, local_part) OVERRIDING SYSTEM VALUE
    VALUES (%(id)s, %(id)s, %(id)s, %(id)s, 'nobody')
"""
FURNISHED = "SELECT furnish_mailbox(%s, %s, NULL, NULL, NULL, %s, %s)"


class TakenBack(MailError):
    """It was only a rehearsal; the connection is as good as before."""


class Rehearsals:
    """One at the beginning, and one whenever the plans have gone, on the connection that will be used next."""

    def __init__(self, database: Database):
        self._database = database
        self._planned_since: Row | None = None
        self._stopped = threading.Event()

    def start(self, spawn: Callable[[Callable[[], None]], Any]) -> None:
        spawn(self._look_now_and_then)

    def stop(self) -> None:
        self._stopped.set()

    def look(self) -> None:
        """Raises MailError."""
        now = self._database.row(PLANNED_SINCE)
        if now != self._planned_since:
            rehearse(self._database)
            self._planned_since = now

    def _look_now_and_then(self) -> None:
        while not self._stopped.is_set():
            try:
                self.look()
            except MailError:
                pass  # PostgreSQL is away: whoever needs it says so
            except Exception:
                log.exception("a rehearsal failed")
            self._stopped.wait(LOOK_SECONDS)


def rehearse(database: Database) -> None:
    """On one connection, in one transaction, which is undone. Where PostgreSQL is away, the first sessions wait as long
    as they have to."""
    with suppress(MailError), database.transaction() as tx:
        play(cast(Database, tx))  # it has the same verbs
        raise TakenBack


def play(stage: Database) -> None:
    """What a client does that logs in, looks around, and moves a message about."""
    number, name = -1 - randbits(62), f"{token_hex(8)}.invalid"
    stage.execute(NOBODY, {"id": number, "name": name})
    stage.execute(FURNISHED, (number, number, [INBOX], [""]))
    # LOGIN, LIST, SELECT
    credentials.find(stage, "nobody", name)
    accounts.user(stage, number, number)
    accounts.grants(stage, number, number)
    folders.subscriptions(stage, number, number)
    folders.visible(stage, number, number, [number], [])
    (inbox,) = folders.named(stage, number, [number], INBOX, warned=True)
    content = SimpleNamespace(**{column: EMPTY[kind] for column, kind in contents.TYPES.items()})
    content.message_id = name  # it begins a thread
    # APPEND, IDLE, STORE, COPY, EXPUNGE
    filing = contents.Filing(Named([number], INBOX), [(0, 0)], [(0, [])])
    contents.append(stage, number, [content], filing)
    contents.append_known(stage, number, content.sha256, filing)
    view, first = View(number, inbox.group_id, inbox.folder_id), [range(1, 2)]
    messages.news_since(stage, view, inbox.modseq, claimed_to=0)
    messages.store_flags(stage, view, first, FlagChange("+", DELETED, [], DELETED, False), None, 0)
    messages.copy(stage, view, first, inbox.folder_id, DELETED, False, False, 0)
    messages.expunge(stage, view, None, 0)
