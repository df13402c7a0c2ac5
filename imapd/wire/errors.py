# SPDX-License-Identifier: MIT
"""What wire/ raises. How it is answered is decided in protocol/."""

ECHO_OCTETS = 64


class BadSyntax(Exception):
    """The command does not follow the grammar. str() is shown after BAD, so it must not repeat much of the client."""


class BadName(BadSyntax):
    """A string that is right by the grammar stands where a mailbox name belongs, and no mailbox can have that name."""


class TooLong(Exception):
    """A line, or a command, is longer than the limit, or a literal's size cannot be counted: no end can be awaited."""


def shown(octets: bytes) -> str:
    """A short printable extract of what a client sent, for error texts and logs."""
    text = octets[:ECHO_OCTETS].decode("ascii", "replace")
    return "".join(c if " " <= c <= "~" and c not in '"\\<>' else "?" for c in text)
