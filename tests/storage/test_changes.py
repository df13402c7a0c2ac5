# SPDX-License-Identifier: MIT
"""What the change log forgets, and what a client that knew no more than that is told."""

from imapd.storage import changes
from tests.running.speaker import Speaker
from tests.running.store import Store

KEPT = 30 * 86400


def rows(store: Store) -> int:
    found = store.database.row("SELECT count(*) FROM changes")
    assert found
    return int(found[0])


def test_only_what_is_old_is_forgotten(store: Store) -> None:
    user = Speaker(store)
    for number in range(3):
        user.append("INBOX", str(number))
    assert sum(changes.prune(store.database, KEPT)) == 0
    store.database.execute("UPDATE changes SET changed_at = now() - interval '31 days'")
    user.append("INBOX", "new")
    before = rows(store)
    assert sum(changes.prune(store.database, KEPT)) == before - 1
    assert rows(store) == 1


def test_who_was_away_longer_is_told_all_that_is_there(store: Store) -> None:
    user = Speaker(store)
    user.ok("ENABLE QRESYNC")
    for number in range(5):
        user.append("INBOX", str(number))
    opened = user.ok("SELECT INBOX")
    [validity] = [line.split("UIDVALIDITY ")[1].split("]")[0] for line in opened if "UIDVALIDITY" in line]
    user.ok("STORE 2,3 +FLAGS (\\Deleted)")
    user.ok("EXPUNGE")
    store.database.execute("UPDATE changes SET changed_at = now() - interval '31 days'")
    sum(changes.prune(store.database, KEPT))
    user.append("INBOX", "new")
    told = user.ok(f"SELECT INBOX (QRESYNC ({validity} 2))")
    assert "* VANISHED (EARLIER) 2:3" in told
    assert sum("FETCH" in line for line in told) == 3  # the first has not changed since modseq 2
    told = user.ok(f"SELECT INBOX (QRESYNC ({validity} 2 4:5))")
    assert not any("VANISHED" in line for line in told)
    assert sum("FETCH" in line for line in told) == 2


def test_an_index_that_knows_less_than_is_kept_learns_it_all(store: Store) -> None:
    """A worker that has not looked for a month."""
    here, there = Speaker(store), Speaker(store)
    for number in range(4):
        here.append("INBOX", str(number))
    there.ok("SELECT INBOX")
    here.ok("SELECT INBOX")
    here.ok("STORE 1 +FLAGS (\\Deleted)")
    here.ok("EXPUNGE")
    here.ok("STORE 1 +FLAGS (\\Flagged)")
    store.database.execute("UPDATE changes SET changed_at = now() - interval '31 days'")
    sum(changes.prune(store.database, KEPT))
    told = there.ok("NOOP")
    assert "* 1 EXPUNGE" in told
    assert any(line.startswith("* 1 FETCH (FLAGS (") and "\\Flagged" in line for line in told), told
