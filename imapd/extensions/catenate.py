# SPDX-License-Identifier: MIT
"""CATENATE (RFC 4469): a new message is put together from literals and from parts of messages that are here.

URLs are those of wire/urls.py: of messages of this server, by their path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imapd.commands.append import DATA, Composed
from imapd.commands.fetch_sections import Section, pieces, section_spec
from imapd.errors import MailError, TooBig, Unavailable
from imapd.mail.delivery import Held
from imapd.mail.mime import parts
from imapd.mail.mime.limits import HEADER_OCTETS
from imapd.protocol.answers import Refused
from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.grammar import BadSyntax, Cursor, Literal
from imapd.wire.urls import MessageUrl, message_url

if TYPE_CHECKING:
    from imapd.mail.body import Body
    from imapd.mail.mailbox import Mailbox
    from imapd.protocol.session import Session

CAPABILITIES = (Capability(b"CATENATE", rfc=4469, states=AUTHENTICATED_UP),)

MEMORY_OCTETS = 64 << 10
"""The longest message that is put together in memory."""

_UNSAID = re.compile(rb"[^\x21-\x5b\x5e-\x7e]")


@dataclass(frozen=True, slots=True)
class Part:
    """Octets of a message that is here."""

    body: Body
    offset: int
    length: int

    @property
    def size(self) -> int:
        return self.length

    def pieces(self) -> Iterator[bytes]:
        return pieces(self.body, self.offset, self.length)


@dataclass(frozen=True, slots=True)
class Given:
    """Octets that the client has sent, or that were picked from a header."""

    octets: bytes
    spool: object = None

    @property
    def size(self) -> int:
        return self.spool.size if self.spool else len(self.octets)  # type: ignore[attr-defined]

    def pieces(self) -> Iterator[bytes]:
        if self.spool is None:
            yield self.octets
            return
        octets = self.spool.octets()  # type: ignore[attr-defined]
        try:
            for at in range(0, self.size, MEMORY_OCTETS):
                yield octets[at : at + MEMORY_OCTETS]
        finally:
            if not isinstance(octets, bytes):
                octets.close()


@dataclass(frozen=True, slots=True)
class Catenated(Composed):
    """cat_parts: literals, and URLs as they were sent."""

    cat_parts: tuple[Literal | bytes, ...]

    def held(self, session: Session, made: ExitStack) -> Held:
        with ExitStack() as opened:
            mailboxes: dict[str, Mailbox] = {}
            found: list[Part | Given] = []
            size = 0
            for each in self.cat_parts:
                if isinstance(each, Literal):
                    found.append(Given(each.data, each.spool))
                else:
                    found.append(_part(session, each, mailboxes, opened))
                size += found[-1].size
                if size > session.settings.limits.message_octets:
                    raise TooBig("That message is larger than this server takes.")
            return _together(session, found, size, made)


def _together(session: Session, found: Sequence[Part | Given], size: int, made: ExitStack) -> Held:
    if size <= MEMORY_OCTETS:
        return Held(b"".join(piece for each in found for piece in each.pieces()))
    spool = session.node.blobs.spool()
    made.callback(spool.close)
    for each in found:
        for piece in each.pieces():
            spool.write(piece)
    spool.finish()
    return Held(spool=spool)


def _part(session: Session, url: bytes, mailboxes: dict[str, Mailbox], opened: ExitStack) -> Part | Given:
    """What a URL means. Raises Refused with BADURL where it means nothing that this user may read."""
    try:
        wanted = message_url(url)
        mailbox = _mailbox(session, wanted, mailboxes, opened)
        at = mailbox.view.position(wanted.uid)
        if at is None or wanted.uid_validity not in (None, mailbox.uid_validity):
            raise BadSyntax("There is no such message.")
        return _octets(mailbox, mailbox.view.content_ids[at], wanted)
    except Unavailable:
        raise
    except (BadSyntax, MailError) as why:
        said = _UNSAID.sub(lambda odd: b"%%%02X" % ord(odd[0]), url)
        raise Refused(b"BADURL " + (said or b"%"), str(why) or "There is nothing at that URL.") from None


def _mailbox(session: Session, wanted: MessageUrl, mailboxes: dict[str, Mailbox], opened: ExitStack) -> Mailbox:
    if wanted.mailbox is None:
        if session.selected is None:
            raise BadSyntax("No mailbox is selected.")
        return session.selected
    if wanted.mailbox not in mailboxes:
        mailbox = session.account.open(wanted.mailbox, read_only=True, counts_recent=False)
        opened.callback(mailbox.close)
        mailboxes[wanted.mailbox] = mailbox
    return mailboxes[wanted.mailbox]


def _octets(mailbox: Mailbox, content_id: int, wanted: MessageUrl) -> Part | Given:
    cursor = Cursor(b"[%b]" % wanted.section)
    section = section_spec(cursor)[1]
    cursor.end()
    body = mailbox.body(content_id)
    ((stored,),) = mailbox.contents([content_id], ("parts",)).values()
    span = parts.section(stored, section.path, section.kind)
    if span is None:
        raise BadSyntax("The message has no such part.")
    if section.filter is not None:
        return Given(_cut(section, body.read(span[0], min(span[1], HEADER_OCTETS)), wanted))
    begin = min(wanted.offset, span[1])
    length = span[1] - begin if wanted.length is None else min(wanted.length, span[1] - begin)
    return Part(body, span[0] + begin, length)


def _cut(section: Section, header: bytes, wanted: MessageUrl) -> bytes:
    assert section.filter
    end = None if wanted.length is None else wanted.offset + wanted.length
    return section.filter(header)[wanted.offset : end]


def catenate(cursor: Cursor) -> Catenated:
    """append-data-ext = "CATENATE" SP "(" cat-part *(SP cat-part) ")" """
    cursor.sp()
    found = cursor.listed(lambda: cat_part(cursor))
    return Catenated(any(each.binary for each in found if isinstance(each, Literal)), tuple(found))


def cat_part(cursor: Cursor) -> Literal | bytes:
    """cat-part = "TEXT" SP literal / "URL" SP astring"""
    is_text = cursor.word(b"TEXT", b"URL") == b"TEXT"
    cursor.sp()
    return cursor.literal() if is_text else cursor.astring()


DATA[b"CATENATE"] = catenate
