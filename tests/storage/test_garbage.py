# SPDX-License-Identifier: MIT
"""What nobody refers to goes after the grace, and nothing else does."""

import hashlib
import os
import stat
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg2

from imapd.mail.account import Account, Draft
from imapd.storage import provision
from imapd.storage.addresses import address
from imapd.storage.blobs import NOT_KEPT
from imapd.storage.garbage import Collected, collect
from tests.running.store import Store

GRACE = 3600


def draft(text: str) -> Draft:
    return _draft(f"Subject: {text}\r\n\r\n{text}\r\n".encode())


def reply() -> Draft:
    return _draft(b"Message-ID: <alone@x>\r\nReferences: <root@x> <near@x>\r\n\r\ntext\r\n")


def _draft(octets: bytes) -> Draft:
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


def with_one_organization_removed(store: Store, node: Any) -> Path:
    """The directory of its bodies; beside it another organisation has a message."""
    store.account(node).append("INBOX", [draft("stays")])
    provision.add_organization(store.database, "Short-lived")
    provision.add_domain(store.database, "Short-lived", "short.example")
    guest = address("guest@short.example")
    provision.add_user(store.database, guest, "Guest", None)
    account = store.account(node, str(guest))
    account.append("INBOX", [draft("stays"), draft("goes"), reply()])
    provision.remove_user(store.database, guest)
    provision.remove_domain(store.database, guest.domain)
    provision.remove_organization(store.database, "Short-lived")
    return store.blobs / str(account.organization_id)


def test_all_of_a_removed_organisation_goes_after_the_grace(store: Store) -> None:
    node = store.node()
    home = with_one_organization_removed(store, node)
    assert collected(store, node) == Collected()
    assert len(files(store)) == 4
    made_older(store)
    assert collected(store, node).blobs == 3
    assert not home.exists()
    (left,) = files(store)
    assert left.name == hashlib.sha256(draft("stays").literal.data).hexdigest()
    assert store.database.rows("SELECT FROM thread_members WHERE organization_id = %s", (int(home.name),)) == []
    assert collected(store, node) == Collected()


def test_what_is_new_of_a_removed_organisation_stays_with_its_directory(store: Store) -> None:
    node = store.node()
    home = with_one_organization_removed(store, node)
    made_older(store)
    digest = hashlib.sha256(b"on its way in").digest()
    node.blobs.put(int(home.name), [(digest, b"on its way in")])
    assert collected(store, node).blobs == 3
    assert files(store)[1:] == [home / digest.hex()[:2] / digest.hex()]


def test_what_this_database_never_numbered_stays(store: Store) -> None:
    """Another one's, or that of an organisation that has yet to be restored."""
    node = store.node()
    node.blobs.put(2, [(bytes(32), b"x")])
    (store.blobs / "3").write_bytes(b"no directory")
    (store.blobs / "lost+found" / "00").mkdir(parents=True)
    made_older(store)
    assert collected(store, node) == Collected()
    assert len(files(store)) == 2
    for name in ("Second", "Third", "Fourth"):
        provision.add_organization(store.database, name)
        provision.remove_organization(store.database, name)
    assert collected(store, node).blobs == 1
    assert sorted(path.name for path in store.blobs.iterdir()) == ["3", "incoming", "lost+found"]


def test_an_organisation_that_is_made_while_garbage_is_collected_keeps_its_bodies(store: Store) -> None:
    node = store.node()
    with_one_organization_removed(store, node)
    made_older(store)
    steps = collect(store.database, node.blobs, GRACE)
    next(steps)
    provision.add_organization(store.database, "Newcomer")
    row = store.database.row("SELECT organization_id FROM organizations WHERE name = 'Newcomer'")
    assert row
    node.blobs.put(row[0], [(bytes(32), b"x")])
    path = store.blobs / str(row[0]) / "00" / bytes(32).hex()
    os.utime(path, (time.time() - 2 * GRACE,) * 2)
    list(steps)
    assert path.exists()


def test_only_one_collects(store: Store) -> None:
    with store.database.alone(7) as first, store.database.alone(7) as second, store.database.alone(8) as other:
        assert (first, second, other) == (True, False, True)
    with store.database.alone(7) as again:
        assert again


def test_threads_that_nobody_is_in_are_forgotten(store: Store) -> None:
    node = store.node()
    account = store.account(node)
    account.append("INBOX", [reply(), draft("stays")])
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
    assert stat.S_IMODE(path.stat().st_mode) == NOT_KEPT  # the name it has again may not be on the disk


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


def test_what_is_used_again_while_it_is_collected_stays(store: Store) -> None:
    """Somebody has begun to store a message before the collector looks, and is done after that."""
    node = store.node()
    with_one_removed(store, node)
    made_older(store)
    again = psycopg2.connect(store.dsn)
    with again.cursor() as cursor:
        cursor.execute("SET lock_timeout = '10s'")
        cursor.execute(
            "UPDATE contents SET last_used_at = now() WHERE content_id NOT IN (SELECT content_id FROM messages)"
            " RETURNING content_id"
        )
        ((content_id,),) = cursor.fetchall()
        steps = collect(store.database, node.blobs, 0)
        collecting = threading.Thread(target=lambda: found.extend(steps))
        found: list[Collected] = []
        collecting.start()
        time.sleep(0.3)
        cursor.execute("UPDATE messages SET content_id = %s", (content_id,))
        again.commit()
    collecting.join(10)
    again.close()
    assert found[-1].contents == 0
    mailbox = store.account(store.node()).open("INBOX")
    assert mailbox.body(mailbox.view.content_ids[0]).read() == draft("goes").literal.data


def test_many_contents_cost_one_look_at_all_messages(store: Store) -> None:
    database = store.database
    database.execute(
        "INSERT INTO contents (organization_id, sha256, size, envelope, body, body_structure, parts, header, header_size,"
        " thread_id, last_used_at)"
        " SELECT 1, sha256(n::text::bytea), 1, '', '', '', '', '', 0, n, now() - interval '2 days'"
        " FROM generate_series(1, 8000) n"
    )
    database.execute(
        "INSERT INTO messages (organization_id, group_id, uid, folder_id, modseq, content_id, size, internal_date,"
        " internal_zone, flags) SELECT 1, 1, n, 1, 1, 1 + n % 4000, 1, 0, 0, 0 FROM generate_series(1, 80000) n"
    )
    began = time.monotonic()
    *_, gone = collect(database, store.node().blobs, GRACE)
    assert gone.contents == 4000
    assert time.monotonic() - began < 10  # each content by itself: hundreds of millions of rows
