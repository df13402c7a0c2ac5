# SPDX-License-Identifier: MIT
"""A world of its own for each run: an organisation with domains, people and shares, on the server and in the model."""

import itertools
import os
import time
from collections.abc import Sequence

from imapd.cluster import control
from imapd.mail.rights import LEVELS
from imapd.storage import grants, groups, provision
from imapd.storage.addresses import address
from imapd.storage.grants import Group, Limits
from imapd.storage.pool import Database
from tests.model.session import Seen, Session
from tests.model.world import Box, Person, World
from tests.running.server import Running

NUMBERS = itertools.count(1)
CONTENTS = 8
FEW = 12


def octets(content: int) -> bytes:
    """Each of them has a size of its own, by which it is known."""
    return b"Subject: %d\r\n\r\n%b\r\n" % (content, b"x" * content)


SIZES = [len(octets(content)) for content in range(CONTENTS)]


def date_of(number: int) -> str:
    """An INTERNALDATE for each message that was ever appended, on days of two digits."""
    return time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(1_000_500_000 + number))


class Stage:
    """alice has three mailboxes, two of them in one domain; bob two; desk@ is nobody's. Their sessions are on the servers
    by turns."""

    def __init__(self, servers: Sequence[Running], database: Database, redis_url: str):
        mark = f"{os.getpid() % 1000}-{next(NUMBERS)}"
        self.home, self.work = f"home{mark}.example", f"work{mark}.example"
        self.world = self._world()
        self.database = database
        self._redis_url = redis_url
        self._provide(database, f"Model {mark}")
        server = itertools.cycle(servers)
        seen = Seen(SIZES, date_of)
        alice, bob = self.world.people
        self.trace: list[str] = []
        self.sessions = [
            Session(f"{number} {person.name}", next(server), self.world, person, seen, qresync, self.trace)
            for number, (person, qresync) in enumerate([(alice, False), (bob, True), (alice, True), (bob, False)])
        ]

    def _world(self) -> World:
        alice, bob = Person("alice"), Person("bob", groups={"team"})
        alice.mailboxes = [
            Box(f"alice@{self.home}", alice),
            Box(f"alice@{self.work}", alice, own_seen=True),
            Box(f"more@{self.work}", alice, most=FEW),
        ]
        bob.mailboxes = [Box(f"bob@{self.home}", bob), Box(f"bob@{self.work}", bob)]
        desk = Box(f"desk@{self.home}", None, own_seen=True)
        alice.primary, bob.primary = alice.mailboxes[0], bob.mailboxes[0]
        world = World([alice, bob], [*alice.mailboxes, *bob.mailboxes, desk])
        alice.mailboxes[0].access = {bob.identifier: LEVELS["write"]}
        desk.access = {"group:team": LEVELS["delete"], alice.identifier: LEVELS["admin"]}
        return world

    def _provide(self, database: Database, organization: str) -> None:
        provision.add_organization(database, organization)
        provision.set_organization(database, organization, share_across_domains=True)
        for domain in (self.home, self.work):
            provision.add_domain(database, organization, domain)
        row = database.row("SELECT password_hash FROM users WHERE password_hash IS NOT NULL LIMIT 1")
        assert row
        for person in self.world.people:
            provision.add_user(database, address(person.identifier), person.name, row[0], "domain_separated")
            person.mode = "domain_separated"
        for box in self.world.boxes:
            of, owner = address(box.address), box.owner
            if owner is None or box is not owner.mailboxes[0]:
                user = address(owner.identifier) if owner else None
                provision.add_mailbox(database, of, user, Limits(messages=box.most))
            if box.own_seen:
                provision.set_mailbox(database, of, seen="per_reader")
        groups.add_group(database, organization, "team")
        groups.add_members(
            database, organization, "team", [address(p.identifier) for p in self.world.people if p.groups]
        )
        for box in self.world.boxes:
            for who, rights in box.access.items():
                to = Group(who.removeprefix("group:")) if who.startswith("group:") else address(who)
                grants.grant(database, address(box.address), None, to, rights)

    def name(self, where: str, path: str) -> str:
        """A mailbox name: where is "", or one of the prefixes there are."""
        prefix = {
            "": "", "home": f"{self.home}/", "work": f"{self.work}/", "more": f"more@{self.work}/",
            "alice's": f"Shared/alice@{self.home}/", "alice's work": f"Shared/alice@{self.work}/",
            "bob's": f"Shared/bob@{self.home}/", "desk": f"Shared/desk@{self.home}/",
        }[where]  # fmt: skip
        return prefix + path.replace("DOMAIN", self.work)

    def tell(self) -> None:
        """What the operator's command does after a change of mailboxes or users."""
        for kind in ("user", "rights"):
            control.send(self._redis_url, kind, "")

    def close(self) -> None:
        for session in self.sessions:
            session.client.close()
