# SPDX-License-Identifier: MIT
"""Parts to the octets of ENVELOPE, BODY and BODYSTRUCTURE (RFC 3501 section 7.4.2), ready to be sent.

Whatever a message holds, no line end and no control character of it gets out here but inside a counted literal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from imapd.mail.mime import headers, parameters
from imapd.mail.mime.addresses import Address, addresses
from imapd.mail.mime.limits import STRUCTURE_OCTETS
from imapd.mail.mime.structure import MESSAGE, MULTIPART, Part

_PLAIN = re.compile(rb"[ !#-\[\]-~]*").fullmatch
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]+ *")
_LONGEST_QUOTED = 4096

# What a multipart without parts is said to hold, since the grammar wants at least one.
_NOTHING = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0)'
_NO_ENVELOPE = b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
_US_ASCII = b'("charset" "us-ascii")'


def string(octets: bytes) -> bytes:
    """string = quoted / literal. Runs of control characters become a space."""
    if len(octets) <= _LONGEST_QUOTED and _PLAIN(octets):
        return b'"%b"' % octets
    octets = _CONTROL.sub(b" ", octets).strip()
    if octets.isascii() and len(octets) <= _LONGEST_QUOTED:
        return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return b"{%d}\r\n%b" % (len(octets), octets)


def nstring(octets: bytes | None) -> bytes:
    """nstring = string / nil"""
    return b"NIL" if octets is None else string(octets)


# ENVELOPE


class Envelope:
    """The address lists of one message, read once, and the envelope rendered from them."""

    __slots__ = ("bcc", "cc", "octets", "sender", "to")

    def __init__(self, fields: headers.Fields, first: dict[bytes, bytes]):
        self.sender = self._addresses(fields, first, b"from")
        self.to = self._addresses(fields, first, b"to")
        self.cc = self._addresses(fields, first, b"cc")
        self.bcc = self._addresses(fields, first, b"bcc")
        sender = _address_list(self.sender)
        self.octets = b"(%b %b %b %b %b %b %b %b %b %b)" % (
            nstring(first.get(b"date")),
            nstring(first.get(b"subject")),
            sender,
            self._or(sender, fields, first, b"sender"),
            self._or(sender, fields, first, b"reply-to"),
            _address_list(self.to),
            _address_list(self.cc),
            _address_list(self.bcc),
            nstring(first.get(b"in-reply-to")),
            nstring(first.get(b"message-id")),
        )

    @staticmethod
    def _addresses(fields: headers.Fields, first: dict[bytes, bytes], name: bytes) -> list[Address]:
        return addresses(headers.joined(fields, name)) if name in first else []

    def _or(self, sender: bytes, fields: headers.Fields, first: dict[bytes, bytes], name: bytes) -> bytes:
        """RFC 3501: a Sender or Reply-To that is absent or empty is as From."""
        found = self._addresses(fields, first, name)
        return _address_list(found) if found else sender


def _address_list(listed: list[Address]) -> bytes:
    if not listed:
        return b"NIL"
    rendered = [
        b"(%b %b %b %b)" % (nstring(name), nstring(route), nstring(mailbox), nstring(host))
        for name, route, mailbox, host in listed
    ]
    return b"(%b)" % b"".join(rendered)


# BODY and BODYSTRUCTURE


def structures(
    parts: list[Part], envelopes: Callable[[Part], bytes], lines: Callable[[Part], int]
) -> tuple[bytes, bytes]:
    """(BODY, BODYSTRUCTURE) of the message."""
    heads: list[bytes] = []
    tails: list[bytes] = []
    size = 0
    for part in parts:
        head, tail = _rendered(part, envelopes, lines, frugal=size > STRUCTURE_OCTETS)
        heads.append(head)
        tails.append(tail)
        size += len(head) + len(tail)
    return _nested(parts[0], heads, None), _nested(parts[0], heads, tails)


def _nested(root: Part, heads: list[bytes], tails: list[bytes] | None) -> bytes:
    """The parts in their parentheses, with a stack in place of recursion."""
    pieces: list[bytes] = []
    stack: list[Part | bytes] = [root]
    while stack:
        item = stack.pop()
        if isinstance(item, bytes):
            pieces.append(item)
            continue
        pieces.append(b"(")
        tail = tails[item.index] if tails else b""
        if item.kind == MULTIPART:
            stack.append(b" " + heads[item.index] + tail + b")")
            stack.extend(reversed(item.children) if item.children else (_NOTHING,))
        elif _shows_message(item):
            fields, _, count = heads[item.index].rpartition(b" ")
            pieces.append(fields + b" ")
            stack.append(b" " + count + tail + b")")
            stack.extend(item.children)
        else:
            pieces.append(heads[item.index] + tail + b")")
    return b"".join(pieces)


def _shows_message(part: Part) -> bool:
    """RFC 3501 knows media-message of message/rfc822 alone: a message/global is told as any other part."""
    return part.kind == MESSAGE and part.subtype == b"rfc822"


def _rendered(
    part: Part, envelopes: Callable[[Part], bytes], lines: Callable[[Part], int], frugal: bool
) -> tuple[bytes, bytes]:
    """What BODY has of a part, and what BODYSTRUCTURE adds. Of a multipart: what follows its parts."""
    first = {} if frugal else part.first
    found = [] if frugal else part.parameters
    subtype = string(part.subtype)
    if part.kind == MULTIPART:
        return subtype, b" %b%b" % (_parameters(found), _extension(first))
    is_text = part.type == b"text"
    head = b"%b %b %b %b %b %b %d" % (
        string(part.type),
        subtype,
        _text_parameters(found) if is_text else _parameters(found),
        nstring(first.get(b"content-id")),
        nstring(first.get(b"content-description")),
        string(parameters.transfer_encoding(first)),
        part.end - part.body_start,
    )
    if is_text:
        head += b" %d" % lines(part)
    elif _shows_message(part):
        head += b" %b %d" % (_NO_ENVELOPE if frugal else envelopes(part.children[0]), lines(part))
    return head, b" %b%b" % (nstring(first.get(b"content-md5")), _extension(first))


def _parameters(found: parameters.Parameters) -> bytes:
    if not found:
        return b"NIL"
    return b"(%b)" % b" ".join([b"%b %b" % (string(name), string(value)) for name, value in found])


def _text_parameters(found: parameters.Parameters) -> bytes:
    """Text without a charset is US-ASCII (RFC 2046), and some clients want to be told so."""
    if not found:
        return _US_ASCII
    if any(name == b"charset" for name, _ in found):
        return _parameters(found)
    return _parameters([*found, (b"charset", b"us-ascii")])


def _extension(first: dict[bytes, bytes]) -> bytes:
    """body-fld-dsp SP body-fld-lang SP body-fld-loc, with the space before them"""
    disposition = first.get(b"content-disposition")
    language = first.get(b"content-language")
    location = first.get(b"content-location")
    if disposition is language is location is None:
        return b" NIL NIL NIL"
    return b" %b %b %b" % (_disposition(disposition), _language(language), nstring(location))


def _disposition(value: bytes | None) -> bytes:
    kind, _, found = parameters.split(value or b"")
    return b"(%b %b)" % (string(kind), _parameters(found)) if kind else b"NIL"


def _language(value: bytes | None) -> bytes:
    tags: Iterable[bytes] = filter(None, map(bytes.strip, (value or b"").split(b",")[:100]))
    listed = [string(tag) for tag in tags]
    if len(listed) < 2:
        return listed[0] if listed else b"NIL"
    return b"(%b)" % b" ".join(listed)
