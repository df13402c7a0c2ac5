# SPDX-License-Identifier: MIT
"""Encoded words in headers (RFC 2047) to text."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, a2b_qp

from imapd.mail.mime.charsets import decode

_ENCODED_WORD = re.compile(rb"=\?([^?\s]*)\?([bBqQ])\?([^?]*)\?=")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


def text_of(value: bytes) -> str:
    """The text of an unfolded field value."""
    return _encoded(value) if b"=?" in value else decode(value)


def base64(octets: bytes) -> bytes:
    """What base64 stands for. Junk is skipped and a missing end is missing, as every mail reader does."""
    try:
        return a2b_base64(octets)
    except Error:
        octets = _NOT_BASE64.sub(b"", octets)
        octets = octets[: len(octets) - 1] if len(octets) % 4 == 1 else octets
        return a2b_base64(octets + b"=" * (-len(octets) % 4))


def _encoded(value: bytes) -> str:
    pieces: list[str] = []
    # Octets wait until the charset changes: a character may be split between two encoded words.
    waiting, charset, end = b"", b"", 0
    for word in _ENCODED_WORD.finditer(value):
        between = value[end : word.start()]
        if waiting and (between.strip() or word[1] != charset):
            pieces.append(decode(waiting, _charset(charset)))
            waiting = b""
        if between.strip() or not end:
            pieces.append(decode(between))
        waiting += base64(word[3]) if word[2] in b"bB" else a2b_qp(word[3], header=True)
        charset, end = word[1], word.end()
    if waiting:
        pieces.append(decode(waiting, _charset(charset)))
    pieces.append(decode(value[end:]))
    return "".join(pieces)


def _charset(octets: bytes) -> str:
    # RFC 2231 section 5: a language may follow after an asterisk.
    return octets.partition(b"*")[0].decode("ascii", "replace")
