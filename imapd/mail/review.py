# SPDX-License-Identifier: MIT
"""What the open sessions of a worker may still do: rights that were taken, mailboxes and domains that went or came.

At once when a control message says so, and now and then without one, because messages may be lost. A name is resolved
anew by each command anyhow; this is about what stays between commands: the open mailbox, and the names themselves.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from imapd import log
from imapd.errors import MailError
from imapd.mail import rights
from imapd.mail.account import Account
from imapd.mail.mailbox import Mailbox
from imapd.storage import accounts
from imapd.storage.pool import Database

BATCH = 1000
PAUSE_SECONDS = 0.1
REVOKED = "You may no longer read the mailbox that you have open."
REARRANGED = "Your mailboxes have been arranged anew. Log in again."

Item = TypeVar("Item")


class Session(Protocol):
    @property
    def account(self) -> Account | None: ...
    @property
    def end(self) -> Callable[[str], None]: ...


class Review:
    """`live` gives the sessions of this worker; look_soon() and look_everywhere_soon() are for control messages."""

    def __init__(
        self, database: Database, live: Callable[[], list[Any]], *, rights_seconds: float, names_seconds: float
    ):
        self._database = database
        self._live = live
        self._rights_seconds = rights_seconds
        self._names_seconds = names_seconds
        self._soon = threading.Event()
        self._names_due = 0.0
        self._stopped = False

    def start(self, spawn: Callable[[Callable[[], None]], Any]) -> None:
        self._names_due = time.monotonic() + self._names_seconds
        spawn(self._look_now_and_then)

    def stop(self) -> None:
        self._stopped = True
        self._soon.set()

    def look_soon(self, _: str = "") -> None:
        """Rights have changed."""
        self._soon.set()

    def look_everywhere_soon(self, _: str = "") -> None:
        """Users, mailboxes or domains have changed, and rights with them."""
        self._names_due = 0.0
        self._soon.set()

    def check_rights(self) -> None:
        """Brings the rights in open mailboxes of others up to date. Raises MailError."""
        found = [
            (session, session.account, mailbox)
            for session in self._live()
            if session.account
            for mailbox in session.account.opened
            if mailbox.shared
        ]
        for some in _batches(found):
            asked = {_asked(account, mailbox) for _, account, mailbox in some}
            shares = accounts.shares(self._database, sorted(asked))
            for session, account, mailbox in some:
                share = shares[_asked(account, mailbox)]
                held = rights.held(share.grants, mailbox.folder_id or 0)
                if rights.READ in held and share.per_reader != mailbox.per_reader and mailbox in account.opened:
                    session.end(REARRANGED)
                elif held != mailbox.rights and mailbox in account.opened:
                    mailbox.change_rights(held)
                    if rights.READ not in held:
                        session.end(REVOKED)
                    mailbox.wake()

    def check_names(self) -> None:
        """Tells sessions which mailboxes there are now, and ends those whose names mean something else. Raises
        MailError."""
        for some in _batches([session for session in self._live() if session.account]):
            people = {(session.account.organization_id, session.account.user_id) for session in some}
            users = accounts.users(self._database, sorted(people))
            for session in some:
                user = users.get((session.account.organization_id, session.account.user_id))
                if user is None or not session.account.rearrange(user):
                    session.end(REARRANGED)

    def _look_now_and_then(self) -> None:
        while not self._stopped:
            self._soon.wait(self._rights_seconds)
            self._soon.clear()
            try:
                if not self._stopped:
                    self._look()
            except MailError as error:
                log.warning("rights of sessions could not be looked at", error=error)
            except Exception:
                log.exception("the review of sessions failed")
            time.sleep(PAUSE_SECONDS)  # who changes many rights has them looked at together

    def _look(self) -> None:
        now = time.monotonic()
        if now >= self._names_due:
            self._names_due = now + self._names_seconds
            self.check_names()
        self.check_rights()


def _asked(account: Account, mailbox: Mailbox) -> tuple[int, int, int]:
    return account.organization_id, account.user_id, mailbox.folder_id or 0


def _batches(items: Sequence[Item]) -> Iterable[Sequence[Item]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))
