# SPDX-License-Identifier: MIT
"""Rights of RFC 4314, and what the four words of sharing mean in them. Who has which is in the store."""

LOOKUP, READ, SEEN, WRITE, INSERT, POST, CREATE, DELETE_MAILBOX, DELETE, EXPUNGE, ADMINISTER = "lrswipkxtea"

ALL = "lrswipkxtea"

LEVELS = {
    "read": "lrs",
    "write": "lrswik",
    "delete": "lrswikxte",
    "admin": "lrswipkxtea",
}
"""The words an operator grants by, each holding the one before it."""


def union(*rights: str) -> str:
    """Letters of all of them, once each, in the order of RFC 4314."""
    held = set("".join(rights))
    return "".join(letter for letter in ALL if letter in held)
