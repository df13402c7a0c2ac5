# SPDX-License-Identifier: MIT
"""What wire/ raises. How it is answered is decided in protocol/."""

ECHO_OCTETS = 64


class BadSyntax(Exception):
    """The command does not follow the grammar. str() is shown after BAD, so it must not repeat much of the client."""


class UnknownCharset(Exception):
    """A SEARCH named a CHARSET that is not on the list."""


def shown(octets: bytes) -> str:
    """A short printable extract of what a client sent, for error texts and logs."""
    text = octets[:ECHO_OCTETS].decode("ascii", "replace")
    return "".join(c if " " <= c <= "~" and c not in '"\\<>' else "?" for c in text)
