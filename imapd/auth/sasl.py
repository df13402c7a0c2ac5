# SPDX-License-Identifier: MIT
"""SASL mechanisms (RFC 4422) as data: each is a generator that yields challenges and gets responses. Pure.

It verifies nothing: a mechanism returns the user name and the password that the client gave.
"""

import base64
import binascii
from collections.abc import Callable, Generator

from imapd.errors import AuthenticationFailed, AuthorizationFailed

LONGEST_RESPONSE = 8192  # octets of base64 in one response

Exchange = Generator[bytes, bytes, tuple[str, str]]


class BadResponse(Exception):
    """The client's line is no base64, or too long."""


def decode(line: bytes) -> bytes:
    """base64 = *(4base64-char) [base64-terminal], nothing else; "=" alone is an empty initial response (RFC 4959)."""
    if line == b"=":
        return b""
    if len(line) > LONGEST_RESPONSE:
        raise BadResponse("The response is too long.")
    try:
        octets = base64.b64decode(line, validate=True)
    except binascii.Error:
        octets = b""
    # The library takes `YQ==YQ==`, and bits after the end that are not zero: only what it would write itself is right.
    if base64.b64encode(octets) != line:
        raise BadResponse("The response is no base64.")
    return octets


def encode(challenge: bytes) -> bytes:
    """A challenge as it stands after "+ "."""
    return base64.b64encode(challenge)


def plain() -> Exchange:
    """message = [authzid] UTF8NUL authcid UTF8NUL passwd (RFC 4616)"""
    message = yield b""
    parts = message.split(b"\0")
    if len(parts) != 3:
        raise AuthenticationFailed
    authorization, authentication, password = map(_text, parts)
    if authorization not in ("", authentication):
        raise AuthorizationFailed
    return authentication, password


def login() -> Exchange:
    """draft-murchison-sasl-login: obsolete, and still what some clients know best."""
    username = yield b"Username:"
    password = yield b"Password:"
    return _text(username), _text(password)


MECHANISMS: dict[bytes, Callable[[], Exchange]] = {b"PLAIN": plain, b"LOGIN": login}


def _text(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise AuthenticationFailed from None
