# SPDX-License-Identifier: MIT
"""QUOTA (RFC 9208, which keeps RFC 2087's replies): what may be used, what is, and setting it. It enforces nothing."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imapd.commands.select import CODES
from imapd.commands.status import ITEMS
from imapd.mail.quota import Limits, Root
from imapd.protocol.answers import Refused, quota_reached
from imapd.protocol.registry import Capability, Done, command
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire import responses
from imapd.wire.grammar import Cursor
from imapd.wire.responses import Ok, Output, QuotaResource

if TYPE_CHECKING:
    from imapd.mail.mailbox import Mailbox
    from imapd.protocol.session import Session


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of RFC 9208 section 5: what mail/ calls its use and its limit, and in which unit IMAP counts it."""

    name: bytes
    used: str
    limit: str
    limits: str
    unit: int = 1


RESOURCES = (
    Resource(b"STORAGE", "storage_used", "storage_limit", "storage", 1024),
    Resource(b"MESSAGE", "messages_used", "message_limit", "messages"),
    Resource(b"MAILBOX", "folders_used", "folder_limit", "folders"),
)

CAPABILITIES = (
    Capability(b"QUOTA", rfc=9208, states=AUTHENTICATED_UP),
    *(Capability(b"QUOTA=RES-" + resource.name, rfc=9208, states=AUTHENTICATED_UP) for resource in RESOURCES),
    Capability(b"QUOTASET", rfc=9208, states=AUTHENTICATED_UP),
)

ITEMS[b"DELETED"] = lambda session, numbers: numbers.deleted
ITEMS[b"DELETED-STORAGE"] = lambda session, numbers: numbers.deleted_size


@dataclass(frozen=True, slots=True)
class GetQuota:
    root: str


@dataclass(frozen=True, slots=True)
class GetQuotaRoot:
    name: str


@dataclass(frozen=True, slots=True)
class SetQuota:
    root: str
    limits: Sequence[tuple[bytes, int]]


def quota_root_name(cursor: Cursor) -> str:
    """quota-root-name = astring"""
    return cursor.astring().decode("utf-8", "replace")


def parse_getquota(cursor: Cursor) -> GetQuota:
    """getquota = "GETQUOTA" SP quota-root-name"""
    cursor.sp()
    return GetQuota(quota_root_name(cursor))


def parse_getquotaroot(cursor: Cursor) -> GetQuotaRoot:
    """getquotaroot = "GETQUOTAROOT" SP mailbox"""
    cursor.sp()
    return GetQuotaRoot(cursor.mailbox())


def parse_setquota(cursor: Cursor) -> SetQuota:
    """setquota = "SETQUOTA" SP quota-root-name SP setquota-list
    setquota-list = "(" [setquota-resource *(SP setquota-resource)] ")" """
    cursor.sp()
    root = quota_root_name(cursor)
    cursor.sp()
    if cursor.take(b"()"):
        return SetQuota(root, ())
    return SetQuota(root, tuple(cursor.listed(lambda: setquota_resource(cursor))))


def setquota_resource(cursor: Cursor) -> tuple[bytes, int]:
    """setquota-resource = resource-name SP resource-limit"""
    name = cursor.word()
    cursor.sp()
    return name, cursor.number64()


@command("GETQUOTA", parse_getquota, states=AUTHENTICATED_UP, rfc=9208, capability="QUOTA")
def getquota(session: Session, args: GetQuota) -> Iterator[Output]:
    yield quota_response(session.account.quotas.root(args.root))


@command("GETQUOTAROOT", parse_getquotaroot, states=AUTHENTICATED_UP, rfc=9208, capability="QUOTA")
def getquotaroot(session: Session, args: GetQuotaRoot) -> Iterator[Output]:
    roots = session.account.quotas.of_mailbox(args.name)
    yield responses.QuotaRoot(args.name, [root.name for root in roots])
    for root in roots:
        yield quota_response(root)


@command("SETQUOTA", parse_setquota, states=AUTHENTICATED_UP, rfc=9208, capability="QUOTASET")
def setquota(session: Session, args: SetQuota) -> Generator[Output, None, Done | None]:
    known = {resource.name: resource for resource in RESOURCES}
    if not all(name in known for name, _ in args.limits):
        raise Refused(b"CANNOT", "This server knows no such resource.")
    limits = {known[name].limits: number * known[name].unit for name, number in args.limits}
    yield quota_response(session.account.quotas.set(args.root, Limits(**limits)))
    return None


def quota_response(root: Root) -> responses.Quota:
    """A resource without a limit is left out. What is used is rounded up, as the limit is: full looks full."""
    found = []
    for resource in RESOURCES:
        limit = getattr(root, resource.limit)
        if limit is not None:
            used = getattr(root, resource.used)
            found.append(QuotaResource(resource.name, -(-used // resource.unit), -(-limit // resource.unit)))
    return responses.Quota(root.name, found)


def warning(session: Session, mailbox: Mailbox) -> Ok | None:
    """For SELECT of a mailbox of which a quota is used up, or nearly so."""
    if not mailbox.quota_warned:
        return None
    fullest = max(session.account.quotas.of_mailbox(mailbox.name), key=lambda root: (root.warned, root.percent))
    if not fullest.warned:
        return None
    percent = 100 if fullest.warned >= 100 else min(99, max(fullest.percent, fullest.warned))
    return quota_reached(fullest.name, percent, selected=True)


CODES.append(warning)
