# SPDX-License-Identifier: MIT
"""The syntax of what a client says: paths, parameters, and the octets of DATA. Pure: asks nobody, waits for nothing."""

from __future__ import annotations

import re
from typing import NamedTuple

LONGEST_SENDER = 1000
LONGEST_LOCAL_PART = 64  # RFC 5321 section 4.5.3.1.1
LONGEST_DOMAIN = 255

# Dots where Dot-string has none are in use, and whoever has no such address is unknown all the same.
_DOT_STRING = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\x80-\U0010ffff-]+"
_QUOTED_STRING = r'"(?:[ !#-\[\]-~\x80-\U0010ffff]|\\[ -~])*"'
_LABEL = r"[A-Za-z0-9\x80-\U0010ffff](?:[A-Za-z0-9_\x80-\U0010ffff-]*[A-Za-z0-9\x80-\U0010ffff])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*\.?|\[[!-Z^-~]+\]"
_MAILBOX = re.compile(rf"(?P<local>{_DOT_STRING}|{_QUOTED_STRING})@(?P<domain>{_DOMAIN})")
# Whatever is in use as a sender is taken, so that no bounce is lost; but nothing that would end the header line.
_PATH = re.compile(rf"[ ]*<(?P<inside>(?:{_QUOTED_STRING}@)?[^\x00-\x20\x7f<>]*)>(?P<rest>.*)")
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~]+))?")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Wrong(Exception):
    """What was said is no good. str() is the reply."""


class Address(NamedTuple):
    """The mailbox of a recipient: without the quotes, where it had some, and in the letters that were used."""

    local_part: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local_part}@{self.domain}"


def path(keyword: str, given: str | None) -> tuple[str, dict[str, str | None]]:
    """("FROM:" / "TO:") "<" … ">" [SP Mail-parameters]: what stands in the brackets, and the parameters by their names
    in capitals. Raises Wrong."""
    if given is None or given[: len(keyword)].upper() != keyword:
        raise Wrong(f"501 5.5.4 Syntax: {keyword}<address> [parameters]")
    found = _PATH.fullmatch(given[len(keyword) :])
    if found is None:
        raise Wrong("501 5.1.7 Bad sender address" if keyword == "FROM:" else "501 5.1.3 Bad recipient address")
    if found["rest"] and not found["rest"].startswith(" "):
        raise Wrong("501 5.5.4 Bad parameters")
    return found["inside"], _parameters(found["rest"])


def _parameters(text: str) -> dict[str, str | None]:
    parameters: dict[str, str | None] = {}
    for word in text.split():
        found = _PARAMETER.fullmatch(word)
        if found is None or found[1].upper() in parameters:
            raise Wrong("501 5.5.4 Bad parameters")
        parameters[found[1].upper()] = found[2]
    return parameters


def sender(text: str, utf8: bool) -> str:
    """Reverse-path; "" for a bounce. Raises Wrong."""
    if len(text) > LONGEST_SENDER:
        raise Wrong("501 5.1.7 Bad sender address: too long")
    _check_letters(text, utf8, "553 5.6.7 A sender address that is not ASCII needs SMTPUTF8")
    return text


def recipient(text: str, utf8: bool) -> Address:
    """Mailbox = Local-part "@" ( Domain / address-literal ). A source route is none. Raises Wrong."""
    _check_letters(text, utf8, "553 5.6.7 A recipient address that is not ASCII needs SMTPUTF8")
    found = _MAILBOX.fullmatch(text) if len(text) <= LONGEST_SENDER else None
    if found is None:
        raise Wrong("553 5.1.3 Bad recipient address")
    local_part = found["local"]
    if local_part.startswith('"'):
        local_part = re.sub(r"\\(.)", r"\1", local_part[1:-1])
    domain = found["domain"].removesuffix(".")
    if not local_part or len(local_part.encode()) > LONGEST_LOCAL_PART or len(domain.encode()) > LONGEST_DOMAIN:
        raise Wrong("553 5.1.3 Bad recipient address")
    return Address(local_part, domain)


def _check_letters(text: str, utf8: bool, otherwise: str) -> None:
    if not text.isascii() and (not utf8 or _SURROGATE.search(text)):
        raise Wrong(otherwise)


class Dots:
    r"""The octets between DATA and its end, without the dots that stand in for themselves (RFC 5321 section 4.5.2).

    Only CRLF "." CRLF ends it. Whatever else an MTA before us may have taken for the end, or for the end of a line
    (\n.\n, \r.\r, \n.\r\n …), is part of the message: so nobody can hide a second message in the first.
    """

    _END = b"\r\n.\r\n"

    def __init__(self) -> None:
        self._undecided = b"\r\n"  # the end of the line with DATA on it; it is no part of the message
        self._first = True

    def feed(self, octets: bytes) -> tuple[bytes, bytes | None]:
        """More of the message, and what came after its end; None: the end is still to come."""
        pieces, rest = self._split(self._undecided + octets)
        data = b"".join(pieces)
        if self._first and data:
            data, self._first = data[2:], False
        return data, rest

    def _split(self, buffer: bytes) -> tuple[list[bytes], bytes | None]:
        pieces = []
        start = 0
        while (at := buffer.find(b"\r\n.", start)) >= 0:
            line = buffer[at : at + 5]
            if line == self._END:
                pieces.append(buffer[start : at + 2])
                return pieces, buffer[at + 5 :]
            if len(line) < 5 and self._END.startswith(line):
                break
            pieces.append(buffer[start : at + 2])
            start = at + 3
        if at < 0:
            tail = 2 if buffer.endswith(b"\r\n") else 1 if buffer.endswith(b"\r") else 0
            at = max(start, len(buffer) - tail)
        pieces.append(buffer[start:at])
        self._undecided = buffer[at:]
        return pieces, None
