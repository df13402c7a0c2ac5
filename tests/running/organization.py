# SPDX-License-Identifier: MIT
"""Organisations of a test's own on a running server: people, mailboxes that nobody owns, groups."""

import itertools
import os

from imapd.storage import grants, groups, provision
from imapd.storage.addresses import address
from imapd.storage.grants import UNLIMITED, Grantee, Group, Limits
from imapd.storage.pool import Database

NUMBERS = itertools.count(1)


class Organization:
    """`home` and `work` are its domains. Everybody's password is `password`; addresses are str."""

    def __init__(self, database: Database, across_domains: bool = True):
        number = f"{os.getpid()}-{next(NUMBERS)}"
        self.database = database
        self.name = f"Organisation {number}"
        self.home, self.work = f"home-{number}.example", f"work-{number}.example"
        row = database.row("SELECT password_hash FROM users WHERE password_hash IS NOT NULL LIMIT 1")
        assert row
        self._hash = row[0]
        provision.add_organization(database, self.name)
        provision.set_organization(database, self.name, share_across_domains=across_domains)
        for domain in (self.home, self.work):
            provision.add_domain(database, self.name, domain)

    def person(
        self, name: str, *also: str, domain: str = "", mode: str | None = None, limits: Limits = UNLIMITED
    ) -> str:
        """Somebody with a mailbox in a domain, that is home unless it is said, and further ones at these addresses."""
        first = f"{name}@{domain or self.home}"
        provision.add_user(self.database, address(first), name, self._hash, mode, limits)
        for other in also:
            provision.add_mailbox(self.database, address(other), address(first), limits)
        return first

    def mailbox(self, name: str) -> str:
        """One that nobody owns."""
        of = f"{name}@{self.home}"
        provision.add_mailbox(self.database, address(of), None, UNLIMITED)
        return of

    def group(self, name: str, *members: str) -> Group:
        groups.add_group(self.database, self.name, name)
        groups.add_members(self.database, self.name, name, [address(member) for member in members])
        return Group(name)

    def grant(self, of: str, to: str | Group | None, rights: str, folder: str | None = None) -> None:
        grantee: Grantee = address(to) if isinstance(to, str) else to
        grants.grant(self.database, address(of), folder, grantee, rights)
