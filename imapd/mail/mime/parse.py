# SPDX-License-Identifier: MIT
"""The whole parse of a message: what table `contents` holds of it. The work is in the modules around."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from imapd.mail.folding import fold
from imapd.mail.mime import dates, headers, limits, parts, render
from imapd.mail.mime.addresses import Address
from imapd.mail.mime.charsets import decode
from imapd.mail.mime.structure import MESSAGE, Octets, Part, scan
from imapd.mail.mime.subjects import extracted
from imapd.mail.mime.text import BodyText, header_text
from imapd.mail.mime.words import text_of

_MESSAGE_ID = re.compile(rb"<([^<>]+)>")
_WHITE_SPACE = re.compile(rb"[\x00-\x20\x7f]+")


@dataclass(frozen=True)
class ParsedContent:
    """One attribute for each column that depends on the octets alone."""

    sha256: bytes
    size: int
    envelope: bytes
    body: bytes
    body_structure: bytes
    parts: bytes
    header: bytes
    header_size: int
    message_id: str
    refs: str
    sent_at: int | None
    sent_zone: int
    base_subject: str
    is_reply: bool
    sort_from: str
    sort_to: str
    sort_cc: str
    display_from: str
    display_to: str
    subject: str
    from_text: str
    to_text: str
    cc_text: str
    bcc_text: str
    header_text: str
    body_text: str
    preview: str
    parsed_by: int = limits.PARSER_VERSION

    @property
    def octets(self) -> int:
        """Of all columns, more or less."""
        return sum(len(value) for value in vars(self).values() if isinstance(value, (bytes, str)))


def parse(octets: Octets, *, sha256: bytes) -> ParsedContent:
    """Reads a message of any quality. It never raises because of what is in it."""
    found = scan(octets)
    message = found[0]
    first = message.first
    envelope = render.Envelope(message.fields, first)
    body, body_structure = render.structures(found, _envelope_of, line_counter(octets, found))
    sent_at, sent_zone = dates.sent(first.get(b"date", b"")) or (None, 0)
    subject = fold(text_of(first.get(b"subject", b"")), limits.FIELD_CHARACTERS)
    text = BodyText(octets, found)
    base_subject, is_reply = extracted(subject)
    return ParsedContent(
        sha256=sha256,
        size=len(octets),
        envelope=envelope.octets,
        body=body,
        body_structure=body_structure,
        parts=parts.encode(found),
        header=octets[: min(message.body_start, limits.CACHED_HEADER_OCTETS)],
        header_size=message.body_start,
        message_id="".join(_message_ids(first.get(b"message-id"), 1)),
        refs=_references(first),
        sent_at=sent_at,
        sent_zone=sent_zone,
        base_subject=base_subject[: limits.KEY_CHARACTERS],
        is_reply=is_reply,
        sort_from=_sort_key(envelope.sender),
        sort_to=_sort_key(envelope.to),
        sort_cc=_sort_key(envelope.cc),
        display_from=_display_name(envelope.sender),
        display_to=_display_name(envelope.to),
        subject=subject,
        from_text=_address_text(message, b"from", envelope.sender),
        to_text=_address_text(message, b"to", envelope.to),
        cc_text=_address_text(message, b"cc", envelope.cc),
        bcc_text=_address_text(message, b"bcc", envelope.bcc),
        header_text=header_text(message.fields),
        body_text=text.searchable(),
        preview=text.preview(),
    )


def _envelope_of(part: Part) -> bytes:
    return render.Envelope(part.fields, part.first).octets


def _address_text(message: Part, name: bytes, listed: list[Address]) -> str:
    """The field as it is written, and the addresses that comments or white space in it take apart."""
    if name not in message.first:
        return ""
    text = text_of(headers.joined(message.fields, name, limits.CACHED_HEADER_OCTETS))
    plain = {f"{decode(mailbox)}@{decode(host)}" for _, _, mailbox, host in listed if mailbox and host}
    return fold(" ".join([text, *sorted(address for address in plain if address not in text)]))


def _message_ids(value: bytes | None, limit: int) -> list[str]:
    """The first message ids of a field, without their angle brackets and any white space."""
    if not value:
        return []
    found = (_WHITE_SPACE.sub(b"", id) for id in _MESSAGE_ID.findall(value))
    return [decode(id[: limits.MESSAGE_ID_OCTETS]) for id in found if id][:limit]


def _references(first: dict[bytes, bytes]) -> str:
    """RFC 5256: References, else the first id of In-Reply-To. Of very many, the root and the nearest ones."""
    ids = _message_ids(first.get(b"references"), limits.FIELD_OCTETS)
    if len(ids) > limits.REFERENCES:
        ids = ids[:1] + ids[1 - limits.REFERENCES :]
    return " ".join(ids or _message_ids(first.get(b"in-reply-to"), 1))


def _sort_key(listed: list[Address]) -> str:
    """addr-mailbox of the first address"""
    if not listed:
        return ""
    return fold(decode(listed[0].mailbox or b""), limits.KEY_CHARACTERS)


def _display_name(listed: list[Address]) -> str:
    """RFC 5957: the name of the first address, else the address itself."""
    if not listed:
        return ""
    name, _, mailbox, host = listed[0]
    text = text_of(name).strip() if name else ""
    if not text:
        text = decode(mailbox or b"") + ("@" + decode(host) if host else "")
    return fold(text, limits.KEY_CHARACTERS)


# Lines


def line_counter(octets: Octets, found: list[Part]) -> Callable[[Part], int]:
    """Says how many lines the body of a part has, looking at each octet once, however deep messages are nested."""
    if all(part.kind != MESSAGE for part in found):
        return lambda part: _lines(octets, part.body_start, part.end)
    counted: dict[int, int] = {}
    position = total = 0
    for cut in sorted({cut for part in found for cut in (part.body_start, part.end)}):
        total += _lines(octets, position, cut)
        counted[cut], position = total, cut
    return lambda part: counted[part.end] - counted[part.body_start]


def _lines(octets: Octets, begin: int, end: int) -> int:
    if isinstance(octets, bytes):
        return octets.count(b"\n", begin, end)
    step = 1 << 20
    return sum(octets[at : min(at + step, end)].count(b"\n") for at in range(begin, end, step))
