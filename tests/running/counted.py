# SPDX-License-Identifier: MIT
"""A session that counts statements: the real session, dispatch and store, and a connection that is made up."""

import time
from typing import Any

from imapd.auth.authenticate import Authenticator
from imapd.auth.passwords import Passwords
from imapd.cluster.counters import LocalCounters
from imapd.mail.account import Account
from imapd.protocol import dispatch
from imapd.protocol.session import Session
from imapd.protocol.states import State
from imapd.settings import Auth
from tests.protocol.talk import Connection
from tests.running.store import Store

PASSWORD = "password"
CHEAP = Auth(argon2_memory_kib=64, argon2_iterations=1)


class Counted:
    """Logged in as a user; user None: not yet, and then LOGIN counts as well."""

    def __init__(self, store: Store, user: str | None = "user@example.com", node: Any = None):
        self.store = store
        self.node = node or store.node()
        self.connection = Connection([])
        self.session = Session(self.connection, self.node)
        if user is not None:
            self.session.account = store.account(self.node, user)
            self.session.state = State.AUTHENTICATED

    def cost(self, command: str) -> int:
        """Carries a command out, and gives the number of its statements."""
        before = self.store.database.statements
        self.connection.sent.clear()
        self.connection.pieces = [b"a " + command.encode() + b"\r\n"]
        self.connection.received_at = time.monotonic()
        dispatch.serve(self.session)
        assert self.connection.lines[-1].startswith(b"a OK"), (command, self.connection.lines[-1])
        return self.store.database.statements - before


def can_log_in(node: Any, password: str = PASSWORD) -> str:
    """Gives a node what LOGIN needs, and the hash of a password that costs next to nothing to verify."""
    node.authenticator = Authenticator(node.database, LocalCounters(), CHEAP)
    node.open_account = lambda identity: Account(
        node, identity.organization_id, identity.user_id, identity.address, identity.standing
    )
    return Passwords(CHEAP).hash(password)
