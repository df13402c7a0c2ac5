# SPDX-License-Identifier: MIT
"""People with many mailboxes: in a hundred domains, with a thousand folders, with two hundred that others share."""

from dataclasses import dataclass

from imapd.storage import grants, provision
from imapd.storage.addresses import address
from imapd.storage.grants import UNLIMITED
from tests.running.store import Store

LETTER = "From: somebody@example.net\r\nSubject: one\r\n\r\ntext\r\n"


@dataclass(frozen=True)
class Person:
    """Somebody of example.com with so many domains, folders in the first of them, and mailboxes shared with them."""

    domains: int = 1
    folders: int = 10
    shared: int = 2
    mode: str = "domain_separated"

    @property
    def address(self) -> str:
        return f"{self.mode[:3]}-{self.domains}-{self.folders}-{self.shared}@example.com"


class Crowd:
    """Furnishes a store with such people; further domains and sharing mailboxes are made as they are needed."""

    def __init__(self, store: Store, password_hash: str | None = None):
        self.database = store.database
        self.password_hash = password_hash
        self.domains = 0
        self.sharers = 0
        provision.set_organization(self.database, "Example", share_across_domains=True)

    def add(self, person: Person) -> None:
        at = address(person.address)
        provision.add_user(self.database, at, "", self.password_hash, person.mode)
        for number in range(1, person.domains):
            provision.add_mailbox(self.database, address(f"{at.local_part}@{self.domain(number)}"), at, UNLIMITED)
        self.database.row(
            "SELECT count(create_folder(m.organization_id, m.mailbox_id, 'Work/Topic ' || n, NULL, 100000))"
            "  FROM mailboxes m JOIN domains d USING (domain_id), generate_series(1, %s) n"
            " WHERE m.local_part = %s AND d.name = %s",
            (person.folders, *at),
        )
        for number in range(person.shared):
            grants.grant(self.database, address(self.sharer(number)), None, at, "lrswi")

    def domain(self, number: int) -> str:
        while self.domains < number:
            self.domains += 1
            provision.add_domain(self.database, "Example", f"d{self.domains}.example")
        return f"d{number}.example"

    def sharer(self, number: int) -> str:
        """A mailbox with its standard folders. Of every second, each reader has a mark of their own for what was seen."""
        while self.sharers <= number:
            new = address(f"sharer{self.sharers}@example.com")
            provision.add_user(self.database, new, "", None)
            if self.sharers % 2:
                provision.set_mailbox(self.database, new, seen="per_reader")
            self.sharers += 1
        return f"sharer{number}@example.com"
