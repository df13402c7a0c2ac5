# SPDX-License-Identifier: MIT
"""What sessions ask most is asked once before any of them does: by nobody, of a mailbox that never comes to be.

The first time on a connection PostgreSQL plans a statement and each one in the functions that it calls. For an APPEND
that is ten times as long as the statement lasts, and nobody's message should have to wait for it. What is planned is
planned anew when tables have been vacuumed or analyzed, which a server that is used sees each minute.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from secrets import randbits, token_hex
from types import SimpleNamespace
from typing import Any, cast

from imapd.errors import MailError
from imapd.storage import accounts, contents, credentials, folders, messages
from imapd.storage.folders import Named
from imapd.storage.messages import DELETED, FlagChange, View
from imapd.storage.pool import Database, Row, Transaction
from imapd.storage.prepared import Prepared

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


SECONDS = 1.0
"""So often it is looked whether plans have been lost."""

ENOUGH = 100
"""Where fewer statements were asked since the last rehearsal, there is none: each leaves a few dead rows, for which
tables are vacuumed in the end, which would call for the next one though nobody uses the server."""

TREATED = Prepared("""
    SELECT pg_postmaster_start_time(),
           max(greatest(pg_stat_get_last_vacuum_time(t), pg_stat_get_last_autovacuum_time(t),
                        pg_stat_get_last_analyze_time(t), pg_stat_get_last_autoanalyze_time(t)))
      FROM unnest('{messages,contents,folders,folder_groups,quotas,changes,thread_members}'::regclass[]) t
""")
"""The tables that an APPEND writes to. (The views of PostgreSQL that say the same take ten times as long.)"""


class Rehearsals:
    """One when a worker begins, and one whenever plans have been lost, on the connection that is used most."""

    def __init__(self, database: Database):
        self._database = database
        self._treated: Row | None = None  # before the last rehearsal
        self._asked = 0  # the statements of the database until then, and those of look()
        self._stopped = threading.Event()

    def start(self, spawn: Callable[[Callable[[], None]], Any]) -> None:
        spawn(self._look_now_and_then)

    def stop(self) -> None:
        self._stopped.set()

    def look(self, enough: int = ENOUGH) -> None:
        """Raises MailError."""
        is_wanted = self._database.statements - self._asked >= enough
        treated = self._database.row(TREATED)
        if is_wanted and treated != self._treated:
            rehearse(self._database)
            self._treated, self._asked = treated, self._database.statements
        else:
            self._asked += 1

    def _look_now_and_then(self) -> None:
        enough = 0
        while not self._stopped.is_set():
            with suppress(MailError):
                self.look(enough)
                enough = ENOUGH
            self._stopped.wait(SECONDS)


def rehearse(database: Database) -> None:
    """On one connection, in one transaction, which is undone. Where PostgreSQL is away, the first sessions wait as long
    as they have to."""
    with suppress(MailError), database.transaction() as tx:
        play(tx)
        tx.roll_back()


def play(tx: Transaction) -> None:
    """What a client does that logs in, looks around, and moves a message about."""
    stage = cast(Database, tx)  # it has the same verbs
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
    contents.arrived(tx, number, contents.placing(number, content.size, filing), lambda: content)
    content.sha256 = b"another one"
    contents.append(stage, number, [content], filing)
    contents.append_known(stage, number, content.sha256, filing)
    view, first = View(number, inbox.group_id, inbox.folder_id), [range(1, 2)]
    messages.news_since(stage, view, inbox.modseq, claimed_to=0)
    messages.store_flags(stage, view, first, FlagChange("+", DELETED, [], DELETED, False), None, 0)
    messages.copy(stage, view, first, inbox.folder_id, DELETED, False, False, 0)
    messages.expunge(stage, view, None, 0)
