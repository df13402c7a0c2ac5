# SPDX-License-Identifier: MIT
"""Where the parts of a message lie, as stored with it, and the octets that a section of FETCH names.

Format 1: the octet 1, then for each part in the order of their headers four little-endian 32-bit numbers: marks, header
start, body start, end. Marks: bits 0-1 the kind (structure.LEAF, MULTIPART, MESSAGE), bits 2-4 the transfer encoding,
from bit 5 on the number of the parent, which comes earlier (0 for the message itself).
"""

from __future__ import annotations

from struct import pack, unpack_from

from imapd.mail.mime import parameters
from imapd.mail.mime.structure import LEAF, MESSAGE, MULTIPART, UNENCODED, Part

FORMAT = 1

IDENTITY, BASE64, QUOTED_PRINTABLE, UNKNOWN_ENCODING = range(4)
ENCODINGS = {
    **dict.fromkeys(UNENCODED, IDENTITY),
    b"base64": BASE64,
    b"quoted-printable": QUOTED_PRINTABLE,
}

Span = tuple[int, int]


def encode(parts: list[Part]) -> bytes:
    """The stored form."""
    numbers: list[int] = []
    for part in parts:
        parent = part.parent.index if part.parent else 0
        marks = part.kind | encoding(part.first) << 2 | parent << 5
        numbers += (marks, part.header_start, part.body_start, part.end)
    return pack(f"<B{len(numbers)}I", FORMAT, *numbers)


def encoding(first: dict[bytes, bytes]) -> int:
    """The number of a part's Content-Transfer-Encoding."""
    return ENCODINGS.get(parameters.transfer_encoding(first), UNKNOWN_ENCODING)


def find(stored: bytes, path: tuple[int, ...]) -> int | None:
    """The number of the part that a section-part like 1.2.3 names; 0 for the empty one."""
    current, kind = 0, _kind(stored, 0)
    # In a message that is not multipart, part 1 is the message's own body.
    own_body = True
    for number in path:
        if kind == MESSAGE and not own_body:
            current, own_body = current + 1, True
            kind = _kind(stored, current)
        if kind == MULTIPART:
            child = _child(stored, current, number)
            if child is None:
                return None
            current, kind, own_body = child, _kind(stored, child), False
        elif own_body and number == 1:
            own_body = False
        else:
            return None
    return current


def section(stored: bytes, path: tuple[int, ...], kind: bytes) -> Span | None:
    """(offset, length) of BODY[path.kind], or None if there is no such part. kind: b"", HEADER, TEXT or MIME."""
    number = find(stored, path)
    if number is None:
        return None
    marks, header_start, body_start, end = _numbers(stored, number)
    if kind == b"MIME":
        return header_start, body_start - header_start
    if not path:
        if kind == b"":
            return 0, end
    elif kind == b"":
        return body_start, end - body_start
    elif marks & 3 != MESSAGE:
        return None
    else:
        # The message inside comes right after the part that holds it.
        _, header_start, body_start, end = _numbers(stored, number + 1)
    if kind == b"HEADER":
        return header_start, body_start - header_start
    return body_start, end - body_start


def transfer_encoding(stored: bytes, number: int) -> int:
    """How the body of the part is encoded: IDENTITY, BASE64, QUOTED_PRINTABLE or UNKNOWN_ENCODING."""
    return _numbers(stored, number)[0] >> 2 & 7


def is_leaf(stored: bytes, number: int) -> bool:
    """Whether the part holds no other parts."""
    return _kind(stored, number) == LEAF


def _numbers(stored: bytes, number: int) -> tuple[int, int, int, int]:
    found: tuple[int, int, int, int] = unpack_from("<4I", stored, 1 + 16 * number)
    return found


def _kind(stored: bytes, number: int) -> int:
    return stored[1 + 16 * number] & 3


def _child(stored: bytes, parent: int, number: int) -> int | None:
    """The number-th child of a part."""
    count = (len(stored) - 1) // 16
    for other in range(parent + 1, count):
        (marks,) = unpack_from("<I", stored, 1 + 16 * other)
        if marks >> 5 == parent:
            number -= 1
            if not number:
                return other
    return None
