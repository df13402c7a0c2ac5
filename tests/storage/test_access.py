# SPDX-License-Identifier: MIT
"""Lists of rights that several change at the same time."""

import threading
import time

from imapd.storage import access
from tests.running.store import Store


def test_rights_that_two_add_at_the_same_time_are_all_there(store: Store) -> None:
    owner, other = store.account(store.node()), store.account(store.node(), "colleague@example.com")
    folder = owner.find("INBOX").folders[0].folder_id
    statement = "SELECT change_access(%s, %s, %s, '+', 'lr')"
    with store.database.transaction() as tx:
        tx.execute(statement, (owner.organization_id, [folder], f"u{other.user_id}"))
        adding = threading.Thread(target=owner.change_acl, args=("INBOX", other.address, "+", "w"))
        adding.start()
        time.sleep(0.5)
    adding.join(10)
    (entry,) = access.entries(store.database, owner.organization_id, [folder])
    assert entry.rights == "lrw"
