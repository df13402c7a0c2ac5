# SPDX-License-Identifier: MIT
"""Putting messages into a folder, whoever brings them: parsed once, on the disk before anybody can see them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache, partial
from mmap import mmap
from typing import TYPE_CHECKING, Any, Protocol

from imapd import errors
from imapd.mail import flags
from imapd.mail.mime.parse import ParsedContent, parse
from imapd.mail.mime.transfer import without_binary
from imapd.mail.quota import refusals_noted
from imapd.storage import contents
from imapd.storage.blobs import Begun, Spool
from imapd.storage.folders import Named
from imapd.storage.messages import Appended, View

if TYPE_CHECKING:
    from imapd.node import Node

ASK_QUOTA_FROM = 64 << 10
"""Octets from which the quota is asked before a message is taken; smaller ones are refused when they are stored."""

PARSE_ASIDE_FROM = 256 << 10
"""Octets from which parsing would hold up the other sessions, and is done off the hub."""

HELD_SECONDS = 0.25
"""So long a message whose row is made may take to come to the disk, with locks on its folder, its quota and its thread,
and a connection. Then the row is undone, and made again when the octets are there."""

MOST_PREPARED_OCTETS = 32 << 20
"""Of what is prepared of several messages that are stored together. Ten thousand empty parts are twenty times as long
when BODYSTRUCTURE tells of them, and a statement needs several times as much memory as it holds."""


class Octets(Protocol):
    """A message as it came: in memory (data), or spooled."""

    @property
    def data(self) -> bytes: ...
    @property
    def spool(self) -> Any: ...
    @property
    def size(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be stored. seconds (since 1970) None: now; zone in minutes east. binary: parts of it may hold any
    octets, as their Content-Transfer-Encoding says; they are stored in base64."""

    literal: Octets
    flags: Sequence[str] = ()
    seconds: int | None = None
    zone: int = 0
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """Octets that the server itself has: in memory, or spooled."""

    data: bytes = b""
    spool: Spool | None = None

    @property
    def size(self) -> int:
        return self.spool.size if self.spool else len(self.data)


class Keeper(Protocol):
    """Where the messages go, and what of their flags comes along; mail/account.py has two."""

    @property
    def folder(self) -> int | Named: ...
    @property
    def keep_mask(self) -> int: ...
    @property
    def keep_words(self) -> bool: ...
    @property
    def reader(self) -> int | None: ...


def append(
    node: Node,
    organization_id: int,
    target: Keeper,
    drafts: Sequence[Draft],
    now: int,
    replaced: tuple[View, int] | None = None,
) -> Appended:
    """Stores all or none; durable when it returns. replaced: a message, by its UID, that goes in the same moment.
    Raises errors.OverQuota, NoTarget, TooBig, LimitReached, Unavailable, Expunged."""
    with ExitStack() as made, refusals_noted(node.database, organization_id):
        storable = [_storable(node, draft, made) for draft in drafts]
        return _append(node, organization_id, target, storable, now, replaced)


def _append(
    node: Node,
    organization_id: int,
    target: Keeper,
    drafts: Sequence[Draft],
    now: int,
    replaced: tuple[View, int] | None,
) -> Appended:
    if any(draft.literal.size > node.settings.limits.message_octets for draft in drafts):
        raise errors.TooBig
    filing = _filing(target, drafts, now, replaced)
    digests = [digest_of(draft.literal) for draft in drafts]
    if len(drafts) == 1:  # several are one statement, and what is new among them has to be sent in any case
        known = append_known(node, organization_id, digests[0], drafts[0].literal.size, filing)
        if known:
            return known
        if _is_soon_parsed(drafts[0].literal):
            return _append_new(node, organization_id, digests[0], drafts[0].literal, filing)
    parsed = _all_parsed(node, drafts, digests)
    _keep(node, organization_id, drafts, digests)
    return contents.append(node.database, organization_id, parsed, filing)


def _append_new(node: Node, organization_id: int, digest: bytes, literal: Octets, filing: contents.Filing) -> Appended:
    """Parsed while it is written to the disk, and while its place is made."""
    writing = node.blobs.begin_put(organization_id, digest, literal.data)
    parsed = cache(partial(content_of, node, literal, digest))
    if writing is None:
        node.blobs.put(organization_id, [(digest, literal.data)])
    else:
        on_disk = partial(_is_written, writing, time.monotonic() + HELD_SECONDS)
        done = contents.append_beside(node.database, organization_id, literal.size, filing, parsed, on_disk)
        if done:
            return done
        writing.result()
    return contents.append(node.database, organization_id, [parsed()], filing)


def _is_written(writing: Begun, late: float) -> bool:
    """Whether it is by then. Raises errors.Unavailable where it cannot be."""
    if not writing.has_ended(max(0.0, late - time.monotonic())):
        return False
    writing.result()
    return True


def _keep(node: Node, organization_id: int, drafts: Sequence[Draft], digests: Sequence[bytes]) -> None:
    """The octets are on the disk when this returns."""
    small = [
        (digest, draft.literal.data)
        for digest, draft in zip(digests, drafts, strict=True)
        if draft.literal.spool is None
    ]
    if small:
        node.blobs.put(organization_id, small)
    for draft in drafts:
        if draft.literal.spool is not None:
            node.blobs.keep(organization_id, draft.literal.spool)


def append_known(
    node: Node, organization_id: int, digest: bytes, size: int, filing: contents.Filing
) -> Appended | None:
    """Stores a message that the organisation has already: its octets are on the disk, and it has been parsed. None
    where that is not so. Raises as append()."""
    if not node.blobs.use_again(organization_id, digest, size):
        return None
    return contents.append_known(node.database, organization_id, digest, filing)


def _filing(
    target: Keeper, drafts: Sequence[Draft], now: int, replaced: tuple[View, int] | None
) -> contents.Filing:
    dates = [(now if draft.seconds is None else draft.seconds, draft.zone) for draft in drafts]
    marks = []
    for draft in drafts:
        mask, words = flags.split(draft.flags)
        marks.append((mask & target.keep_mask, words if target.keep_words else []))
    return contents.Filing(target.folder, dates, marks, target.reader, replaced)


def _storable(node: Node, draft: Draft, made: ExitStack) -> Draft:
    """The draft as it can be stored, and sent to any client. What is made for it goes when `made` ends."""
    if not draft.binary:
        return draft
    spool = draft.literal.spool
    octets = draft.literal.data if spool is None else spool.octets()
    try:
        pieces = node.offload(without_binary, octets)
        if pieces is None:
            return draft
        if spool is None:
            return replace(draft, literal=Held(b"".join(pieces)))
        rewritten = node.blobs.spool()
        made.callback(rewritten.close)
        node.offload(_write, rewritten, pieces)
        return replace(draft, literal=Held(spool=rewritten))
    finally:
        if isinstance(octets, mmap):
            octets.close()


def _write(spool: Spool, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        spool.write(piece)
    spool.finish()


def _all_parsed(node: Node, drafts: Sequence[Draft], digests: Sequence[bytes]) -> list[ParsedContent]:
    parsed: list[ParsedContent] = []
    prepared = 0
    for draft, digest in zip(drafts, digests, strict=True):
        parsed.append(content_of(node, draft.literal, digest))
        prepared += parsed[-1].octets
        if prepared > MOST_PREPARED_OCTETS and len(drafts) > 1:
            raise errors.LimitReached("Those are too many messages to be stored together.")
    return parsed


def digest_of(literal: Octets) -> bytes:
    """SHA-256 of all octets."""
    spool: Spool | None = literal.spool
    return hashlib.sha256(literal.data).digest() if spool is None else spool.sha256()


def content_of(node: Node, literal: Octets, digest: bytes) -> ParsedContent:
    """What is stored of a message beside its octets. Raises errors.Unavailable."""
    if _is_soon_parsed(literal):
        return parse(literal.data, sha256=digest)
    spool: Spool | None = literal.spool
    octets = literal.data if spool is None else spool.octets()
    try:
        parsed: ParsedContent = node.offload(partial(parse, sha256=digest), octets)
        return parsed
    finally:
        if isinstance(octets, mmap):
            octets.close()


def _is_soon_parsed(literal: Octets) -> bool:
    return literal.spool is None and literal.size < PARSE_ASIDE_FROM
