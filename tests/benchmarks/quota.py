# SPDX-License-Identifier: MIT
"""`make bench ARGS=--quota`: many writers in one domain with a quota, beside as many in a domain each, all with a quota.

What all of a domain use together must not be a place where its users queue: one domain is to reach 80 % of the
throughput. Both are measured on the same server, in turn, by users and mailboxes that differ in nothing but the domain.
"""

import argparse
import itertools
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from imapd.storage import provision, quota_roots
from imapd.storage.addresses import address
from imapd.storage.pool import Database
from imapd.storage.quotas import Limits
from imapd.storage.schema import migrate
from tests.running.client import Client, Literal
from tests.running.server import Node, operator
from workers.embedded import Embedded

GOAL = 0.8
BODY = b"x" * 3000 + b"\r\n"
NUMBERS = itertools.count(1)
ROOM = Limits(storage=1 << 40, messages=1 << 40)


def main(given: Sequence[str] | None = None) -> int:
    options = arguments(given)
    with tempfile.TemporaryDirectory(prefix="imapd-bench-", dir="/tmp") as name:
        directory = Path(name)
        with Embedded(directory / "services") as services:
            node = furnish(services, directory, options.writers)
            ratios = [compare("store", options, lambda users: in_store(services.dsn, users, options.seconds))]
            if not options.store_only:
                node.start()
                ratios.append(compare("IMAP", options, lambda users: by_imap(node, users, options.seconds)))
                node.stop()
    return int(min(ratios) < GOAL)


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.quota", description=__doc__)
    parser.add_argument("--writers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=3, help="of each run")
    parser.add_argument("--rounds", type=int, default=11, help="runs of each kind, in turn")
    parser.add_argument("--store-only", action="store_true", help="without a server: the database does all the work")
    return parser.parse_args(given)


def furnish(services: Embedded, directory: Path, writers: int) -> Node:
    """One domain with a user for each writer, and a domain with one user for each; every domain has a quota."""
    blobs = services.data / "blobs"
    blobs.mkdir()
    node = Node(directory / "node", services.dsn, services.redis_url, blobs)
    node.configure({"server": {"workers": None, "max_connections_per_ip": 10_000}})
    migrate(services.dsn)
    database = Database(services.dsn, 1)
    provision.add_organization(database, "Example")
    for domain, names in [("one.example", writers), *((f"d{n}.example", 1) for n in range(writers))]:
        provision.add_domain(database, "Example", domain)
        provision.add_users(database, domain, [f"user{n}" for n in range(names)], None)
        quota_roots.set_limits(database, domain, ROOM, user=False, keep=())
    operator("user", "password", "user0@one.example", "--stdin", "--config", str(node.configuration), text="password\n")
    database.execute(
        "UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE password_hash IS NOT NULL LIMIT 1)"
    )
    database.close()
    return node


def compare(what: str, options: argparse.Namespace, run: Callable[[list[str]], float]) -> float:
    """Prints both and gives their ratio: the median of those of the rounds, since what else a machine does changes."""
    same = [f"user{n}@one.example" for n in range(options.writers)]
    apart = [f"user0@d{n}.example" for n in range(options.writers)]
    one, many = [], []
    for number in range(options.rounds):
        print(f"{what}: round {number + 1}", file=sys.stderr)
        turns = [(one, same), (many, apart)]
        for figures, users in turns if number % 2 else reversed(turns):
            figures.append(run(users))
    ratios = [here / there for here, there in zip(one, many, strict=True)]
    ratio = statistics.median(ratios)
    print(
        f"{what}: {options.writers} writers in one domain {statistics.median(one):.0f}/s,"
        f" in {options.writers} domains {statistics.median(many):.0f}/s: {100 * ratio:.0f} %"
        f" (rounds from {100 * min(ratios):.0f} to {100 * max(ratios):.0f} %)"
    )
    return ratio


def at_once(work: list[Callable[[float], int]], seconds: float) -> float:
    """Deeds a second, of all of them together."""
    done: list[int] = []
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=lambda one=one: done.append(one(until))) for one in work]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == len(work), "a writer has failed"
    return sum(done) / seconds


def in_store(dsn: str, users: list[str], seconds: float) -> float:
    """Messages a second that the database takes, without anything around it: a connection for each writer."""
    database = Database(dsn, len(users))
    places = [place(database, user) for user in users]
    organization_id, content_id = places[0][0], a_content(database, places[0][0])

    def writer(folder_id: int) -> Callable[[float], int]:
        def write(until: float) -> int:
            count = 0
            while time.monotonic() < until:
                database.row(
                    "SELECT * FROM append_messages(%s, %s, ARRAY[%s]::bigint[], '{3000}', '{1}', '{0}', '{0}', ARRAY[''])",
                    (organization_id, folder_id, content_id),
                )
                count += 1
            return count

        return write

    try:
        return at_once([writer(folder_id) for _, folder_id in places], seconds)
    finally:
        database.close()


def place(database: Database, user: str) -> tuple[int, int]:
    """organization_id and folder_id of an INBOX."""
    at = address(user)
    row: Any = database.row(
        "SELECT f.organization_id, f.folder_id FROM folders f JOIN mailboxes m USING (organization_id, mailbox_id)"
        " JOIN domains d USING (domain_id) WHERE d.name = %s AND m.local_part = %s AND f.name = 'INBOX'",
        (at.domain, at.local_part),
    )
    return row


def a_content(database: Database, organization_id: int) -> int:
    row: Any = database.row(
        "INSERT INTO contents (organization_id, sha256, size, envelope, body, body_structure, parts, header,"
        " header_size, thread_id)"
        " VALUES (%s, sha256('x'), 3000, '', '', '', '', '', 0, 1)"
        " ON CONFLICT (organization_id, sha256) DO UPDATE SET size = 3000 RETURNING content_id",
        (organization_id,),
    )
    return row[0]


def by_imap(node: Node, users: list[str], seconds: float) -> float:
    """APPENDs a second that clients get done, one connection each. No two letters are the same: one that is stored
    already would be a row that everybody waits for, here as there."""
    clients = [node.client(user, timeout_seconds=60) for user in users]

    def writer(client: Client) -> Callable[[float], int]:
        def write(until: float) -> int:
            count = 0
            while time.monotonic() < until:
                letter = b"Subject: %d\r\n\r\n%b" % (next(NUMBERS), BODY)
                client.ok("APPEND INBOX ", Literal(letter, plus=True))
                count += 1
            return count

        return write

    try:
        return at_once([writer(client) for client in clients], seconds)
    finally:
        for client in clients:
            client.close()


if __name__ == "__main__":
    sys.exit(main())
