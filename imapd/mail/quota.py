# SPDX-License-Identifier: MIT
"""The quotas that bind a user's mailboxes, by the names that IMAP gives them, and who may set them.

A mailbox's root is named after its domain, as its namespace is; the root of all mailboxes of the user is "user", that
of a whole domain "domain/<name>". What is enforced is enforced by the store.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imapd import errors
from imapd.mail import rights
from imapd.mail.namespaces import SHARED
from imapd.storage import accounts, quotas
from imapd.storage.pool import Database
from imapd.storage.quotas import Limits as Limits
from imapd.storage.quotas import Usage

if TYPE_CHECKING:
    from imapd.mail.account import Account

USER = "user"
DOMAIN = "domain/"


@dataclass(frozen=True, slots=True)
class Root:
    """A root by its name, with what is used (octets, messages, folders); a limit is None where there is none."""

    name: str
    storage_used: int = 0
    storage_limit: int | None = None
    messages_used: int = 0
    message_limit: int | None = None
    folders_used: int = 0
    folder_limit: int | None = None
    warned: int = 0

    @property
    def percent(self) -> int:
        """How much is used, of whatever is nearest to its limit."""
        return quotas.percent_used(self) or 0


@contextmanager
def refusals_noted(database: Database, organization_id: int) -> Iterator[None]:
    """Who finds no room is refused, and whoever is to know that a quota is full will be told."""
    try:
        yield
    except errors.OverQuota as refused:
        if refused.root:
            try:
                quotas.note_refusal(database, organization_id, refused.root)
            except errors.MailError:
                pass  # the next one that is refused will note it
        raise


class Quotas:
    """What one user can know and do about quotas."""

    __slots__ = ("_account", "_database", "_organization_id")

    def __init__(self, account: Account):
        self._account = account
        self._database = account.database
        self._organization_id = account.organization_id

    def of_mailbox(self, name: str) -> list[Root]:
        """Every root that binds a mailbox, its own first; of one that is not there, those that would bind it (RFC 9208
        section 4.1.2). Raises errors.NotFound, NoPermission."""
        boxes = self._boxes(name)
        found = quotas.of_mailboxes(self._database, self._organization_id, boxes)
        # Mailbox, user, domain; of several mailboxes (in a unified namespace) the one that takes new messages first.
        order = {f"m{box}": number for number, box in enumerate(boxes)}
        found.sort(key=lambda usage: ("mud".index(usage.root[0]), order.get(usage.root, 0), usage.root))
        return [self._named(usage) for usage in found]

    def _boxes(self, name: str) -> list[int]:
        account = self._account
        try:
            place = account.need(account.find(name), rights.READ)
        except errors.NotFound:
            if name.startswith(SHARED):
                raise
            return [account.home_of(name)]
        return [folder.mailbox_id for folder in place.folders]

    def root(self, name: str) -> Root:
        """One root. Raises errors.NotFound also where it is none of this user's business."""
        usage = quotas.of_root(self._database, self._organization_id, self._key(name))
        if usage is None:
            raise errors.NotFound("No such quota root.")
        return _root(name, usage)

    def set(self, name: str, limits: Limits) -> Root:
        """Sets all limits of a root. Raises errors.NotFound, NoPermission, Cannot."""
        key = self._key(name)
        if not self._administers_all_of(key):
            raise errors.NoPermission
        quotas.set_limits(
            self._database, self._organization_id, key, limits, user_id=self._account.user_id,
            address=self._account.address, name=name,
        )  # fmt: skip
        usage = quotas.of_root(self._database, self._organization_id, key)
        return _root(name, usage) if usage else Root(name)

    def crossed(self, key: str) -> Root | None:
        """A root that has just crossed a threshold, to tell the user of; None where it is gone."""
        usage = quotas.of_root(self._database, self._organization_id, key)
        return self._named(usage) if usage else None

    # Names

    def _named(self, usage: Usage) -> Root:
        return _root(self._name(usage), usage)

    def _name(self, usage: Usage) -> str:
        if usage.root[0] == "d":
            return f"{DOMAIN}{usage.domain}"
        if usage.root[0] == "u":
            own = usage.user_id == self._account.user_id
            return USER if own else f"{SHARED}{usage.address}/{USER}"
        prefixes = {box: prefix for prefix, box in self._account.prefixes()}
        return prefixes.get(usage.mailbox_id or 0) or f"{SHARED}{usage.address}"

    def _key(self, name: str) -> str:
        """The root of a name, which need not be there yet where it is above mailboxes. Raises errors.NotFound."""
        for prefix, mailbox_id in self._account.prefixes():
            if prefix == name:
                return f"m{mailbox_id}"
        if name == USER:
            return f"u{self._account.user_id}"
        found = self._of_domain(name) if name.startswith(DOMAIN) else self._of_others(name)
        if found is None:
            raise errors.NotFound("No such quota root.")
        return found

    def _of_domain(self, name: str) -> str | None:
        domain = name.removeprefix(DOMAIN)
        if domain_id := self._administered().get(domain):
            return f"d{domain_id}"
        boxes = [mailbox_id for _, mailbox_id in self._account.prefixes()]
        boxes += [grant.mailbox_id for grant in self._grants() if rights.READ in grant.rights]
        for usage in quotas.of_mailboxes(self._database, self._organization_id, boxes):
            if usage.root[0] == "d" and usage.domain == domain:
                return usage.root
        return None

    def _of_others(self, name: str) -> str | None:
        """Shared/<address>, Shared/<address>/user; and a plain address for who administers its domain."""
        address = name.removeprefix(SHARED).removesuffix("/" + USER)
        if name.startswith(SHARED):
            visible = any(grant.address == address and rights.READ in grant.rights for grant in self._grants())
        else:
            visible = address.rpartition("@")[2] in self._administered()
        at = quotas.mailbox_at(self._database, self._organization_id, address) if visible else None
        if at is None:
            return None
        mailbox_id, user_id = at
        if not name.endswith("/" + USER):
            return f"m{mailbox_id}"
        if user_id is None:
            return None
        # What a user has in a domain of others is not for the administrator of one of them to see.
        return f"u{user_id}" if name.startswith(SHARED) or self._administers_all_of(f"u{user_id}") else None

    def _administers_all_of(self, key: str) -> bool:
        below = quotas.domains_of(self._database, self._organization_id, key)
        return bool(below) and below <= self._administered().keys()

    def _administered(self) -> dict[str, int]:
        return quotas.domains_administered(self._database, self._organization_id, self._account.user_id)

    def _grants(self) -> list[accounts.Grant]:
        return accounts.grants(self._database, self._organization_id, self._account.user_id)


def _root(name: str, usage: Usage) -> Root:
    return Root(
        name, usage.storage_used, usage.storage_limit, usage.messages_used, usage.message_limit,
        usage.folders_used or 0, usage.folder_limit, usage.warned,
    )  # fmt: skip
