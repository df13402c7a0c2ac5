# SPDX-License-Identifier: MIT
"""What a command reads depends on what it is about, and not on how many people there are around it."""

from collections.abc import Iterable, Iterator

import pytest

from imapd.mail.account import Draft
from imapd.storage import grants, provision, quota_roots
from imapd.storage.addresses import address
from imapd.storage.grants import Limits
from imapd.storage.pool import Database
from tests.benchmarks.growth import COMMANDS
from tests.running.counted import PASSWORD, Counted, can_log_in
from tests.running.crowd import LETTER, Crowd, Person
from tests.running.store import Store
from workers.demo_accounts import Octets

PERSON = Person(domains=2)
SHARED = "Shared/sharer0@example.com"
LITERAL = f"{{{len(LETTER)}+}}\r\n{LETTER}"
ASKED = (
    *COMMANDS,
    "GETQUOTA user",
    "GETQUOTA example.com",
    "GETQUOTA domain/example.com",
    f"GETQUOTA {SHARED}",
    f"GETQUOTAROOT {SHARED}/INBOX",
    f"GETMETADATA {SHARED}/INBOX /private/comment",
    f"MYRIGHTS {SHARED}/INBOX",
    "LISTRIGHTS INBOX colleague@example.com",
    "SETACL INBOX colleague@example.com lr",
    "DELETEACL INBOX colleague@example.com",
    f"APPEND INBOX {LITERAL}",
    "SELECT INBOX",
    "FETCH 1:* (FLAGS ENVELOPE THREADID)",
    "STORE 1:* +FLAGS (\\Seen kept)",
    "SEARCH SUBJECT one SINCE 1-Jan-2020",
    "THREAD REFERENCES UTF-8 ALL",
    "COPY 1:* Drafts",
    "MOVE 1:* Drafts",
    "SELECT Drafts",
    "STORE 1:* +FLAGS (\\Deleted)",
    "EXPUNGE",
)
OF_ONE = (
    "SELECT INBOX",
    f"APPEND INBOX {LITERAL}",
    "NOOP",
    "FETCH * (UID FLAGS ENVELOPE BODY.PEEK[HEADER.FIELDS (SUBJECT)] EMAILID SAVEDATE)",
    "STORE * +FLAGS (\\Seen kept)",
    "SEARCH * SUBJECT one",
    "SORT (ARRIVAL) UTF-8 *",
    "COPY * Drafts",
    f"REPLACE * INBOX {LITERAL}",
    "MOVE * Drafts",
    "STATUS INBOX (MESSAGES UNSEEN SIZE DELETED)",
    "SELECT Drafts",
    "STORE * +FLAGS (\\Deleted)",
    "UID EXPUNGE 1:*",
    "STATUS Drafts (RECENT UIDNEXT)",
)
PEOPLE = 100
QUIET_PEOPLE = 2000
DOUBLINGS = 12
#: A look-up by key may pass over some that are no more; a scan of everybody would be ten times as much.
SPARE = 50


@pytest.fixture
def database(store: Store) -> Iterator[Database]:
    """One connection, opened as a worker opens it."""
    store.database.close()
    store.database = Database(store.dsn, 1, by_key=True)
    yield store.database
    store.database.close()


def rows_read(database: Database) -> int:
    """By all statements so far: entries of indexes, and rows of tables that were read from end to end."""
    database.execute("SELECT pg_stat_force_next_flush()")
    row = database.row(
        "SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)"
        " + (SELECT sum(seq_tup_read) FROM pg_stat_user_tables)"
    )
    assert row
    return int(row[0])


def reads(store: Store, asked: Iterable[str] = ASKED) -> dict[str, int]:
    """Of each command. All of them are given before, once: so every statement is planned, and the index is warm."""
    node = store.node()
    can_log_in(node)
    found: dict[str, int] = {}
    for _ in range(2):
        client = Counted(store, None, node)
        for command in (f"LOGIN {PERSON.address} {PASSWORD}", *asked):
            before = rows_read(store.database)
            client.cost(command)
            found[command] = rows_read(store.database) - before
    return found


def furnish(store: Store, first: int, number: int) -> None:
    """People with mail in two domains, a quota each, and something that they share with the one before."""
    node = store.node()
    for n in range(first, first + number):
        name = address(f"other{n}@example.com")
        provision.add_user(store.database, name, "", None)
        provision.add_mailbox(store.database, address(f"other{n}@company.org"), name, Limits(storage=10**6))
        quota_roots.set_limits(store.database, name, Limits(storage=10**9), user=True, keep=())
        neighbour = f"other{n - 1}@company.org" if n else PERSON.address
        grants.grant(store.database, name, "INBOX", address(neighbour), "lr")
        letter = LETTER.replace("one", f"one {n}").encode()
        store.account(node, str(name)).append("example.com/INBOX", [Draft(Octets(letter, len(letter)))])


def test_what_is_read_stays_the_same(store: Store, database: Database) -> None:
    crowd = Crowd(store, can_log_in(store.node()))
    crowd.add(PERSON)
    quota_roots.set_limits(database, address(PERSON.address), Limits(storage=10**9), user=True, keep=())
    quota_roots.set_limits(database, "example.com", Limits(storage=10**12), user=False, keep=())
    furnish(store, 0, 3)
    few = reads(store)
    furnish(store, 3, PEOPLE)
    provision.add_users(database, "example.com", [f"quiet{n}" for n in range(QUIET_PEOPLE)], None)
    database.execute("ANALYZE")  # as autovacuum does within a minute
    many = reads(store)
    assert not grown(few, many)


def grown(few: dict[str, int], many: dict[str, int]) -> dict[str, tuple[int, int]]:
    return {command: (few[command], many[command]) for command in few if many[command] > few[command] + SPARE}


def test_what_is_read_of_one_message_stays_the_same_however_many_there_are(store: Store, database: Database) -> None:
    """Also before PostgreSQL has counted them once more."""
    node = store.node()
    Crowd(store, can_log_in(node)).add(PERSON)
    client = Counted(store, PERSON.address, node)
    client.cost(f"APPEND INBOX {LITERAL}")
    database.execute("ANALYZE")
    few = reads(store, OF_ONE)
    for command in ("SELECT INBOX", *["COPY 1:* INBOX"] * DOUBLINGS):
        client.cost(command)
    many = reads(store, OF_ONE)
    assert not grown(few, many)
