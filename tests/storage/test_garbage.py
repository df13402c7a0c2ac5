# SPDX-License-Identifier: MIT
"""What nobody refers to goes after the grace, and nothing else does."""

import hashlib
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from imapd.mail.account import Account, Draft
from imapd.storage.garbage import Collected, collect
from tests.running.store import Store

GRACE = 3600


def draft(text: str) -> Draft:
    octets = f"Subject: {text}\r\n\r\n{text}\r\n".encode()
    return Draft(SimpleNamespace(data=octets, spool=None, size=len(octets)))


def files(store: Store) -> list[Path]:
    return sorted(path for path in store.blobs.rglob("*") if path.is_file())


def made_older(store: Store) -> None:
    """As if all of it had lain there for two graces."""
    for path in files(store):
        os.utime(path, (time.time() - 2 * GRACE,) * 2)
    store.database.execute("UPDATE contents SET last_used_at = now() - make_interval(secs => %s)", (2 * GRACE,))


def collected(store: Store, node: Any) -> Collected:
    return list(collect(store.database, node.blobs, GRACE))[-1]


def with_one_removed(store: Store, node: Any) -> Account:
    """Two messages in INBOX, of which the second is removed."""
    account = store.account(node)
    account.append("INBOX", [draft("stays"), draft("goes")])
    mailbox = account.open("INBOX")
    mailbox.store([range(1, 2)], "+", ["\\Deleted"])
    mailbox.expunge()
    mailbox.close()
    return account


def test_what_was_removed_goes_after_the_grace(store: Store) -> None:
    node = store.node()
    with_one_removed(store, node)
    assert collected(store, node) == Collected()
    made_older(store)
    gone = collected(store, node)
    assert (gone.contents, gone.blobs, gone.uploads) == (1, 1, 0)
    assert len(files(store)) == 1
    assert collected(store, node) == Collected()


def test_what_comes_again_stays(store: Store) -> None:
    node = store.node()
    account = with_one_removed(store, node)
    made_older(store)
    account.append("INBOX", [draft("goes")])
    assert collected(store, node) == Collected()
    mailbox = account.open("INBOX")
    assert mailbox.body(mailbox.view.content_ids[1]).read() == draft("goes").literal.data


def test_a_blob_that_no_transaction_followed_goes(store: Store) -> None:
    node = store.node()
    node.blobs.put(1, [(bytes(32), b"never committed")])
    spool = node.blobs.spool()
    spool.write(b"half of a message")
    made_older(store)
    gone = collected(store, node)
    assert (gone.blobs, gone.octets, gone.uploads) == (1, len(b"never committed"), 1)


def test_what_a_killed_collector_left_goes(store: Store) -> None:
    node = store.node()
    node.blobs.put(1, [(bytes(32), b"x")])
    path = files(store)[0]
    path.rename(path.with_name(path.name + ".gone"))
    made_older(store)
    collected(store, node)
    assert files(store) == []


def test_only_one_collects(store: Store) -> None:
    with store.database.alone(7) as first, store.database.alone(7) as second, store.database.alone(8) as other:
        assert (first, second, other) == (True, False, True)
    with store.database.alone(7) as again:
        assert again


def test_threads_that_nobody_is_in_are_forgotten(store: Store) -> None:
    node = store.node()
    account = store.account(node)
    octets = b"Message-ID: <alone@x>\r\nReferences: <root@x> <near@x>\r\n\r\ntext\r\n"
    account.append("INBOX", [Draft(SimpleNamespace(data=octets, spool=None, size=len(octets))), draft("stays")])
    mailbox = account.open("INBOX")
    mailbox.store([range(1)], "+", ["\\Deleted"])
    mailbox.expunge()
    assert collected(store, node) == Collected()
    count = "SELECT count(*) FROM thread_members"
    assert store.database.row(count) == (3,)
    made_older(store)
    assert collected(store, node).contents == 1
    assert store.database.row(count) == (0,)


def test_what_a_killed_collector_had_taken_aside_comes_back(store: Store) -> None:
    node = store.node()
    account = store.account(node)
    account.append("INBOX", [draft("stays")])
    (path,) = files(store)
    os.rename(path, path.with_name(path.name + ".gone"))
    made_older(store)
    assert collected(store, node).blobs == 0
    assert files(store) == [path]


def test_a_message_on_its_way_in_stays_even_without_any_grace(store: Store) -> None:
    node = store.node()
    octets = b"Subject: not in the database yet\r\n\r\n"
    digest = hashlib.sha256(octets).digest()
    node.blobs.put(1, [(digest, octets)])
    spool = node.blobs.spool()
    time.sleep(0.01)
    assert list(collect(store.database, node.blobs, 0))[-1] == Collected()
    assert node.blobs.exists(1, digest)
    spool.close()
