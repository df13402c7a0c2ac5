# SPDX-License-Identifier: MIT
"""What is taken from somebody who is logged in: rights within 5 seconds, users, addresses and domains within 60."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from imapd.cluster import control
from imapd.storage import grants, groups, provision
from imapd.storage.addresses import Address, address
from imapd.storage.grants import UNLIMITED, Group
from imapd.storage.pool import Database
from tests.running.client import Client, Closed
from tests.running.server import Demo, Node, Running, eventually

RIGHTS_SECONDS = 5.0
STATE_SECONDS = 60.0
NUMBERS = itertools.count(1)


@dataclass
class Place:
    """An organisation of its own. `reader` may read INBOX of `owner`; by a group, too, that of `desk`, which is
    nobody's. `second` is another mailbox of the reader, `alias` another address of that one."""

    database: Database
    domain: str
    other: str
    organization: str

    def __getattr__(self, name: str) -> Address:
        domain = self.other if name in ("second", "alias") else self.domain
        return address(f"{name}@{domain}")


@pytest.fixture(scope="module")
def database(server: Demo) -> Iterator[Database]:
    database = Database(server.dsn)
    yield database
    database.close()


@pytest.fixture
def new_place(database: Database, quiet_log: object) -> Callable[[], Place]:
    row = database.row("SELECT password_hash FROM users WHERE password_hash IS NOT NULL LIMIT 1")
    assert row
    return lambda: _new_place(database, row[0])


def _new_place(database: Database, password_hash: str) -> Place:
    number = next(NUMBERS)
    place = Place(database, f"taken{number}.example", f"other{number}.example", f"Taken {number}")
    provision.add_organization(database, place.organization)
    provision.set_organization(database, place.organization, share_across_domains=True)
    for domain in (place.domain, place.other):
        provision.add_domain(database, place.organization, domain)
    for person in (place.owner, place.reader):
        provision.add_user(database, person, "", password_hash)
    provision.add_mailbox(database, place.second, place.reader, UNLIMITED)
    provision.add_alias(database, place.alias, place.second)
    provision.add_mailbox(database, place.desk, None, UNLIMITED)
    groups.add_group(database, place.organization, "team")
    groups.add_members(database, place.organization, "team", [place.reader])
    grants.grant(database, place.owner, "INBOX", place.reader, "lrs")
    grants.grant(database, place.desk, None, Group("team"), "lr")
    return place


@pytest.fixture(scope="module")
def unhearing(server: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that hears no message of the others, and looks by itself."""
    node = Node(
        tmp_path_factory.mktemp("unhearing"), server.dsn, server.redis_url(7), server.data / "blobs",
        {"auth": {"recheck_seconds": 2}, "server": {"workers": 1}},
    )  # fmt: skip
    node.worker_count = 1
    node.start()
    yield node
    assert node.stop() == 0


def idle(client: Client, name: str) -> Client:
    client.ok(f"EXAMINE {name}")
    client.send(b"i IDLE\r\n")
    assert client.response().startswith(b"+")
    return client


def said_at_the_end(client: Client, seconds: float) -> bytes:
    """The last that it says, in that time; octets of a command may go out before."""
    last = b""
    deadline = time.monotonic() + seconds
    with pytest.raises(Closed):
        while True:
            last = client.response(max(0.001, deadline - time.monotonic()))
    return last


# Rights

SHARED = "Shared/{0.owner}/INBOX"
OF_DESK = "Shared/{0.desk}/INBOX"
TAKEN: dict[str, tuple[str, Callable[[Place], None]]] = {
    "revoked by the operator": (SHARED, lambda p: grants.revoke(p.database, p.owner, None, p.reader)),
    "no right to read any more": (SHARED, lambda p: grants.grant(p.database, p.owner, "INBOX", p.reader, "sw")),
    "out of the group": (OF_DESK, lambda p: groups.remove_members(p.database, p.organization, "team", [p.reader])),
    "the group is gone": (OF_DESK, lambda p: groups.remove_group(p.database, p.organization, "team")),
    "the mailbox is closed": (OF_DESK, lambda p: provision.set_mailbox(p.database, p.desk, disabled=True)),
    "each domain for itself": (
        OF_DESK, lambda p: provision.set_organization(p.database, p.organization, share_across_domains=False)
    ),
}  # fmt: skip


class Watched:
    """Two sessions of the one from whom something is taken, one of them in IDLE."""

    def __init__(self, node: Running, place: Place, how: str):
        self.how, self.node, self.place = how, node, place
        name, self.deed = TAKEN[how]
        self.name = name.format(place)
        self.user = str(place.second)
        if how == "each domain for itself":  # then it has to be somebody who is in another one
            provision.set_user(place.database, place.reader, primary=place.second)
            provision.remove_mailbox(place.database, place.reader)
        self.idling, self.selected = idle(node.client(self.user), self.name), node.client(self.user)
        self.selected.ok(f"SELECT {self.name}")

    def ends(self, seconds: float) -> None:
        for client in (self.idling, self.selected):
            assert said_at_the_end(client, seconds).startswith(b"* BYE"), self.how
        with self.node.client(self.user) as again:
            assert again.command(f"SELECT {self.name}").code == b"NONEXISTENT", self.how
            assert not again.ok(f'LIST "" "{self.name}"').untagged, self.how


@pytest.mark.parametrize("how", TAKEN)
def test_who_may_not_read_any_more_is_out(new_place: Callable[[], Place], server: Demo, how: str) -> None:
    watched = Watched(server, new_place(), how)
    watched.deed(watched.place)
    control.send(server.redis_url(), "rights", "")
    watched.ends(RIGHTS_SECONDS)


def test_they_are_out_though_no_message_comes(new_place: Callable[[], Place], unhearing: Node) -> None:
    everybody = [Watched(unhearing, new_place(), how) for how in TAKEN]
    for watched in everybody:
        watched.deed(watched.place)
    until = time.monotonic() + RIGHTS_SECONDS
    for watched in everybody:
        watched.ends(until - time.monotonic())


def test_what_may_be_done_changes_while_it_is_open(new_place: Callable[[], Place], server: Demo) -> None:
    """Less and more: what can be set is told, and counts at once."""
    place = new_place()
    name = SHARED.format(place)
    with server.client(str(place.owner)) as owner, server.client(str(place.reader)) as reader:
        owner.append("INBOX", b"Subject: x\r\n\r\n\r\n")
        reader.ok(f"SELECT {name}")
        reader.ok("STORE 1 +FLAGS (\\Seen)")
        owner.ok(f"SETACL INBOX {place.reader} lr")
        eventually(lambda: b"[PERMANENTFLAGS ()]" in b"".join(reader.ok("NOOP").untagged), RIGHTS_SECONDS)
        assert reader.command("STORE 1 -FLAGS (\\Seen)").code == b"NOPERM"
        owner.ok(f"SETACL INBOX {place.reader} +wte")
        eventually(lambda: b"\\Flagged" in b"".join(reader.ok("NOOP").untagged), RIGHTS_SECONDS)
        reader.ok("STORE 1 +FLAGS (\\Flagged)")
        assert reader.command("STORE 1 +FLAGS (\\Seen)").code == b"NOPERM"


# Users, addresses and domains

GONE: dict[str, tuple[str, Callable[[Place], None]]] = {
    "the user is disabled": ("reader", lambda p: provision.set_user(p.database, p.reader, disabled=True)),
    "the user is removed": ("reader", lambda p: provision.remove_user(p.database, p.reader)),
    "the mailbox logged in by is closed": ("second", lambda p: provision.set_mailbox(p.database, p.second, disabled=True)),
    "the mailbox logged in by is removed": ("second", lambda p: provision.remove_mailbox(p.database, p.second)),
    "another mailbox is closed": ("reader", lambda p: provision.set_mailbox(p.database, p.second, disabled=True)),
    "the alias is removed": ("alias", lambda p: provision.remove_alias(p.database, p.alias)),
    "the alias is of somebody else": ("alias", lambda p: provision.set_alias(p.database, p.alias, p.owner)),
    "the domain is closed": ("second", lambda p: provision.set_domain(p.database, p.other, disabled=True)),
    "another domain is closed": ("reader", lambda p: provision.set_domain(p.database, p.other, disabled=True)),
    "the organisation is closed": (
        "reader", lambda p: provision.set_organization(p.database, p.organization, disabled=True)
    ),
}  # fmt: skip
STILL = {"another mailbox is closed", "another domain is closed"}


class Closing:
    """Two sessions of the one whose account changes, one of them in IDLE, and one of somebody else."""

    def __init__(self, node: Running, place: Place, how: str):
        self.how, self.node, self.place = how, node, place
        who, self.deed = GONE[how]
        self.user = str(getattr(place, who))
        self.idling = idle(node.client(self.user), f"{place.other}/INBOX")
        self.selected = node.client(self.user)
        self.selected.ok(f"SELECT {place.other}/INBOX")
        self.stays = node.client(str(place.owner))

    def ends(self, seconds: float) -> None:
        for client in (self.idling, self.selected):
            assert said_at_the_end(client, seconds).startswith(b"* BYE"), self.how
        if "organisation" not in self.how:
            self.stays.ok("NOOP")
        with self.node.client() as again:
            reply = again.command(f"LOGIN {self.user} password")
            if self.how in STILL:
                assert reply.status == "OK", self.how
                assert again.command(f"STATUS {self.place.other}/INBOX (MESSAGES)").status == "NO"
                assert self.place.other.encode() not in again.ok("NAMESPACE").untagged[0]
            elif self.how == "the alias is of somebody else":
                assert str(self.place.owner).encode() in again.ok("GETACL INBOX").untagged[0].split()
            else:
                assert reply.code == b"AUTHENTICATIONFAILED", self.how


@pytest.mark.parametrize("how", GONE)
def test_what_is_closed_ends_sessions(new_place: Callable[[], Place], server: Demo, how: str) -> None:
    closing = Closing(server, new_place(), how)
    closing.deed(closing.place)
    control.send(server.redis_url(), "user", "")
    closing.ends(STATE_SECONDS)


def test_they_end_though_no_message_comes(new_place: Callable[[], Place], unhearing: Node) -> None:
    everybody = [Closing(unhearing, new_place(), how) for how in GONE]
    for closing in everybody:
        closing.deed(closing.place)
    until = time.monotonic() + STATE_SECONDS
    for closing in everybody:
        closing.ends(until - time.monotonic())
