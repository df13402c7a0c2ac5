# SPDX-License-Identifier: MIT
"""What the sessions of one worker share. Assembled by the worker that runs them; holds no session's state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imapd.mail.account import Account
from imapd.mail.index import Indexes
from imapd.settings import Settings
from imapd.storage.blobs import BlobStore, here
from imapd.storage.pool import Database

if TYPE_CHECKING:
    from imapd.auth.authenticate import Authenticator, Identity
    from imapd.cluster.wakeups import Wakeups


@dataclass(slots=True)
class Node:
    """offload(function, *args): runs a call that would hold up the hub on a native thread, and waits for it."""

    settings: Settings
    database: Database
    blobs: BlobStore
    wakeups: Wakeups
    authenticator: Authenticator | None
    indexes: Indexes
    metrics: Any
    offload: Callable[..., Any] = here

    def open_account(self, identity: Identity) -> Account:
        return Account(self, identity.organization_id, identity.user_id, identity.address)
