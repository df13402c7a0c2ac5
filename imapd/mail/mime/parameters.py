# SPDX-License-Identifier: MIT
"""Fields of the form `value; name=value` (Content-Type, Content-Disposition, and Content-Transfer-Encoding, which has a
value only) and RFC 2231's way to write long ones."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from imapd.mail.mime.charsets import decode
from imapd.mail.mime.limits import PARAMETERS
from imapd.mail.mime.words import text_of

Parameters = list[tuple[bytes, bytes]]

# White space, and comments, which may hold comments. Quoted pairs are none here: with them, a bracket behind each of
# many semicolons could be looked for to the end of the field.
_COMMENT = rb"\([^()]*(?:\([^()]*\)[^()]*)*\)"
_CFWS = rb"\s*(?:" + _COMMENT + rb"\s*)*"

_VALUE = re.compile(_CFWS + rb"([^\s;/()\"]+)" + _CFWS + rb"(?:/" + _CFWS + rb"([^\s;/()\",]+)" + _CFWS + rb")?")
_PARAMETER = re.compile(
    rb";" + _CFWS + rb'([^\s=;"()]+)' + _CFWS + rb'=\s*(?:"([^"\\]*(?:\\.[^"\\]*)*)"?|([^;]*))', re.DOTALL
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


def split(value: bytes) -> tuple[bytes, bytes | None, Parameters]:
    """(type, subtype, parameters) with all names in lower case; type is empty where there is none."""
    found = _VALUE.match(value)
    if not found:
        return b"", None, []
    kind, subtype = found[1].lower(), found[2]
    if b";" not in value:
        return kind, subtype and subtype.lower(), []
    return kind, subtype and subtype.lower(), _parameters(value[found.end() :])


def transfer_encoding(first: dict[bytes, bytes]) -> bytes:
    """What a part says its Content-Transfer-Encoding is, in lower case; 7bit where it says nothing."""
    value = first.get(b"content-transfer-encoding")
    return split(value)[0] or value.lower() if value else b"7bit"


def _parameters(text: bytes) -> Parameters:
    return [
        (name.lower(), _ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted or _token(token))
        for name, quoted, token in _PARAMETER.findall(text)[:PARAMETERS]
    ]


def _token(token: bytes) -> bytes:
    # Spaces do not belong here, but "filename=my file.pdf" is common.
    token = token.strip()
    if token.endswith(b")"):
        before, bracket, comment = token.rpartition(b"(")
        # Not by a regular expression: each of the spaces before a bracket would be a place to begin at.
        if bracket and b")" not in comment[:-1]:
            return before.rstrip()
    return token


def value_of(parameters: Parameters, name: bytes) -> bytes:
    """The plain parameter of that name, or nothing."""
    for other, value in parameters:
        if other == name:
            return value
    return b""


def decoded(parameters: Parameters, name: bytes) -> str:
    """The text of a parameter: plain, in encoded words, or continued and percent-encoded as RFC 2231 has it."""
    plain = value_of(parameters, name)
    if plain:
        return text_of(plain)
    pieces: dict[int, tuple[bytes, bool]] = {}
    for other, value in parameters:
        begin, _, rest = other.partition(b"*")
        number, _, _ = rest.partition(b"*")
        if begin == name and b"*" in other and (not number or (number.isdigit() and len(number) < 4)):
            pieces.setdefault(int(number or b"0"), (value, other.endswith(b"*")))
    if not pieces:
        return ""
    return _joined(pieces)


def _joined(pieces: dict[int, tuple[bytes, bool]]) -> str:
    charset = ""
    octets = b""
    for number in sorted(pieces):
        value, encoded = pieces[number]
        if encoded and not octets and value.count(b"'") >= 2:
            name, _, value = value.split(b"'", 2)
            charset = name.decode("ascii", "replace")
        octets += unquote_to_bytes(value) if encoded else value
    return decode(octets, charset)
