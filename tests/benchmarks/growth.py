# SPDX-License-Identifier: MIT
"""`make bench ARGS=--growth`: what the commands on names cost, as a user's domains, folders and shared mailboxes grow.

A row is a command, the statements that it takes, and the milliseconds at each size: of the session, dispatch and store in
one process, on a private PostgreSQL that holds all the others' mailboxes too; without a socket.
"""

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from imapd.storage.pool import Database
from tests.running.counted import PASSWORD, Counted, can_log_in
from tests.running.crowd import Crowd, Person
from tests.running.store import Store
from workers.embedded import Embedded

DOMAINS = (1, 10, 100)
FOLDERS = (10, 100, 1000)
SHARED = (2, 20, 200)
TIMES = 15

SHARED_INBOX = "Shared/sharer1@example.com/INBOX"
COMMANDS = (
    "NAMESPACE",
    'LIST "" "%"',
    'LIST "" "*"',
    'LIST "" "*" RETURN (SPECIAL-USE SUBSCRIBED CHILDREN)',
    'LIST "" "*" RETURN (STATUS (MESSAGES UNSEEN UIDNEXT HIGHESTMODSEQ SIZE))',
    'LIST (SUBSCRIBED) "" "*" RETURN (STATUS (MESSAGES UNSEEN))',
    'LIST "" "Shared/%/INBOX" RETURN (MYRIGHTS)',
    'LSUB "" "*"',
    "STATUS INBOX (MESSAGES UNSEEN)",
    "GETQUOTAROOT INBOX",
    "SELECT INBOX",
    "CLOSE",
    "CREATE Growth",
    "SUBSCRIBE Growth",
    "RENAME Growth Shrinkage",
    "UNSUBSCRIBE Growth",
    "DELETE Shrinkage",
    "GETACL INBOX",
    f"STATUS {SHARED_INBOX} (MESSAGES UNSEEN)",
    f"SELECT {SHARED_INBOX}",
    "UNSELECT",
)

Rows = dict[str, list[tuple[int, float]]]
"""By command: statements and milliseconds at each size."""


def kinds() -> list[tuple[str, tuple[int, ...], list[Person]]]:
    """What grows, to which sizes, and whose it is."""
    one = Person()
    return [
        ("domains, each its own namespace", DOMAINS, [Person(domains=n) for n in DOMAINS]),
        ("domains, merged", DOMAINS, [Person(domains=n, mode="unified") for n in DOMAINS]),
        ("folders", FOLDERS, [Person(folders=n) for n in FOLDERS]),
        ("folders, each merged of ten domains", FOLDERS, [Person(10, n, mode="unified") for n in FOLDERS]),
        ("mailboxes of others, six folders each", SHARED, [replace(one, shared=n) for n in SHARED]),
    ]


def main(times: int = TIMES) -> int:
    """Exit code 1 where the statements of a command grow."""
    with tempfile.TemporaryDirectory(prefix="imapd-bench-", dir="/tmp") as name, Embedded(Path(name)) as services:
        print("growth: a database with its people", file=sys.stderr)
        store = Store(services.dsn, Path(name) / "blobs")
        store.database.close()
        store.database = Database(store.dsn, 2, by_key=True)  # as a worker opens it
        crowd = Crowd(store, can_log_in(store.node()))
        for person in {person for _, _, people in kinds() for person in people}:
            crowd.add(person)
        grows = False
        for title, sizes, people in kinds():
            found = [measured(store, person, times) for person in people]
            grows |= show(title, sizes, {command: [each[command] for each in found] for command in found[0]})
        store.close()
    return int(grows)


def measured(store: Store, person: Person, times: int) -> dict[str, tuple[int, float]]:
    """Statements and median milliseconds of each command."""
    print(f"growth: {person.address}", file=sys.stderr)
    node = store.node()
    can_log_in(node)
    found = {}
    login = f"LOGIN {person.address} {PASSWORD}"
    once = Counted(store, None, node)
    once.cost(login)  # from here on the verification of the password is known
    found["LOGIN"] = median([timed(Counted(store, None, node), login) for _ in range(times)])
    taken: dict[str, list[tuple[int, float]]] = {}
    for _ in range(times):
        for command in COMMANDS:
            taken.setdefault(command, []).append(timed(once, command))
    return found | {command: median(each) for command, each in taken.items()}


def timed(client: Counted, command: str) -> tuple[int, float]:
    began = time.perf_counter()
    statements = client.cost(command)
    return statements, (time.perf_counter() - began) * 1000


def median(taken: list[tuple[int, float]]) -> tuple[int, float]:
    """The first one does not count for the statements: there the index of a mailbox may be read."""
    return max(statements for statements, _ in taken[1:]), statistics.median(duration for _, duration in taken)


def show(title: str, sizes: tuple[int, ...], rows: Rows) -> bool:
    """Prints one table. True where a command takes more and more statements."""
    grows = False
    print(f"\n{title:76} {'statements':>10}" + "".join(f"{f'ms at {size:,}':>12}" for size in sizes))
    for command, found in rows.items():
        counts = [statements for statements, _ in found]
        grows |= counts[-1] > counts[-2]  # something that is merged may take one more than something that is not
        said = str(counts[0]) if len(set(counts)) == 1 else ", ".join(map(str, counts))
        print(f"{command:76} {said:>10}" + "".join(f"{duration:12.2f}" for _, duration in found))
    return grows


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.growth", description=__doc__)
    parser.add_argument("--times", type=int, default=TIMES, help="how often each command runs; the median counts")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main(arguments().times))
