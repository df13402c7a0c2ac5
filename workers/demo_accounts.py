# SPDX-License-Identifier: MIT
"""The demo's organisation, users and shares, and its mail, which is put there as APPEND would."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from imapd.auth.passwords import Passwords
from imapd.errors import NotFound
from imapd.mail.account import Account, Draft
from imapd.mail.rights import LEVELS
from imapd.node import Node
from imapd.settings import Auth, Settings
from imapd.storage import credentials, grants, provision
from imapd.storage.addresses import Address, address
from imapd.storage.blobs import BlobStore
from imapd.storage.pool import Database
from imapd.storage.quotas import Limits
from workers.demo_mail import COLLEAGUE, USER, USER_AT_WORK, Sample, samples

PASSWORD = "password"
LIMITS = Limits(storage=1 << 30, messages=10_000)


@dataclass(frozen=True, slots=True)
class Octets:
    """A message in memory."""

    data: bytes
    size: int
    spool: Any = None


class Silent:
    """Nobody is connected yet who would have to be woken."""

    def publish(self, organization_id: int, group_id: int, owner: str) -> None:
        pass


def furnish(database: Database, settings: Settings) -> None:
    """Organisation Example with example.com and company.org, two people, their mail and a share."""
    password_hash = Passwords(Auth()).hash(PASSWORD)
    provision.add_organization(database, "Example")
    for domain in ("example.com", "company.org"):
        provision.add_domain(database, "Example", domain)
    provision.add_user(database, address(USER), "A. User", password_hash, limits=LIMITS)
    provision.add_mailbox(database, address(USER_AT_WORK), address(USER), LIMITS)
    provision.add_user(database, address(COLLEAGUE), "Colin League", password_hash, limits=LIMITS)
    grants.grant(database, address(COLLEAGUE), "INBOX", address(USER), LEVELS["write"])
    deliver(database, settings)


def add_users(database: Database, number: int) -> None:
    """user1@example.com … with empty mailboxes and no quota. They share one hash: hashing each would take minutes."""
    password_hash = Passwords(Auth()).hash(PASSWORD)
    names = [f"user{n}" for n in range(1, number + 1)]
    provision.add_users(database, "example.com", names, password_hash)


def deliver(database: Database, settings: Settings) -> None:
    """Through the account, so that it is parsed, stored and counted like any other mail."""
    node = cast(Node, _Node(settings, database, BlobStore(settings.blobs.path), Silent()))
    accounts: dict[str, Account] = {}
    batches: dict[tuple[str, str], list[Draft]] = {}
    for sample in samples(datetime.now(UTC)):
        batches.setdefault((sample.mailbox, sample.folder), []).append(_draft(sample))
    for (mailbox, folder), drafts in batches.items():
        owner, prefix = (USER, "company.org/") if mailbox == USER_AT_WORK else (mailbox, "")
        if owner not in accounts:
            accounts[owner] = _account(node, database, address(owner))
        accounts[owner].append(prefix + folder, drafts)


@dataclass(frozen=True, slots=True)
class _Node:
    """The part of imapd.node.Node that storing a message needs; there are no sessions and no hub here."""

    settings: Settings
    database: Database
    blobs: BlobStore
    wakeups: Silent

    @staticmethod
    def offload(function: Any, *args: Any) -> Any:
        return function(*args)


def _account(node: Node, database: Database, of: Address) -> Account:
    found = credentials.find(database, of.local_part, of.domain)
    if found is None:
        raise NotFound(f"There is no user {of}.")
    return Account(node, found.organization_id, found.user_id, str(of))


def _draft(sample: Sample) -> Draft:
    offset = sample.sent.utcoffset()
    zone = int(offset.total_seconds() // 60) if offset else 0
    return Draft(Octets(sample.octets, len(sample.octets)), sample.flags, int(sample.sent.timestamp()), zone)
