# SPDX-License-Identifier: MIT
"""Mail that arrives for an address: whose it is, what is put before it, and how it comes into each INBOX.

All recipients of a message get the same octets, so that an organisation keeps one blob of it however many they are. How
the message was brought is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from threading import Lock
from typing import Any

from imapd import errors, log
from imapd.mail import delivery
from imapd.mail.delivery import ASK_QUOTA_FROM, Held
from imapd.mail.importing import NUL_STAND_IN
from imapd.mail.quota import refusals_noted
from imapd.storage import contents, quotas, recipients
from imapd.storage.addresses import in_tables
from imapd.storage.blobs import Spool
from imapd.storage.messages import Appended as Appended
from imapd.storage.recipients import Recipient as Recipient

MEMORY_OCTETS = 128 << 10
"""Up to so many octets a message is held in memory while it comes in; a larger one goes to the blob store."""

MOST_HOPS = 100
"""Received lines of a message that is not running in circles (RFC 5321 section 6.3)."""

DETAIL = "+"
PIECE_OCTETS = 1 << 20

_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_HOP = re.compile(rb"(?:^|\n)received[ \t]*:", re.IGNORECASE)

Outcome = Appended | errors.MailError


def find(node: Any, local_part: str, domain: str) -> Recipient:
    """Whose an address is: of a mailbox, or an alias of one, in any case of ASCII letters. ann+detail@… is for ann@…
    where nobody has that address itself. Raises errors.NotFound, Unavailable."""
    whole = in_tables(local_part)
    base = whole.partition(DETAIL)[0]
    found = recipients.find(node.database, [whole, base] if base else [whole], in_tables(domain))
    if found is None:
        raise errors.NotFound
    return found


def trace(sender: str, by: str, said: str, peer: str, protocol: str, session: str, now: float) -> bytes:
    """The lines before a message: who it is from, for whoever answers a bounce, and how it came here. by: our name;
    said, peer: how the client calls itself, and its address."""
    where = f" ([{peer}])" if peer else ""
    at = format_datetime(datetime.fromtimestamp(int(now), UTC))
    lines = (
        f"Return-Path: <{sender}>",
        f"Received: from {said}{where}",
        f"\tby {by} (imapd) with {protocol} id {session};",
        f"\t{at}",
    )
    return "".join(line + "\r\n" for line in lines).encode()


class Incoming:
    """A message on its way in, piece by piece. write() and held() may be called on any thread, one at a time; close()
    at any time."""

    def __init__(self, node: Any, before: bytes):
        self._node = node
        self._lock = Lock()
        self._pieces = bytearray(before)
        self._spool: Spool | None = None
        self._is_closed = False
        self.size = 0  # what has come, without `before`

    def fits_in_memory(self, octets: bytes) -> bool:
        """To write these touches no file."""
        return self._spool is None and self.size + len(octets) <= MEMORY_OCTETS

    def write(self, octets: bytes) -> None:
        """Raises errors.TooBig, Unavailable; then there is nothing more to be done with it but close()."""
        with self._lock:
            if self._is_closed:
                return
            self.size += len(octets)
            if self.size > self._node.settings.limits.message_octets:
                raise errors.TooBig
            octets = octets.replace(b"\0", NUL_STAND_IN)
            if self._spool is None:
                self._pieces += octets
                if self.size <= MEMORY_OCTETS:
                    return
                self._spool = self._node.blobs.spool()
                octets, self._pieces = bytes(self._pieces), bytearray()
            self._spool.write(octets)

    def held(self) -> Held:
        """All of it has come."""
        return Held(bytes(self._pieces)) if self._spool is None else Held(spool=self._spool)

    def close(self) -> None:
        """Gives up what has not been stored."""
        with self._lock:
            self._is_closed = True
            self._pieces = bytearray()
            if self._spool is not None:
                self._spool.close()


def hops(octets: Any) -> int:
    """How many servers have had it: its Received lines. octets: the whole message, in memory or mapped."""
    end = _END_OF_HEADER.search(octets)
    return sum(1 for _ in _HOP.finditer(octets, 0, end.start() + 1 if end else len(octets)))


def goes_in_circles(letter: Held) -> bool:
    """Raises errors.Unavailable."""
    most = MOST_HOPS + 1  # with the line that we have put before it
    if letter.spool is None:
        return hops(letter.data) > most
    octets = letter.spool.octets()
    try:
        return hops(octets) > most
    finally:
        if not isinstance(octets, bytes):
            octets.close()


def deliver(node: Any, letter: Held, to: Sequence[Recipient], now: int) -> Iterator[Outcome]:
    """What became of it for each recipient, in order: durable when it is yielded. Who is meant twice gets it once. That
    it cannot be stored for one is no reason not to store it for the next."""
    copies = _Copies(node, letter, {each.organization_id for each in to})
    outcomes: dict[tuple[int, int], Outcome] = {}
    try:
        for recipient in to:
            key = (recipient.organization_id, recipient.mailbox_id)
            if key not in outcomes:
                outcomes[key] = _deliver(node, copies, recipient, now)
            yield outcomes[key]
    finally:
        copies.close()


def _deliver(node: Any, copies: _Copies, recipient: Recipient, now: int) -> Outcome:
    organization_id, mailbox_id, folder_id = recipient[:3]
    try:
        with refusals_noted(node.database, organization_id):
            if copies.size >= ASK_QUOTA_FROM:  # what is refused need not be written to the disk before
                root = quotas.refusing(node.database, organization_id, mailbox_id, copies.size)
                if root is not None:
                    raise errors.OverQuota(root=root)
            done = copies.append(organization_id, contents.Filing(folder_id, [(now, 0)], [(0, [])]))
    except errors.MailError as error:
        return error
    except Exception:
        log.exception("a delivery failed")
        return errors.MailError()
    node.wakeups.publish(organization_id, done.group_id, recipient.owner)
    return done


class _Copies:
    """The octets of a message, and what parsing finds in them, once in each organisation that wants them."""

    def __init__(self, node: Any, letter: Held, organizations: set[int]):
        self._node = node
        self._letter = letter
        self._wanting = organizations
        self._kept: dict[int, errors.MailError | None] = {}
        self._sha256 = delivery.digest_of(letter)
        self._content: Any = None
        self.size = letter.size

    def append(self, organization_id: int, filing: contents.Filing) -> Appended:
        """One more of them. Raises as contents.append(), and errors.Unavailable."""
        node = self._node
        known = delivery.append_known(node, organization_id, self._sha256, self.size, filing)
        if known:
            self._wanting.discard(organization_id)
            return known
        if self._content is None:
            self._content = delivery.content_of(node, self._letter, self._sha256)
        if organization_id not in self._kept:
            self._kept[organization_id] = self._keep(organization_id)
        if error := self._kept[organization_id]:
            raise error
        return contents.append(node.database, organization_id, [self._content], filing)

    def _keep(self, organization_id: int) -> errors.MailError | None:
        """Its octets are on the disk then, or why not."""
        spool = self._letter.spool
        self._wanting.discard(organization_id)
        try:
            if spool is None:
                self._node.blobs.put(organization_id, [(self._sha256, self._letter.data)])
                return None
            # What is kept leaves the spool: whoever comes after gets one of their own.
            following = self._copied(spool) if self._wanting else None
            try:
                self._node.blobs.keep(organization_id, spool)
            finally:
                if following is not None:
                    spool.close()
                    self._letter = Held(spool=following)
        except errors.MailError as error:
            return error
        return None

    def _copied(self, spool: Spool) -> Spool:
        made: Spool = self._node.blobs.spool()
        try:
            octets = spool.octets()
            try:
                for start in range(0, len(octets), PIECE_OCTETS):
                    made.write(octets[start : start + PIECE_OCTETS])
            finally:
                if not isinstance(octets, bytes):
                    octets.close()
            made.finish()
        except BaseException:
            made.close()
            raise
        return made

    def close(self) -> None:
        if self._letter.spool is not None:
            self._letter.spool.close()
