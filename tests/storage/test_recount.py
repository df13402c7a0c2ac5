# SPDX-License-Identifier: MIT
"""Which mailboxes are counted together, and how many statements that takes."""

from imapd.mail.account import Draft
from imapd.storage import provision, recount
from imapd.storage.addresses import address
from tests.running.store import Store
from workers.demo_accounts import Octets

LETTER = Draft(Octets(b"Subject: one\r\n\r\n", 16))


def test_together_come_those_of_one_organization(store: Store) -> None:
    for name in ("second", "third"):
        provision.add_organization(store.database, name)
        provision.add_domain(store.database, name, f"{name}.example")
        for user in ("a", "b", "c"):
            provision.add_user(store.database, address(f"{user}@{name}.example"), user, None)
    batches = list(recount.batches(store.database))
    assert [len(boxes) for boxes in batches] == [3, 3, 3]
    assert all(len({box.organization_id for box in boxes}) == 1 for boxes in batches)
    together = [box for boxes in batches for box in boxes]
    assert together == list(recount.everything(store.database)) == sorted(set(together))


def test_a_large_mailbox_comes_by_itself(store: Store) -> None:
    for number in range(recount.BATCH + 30):
        provision.add_user(store.database, address(f"user{number}@example.com"), "A. User", None)
    whole = recount.BATCH + 30 + 3
    assert [len(boxes) for boxes in recount.batches(store.database)] == [recount.BATCH, whole - recount.BATCH]
    tenth = list(recount.everything(store.database))[9]
    large = "UPDATE quotas SET messages_used = %s WHERE (organization_id, mailbox_id) = (%s, %s)"
    store.database.execute(large, (recount.MESSAGES + 1, *tenth))
    batches = list(recount.batches(store.database))
    assert [len(boxes) for boxes in batches] == [9, 1, recount.BATCH - 10, whole - recount.BATCH]
    assert batches[1] == [tenth]


def test_a_batch_is_counted_in_one_statement_and_each_mailbox_by_itself(store: Store) -> None:
    user, colleague = store.account(store.node()), store.account(store.node(), "colleague@example.com")
    user.append("INBOX", [LETTER] * 3)
    colleague.append("Drafts", [LETTER])
    store.database.execute("UPDATE folders SET unseen = unseen + 1 WHERE messages > 0")
    store.database.execute("UPDATE quotas SET storage_used = storage_used + 2 WHERE messages_used = 1")
    [boxes] = recount.batches(store.database)
    asked = store.database.statements
    assert recount.drift(store.database, boxes) == [
        ("user@example.com/INBOX", "unseen", 4, 3),
        ("colleague@example.com/Drafts", "unseen", 2, 1),
        ("colleague@example.com", "storage used", 18, 16),
    ]
    assert store.database.statements == asked + 1
    assert recount.drift(store.database, [boxes[1]]) == []  # user@company.org


def test_the_next_mailboxes_are_found_by_what_they_are(store: Store) -> None:
    """However many there are before and behind them."""
    [(organization_id, domain_id, user_id)] = store.database.rows(
        "SELECT organization_id, domain_id, user_id FROM mailboxes ORDER BY mailbox_id LIMIT 1"
    )
    store.database.execute(
        "WITH made AS (INSERT INTO mailboxes (organization_id, domain_id, user_id, local_part)"
        "              SELECT %s, %s, %s, 'box' || i FROM generate_series(1, 5000) i RETURNING organization_id, mailbox_id)"
        " INSERT INTO quotas (organization_id, mailbox_id) SELECT * FROM made",
        (organization_id, domain_id, user_id),
    )
    store.database.execute("ANALYZE mailboxes, quotas")
    middle = list(recount.everything(store.database))[2500]
    read = (
        "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int FROM pg_stat_xact_user_tables"
        " WHERE relname IN ('mailboxes', 'quotas')"
    )
    with store.database.transaction() as tx:
        (before,) = tx.row(read) or (0,)
        assert len(tx.rows(recount.NEXT, (*middle, recount.BATCH))) == recount.BATCH
        (after,) = tx.row(read) or (0,)
        assert after - before <= 3 * recount.BATCH
        tx.rows(recount.COUNTED, (*middle, middle.mailbox_id + recount.BATCH - 1))
        (in_all,) = tx.row(read) or (0,)
        assert in_all - after <= 3 * recount.BATCH
