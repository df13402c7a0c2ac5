# SPDX-License-Identifier: MIT
"""Somebody who has logged in and speaks IMAP to the real session, dispatch, mail and store, in the test's own process."""

import time
from typing import Any

from imapd.protocol import dispatch
from imapd.protocol.session import Session
from tests.protocol.talk import Connection
from tests.running.store import Store


class Speaker:
    """`say` gives the untagged lines and the tagged one, without its tag."""

    def __init__(self, store: Store, user: str = "user@example.com", node: Any = None):
        self.store = store
        self.user = user
        self.node = node or store.node()
        self.connection = Connection([])
        self.session = Session(self.connection, self.node)
        self.session.log_in(store.account(self.node, user))

    def say(self, command: str | bytes) -> tuple[list[str], str]:
        octets = command if isinstance(command, bytes) else command.encode()
        self.connection.sent.clear()
        self.connection.pieces = [b"a " + octets + b"\r\n"]
        self.connection.received_at = time.monotonic()
        dispatch.serve(self.session)
        lines = b"".join(self.connection.sent).decode().split("\r\n")[:-1]
        assert lines and lines[-1].startswith("a "), lines
        return lines[:-1], lines[-1].removeprefix("a ")

    def ok(self, command: str | bytes) -> list[str]:
        """The untagged lines; the command must succeed."""
        untagged, tagged = self.say(command)
        assert tagged.startswith("OK"), f"{self.user}: {command!r}: {tagged}"
        return untagged

    def no(self, command: str | bytes, code: str = "") -> str:
        """The text after the code; the command must be refused with it."""
        untagged, tagged = self.say(command)
        assert tagged.startswith(f"NO [{code}" if code else "NO"), f"{self.user}: {command!r}: {tagged}"
        assert not untagged, untagged
        return tagged.partition("] ")[2]

    def append(self, to: str, text: str = "text", flags: str = "") -> tuple[list[str], str]:
        letter = f"Subject: {text}\r\n\r\n{text}\r\n"
        return self.say(f'APPEND "{to}" {flags + " " if flags else ""}{{{len(letter)}+}}\r\n{letter}')

    def flags(self, name: str) -> list[set[str]]:
        """The flags of every message of a mailbox, in order; \\Recent left out."""
        self.ok(f'EXAMINE "{name}"')
        found = [line.partition("FLAGS (")[2].rstrip(")").split() for line in self.ok("FETCH 1:* FLAGS")]
        self.ok("UNSELECT")
        return [set(flags) - {"\\Recent"} for flags in found]
