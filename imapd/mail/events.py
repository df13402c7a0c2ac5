# SPDX-License-Identifier: MIT
"""What a client wants to be told of which mailboxes (RFC 5465 sections 5 and 6). Pure; the mailboxes come as listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from imapd.mail.namespaces import SHARED, parents

if TYPE_CHECKING:
    from imapd.mail.listing import Listed


class Event(Enum):
    MESSAGE_NEW = "MessageNew"
    MESSAGE_EXPUNGE = "MessageExpunge"
    FLAG_CHANGE = "FlagChange"
    MAILBOX_NAME = "MailboxName"
    SUBSCRIPTION_CHANGE = "SubscriptionChange"
    MAILBOX_METADATA_CHANGE = "MailboxMetadataChange"
    SERVER_METADATA_CHANGE = "ServerMetadataChange"


Events = frozenset[Event]

NONE: Events = frozenset()
OF_MESSAGES: Events = frozenset({Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE, Event.FLAG_CHANGE})
OF_ANNOTATIONS: Events = frozenset({Event.MAILBOX_METADATA_CHANGE, Event.SERVER_METADATA_CHANGE})


class Which(Enum):
    """filter-mailboxes"""

    SELECTED = "selected"
    SELECTED_DELAYED = "selected-delayed"
    INBOXES = "inboxes"
    PERSONAL = "personal"
    SUBSCRIBED = "subscribed"
    SUBTREE = "subtree"
    MAILBOXES = "mailboxes"


SELECTED = frozenset({Which.SELECTED, Which.SELECTED_DELAYED})


@dataclass(frozen=True, slots=True)
class EventGroup:
    """names: as they are listed, for who names mailboxes."""

    which: Which
    events: Events
    names: frozenset[str] = frozenset()

    @property
    def reaches_shared(self) -> bool:
        """Whether a mailbox of somebody else may be among them."""
        return self.which is Which.SUBSCRIBED or any((name + "/").startswith(SHARED) for name in self.names)

    def holds(self, row: Listed) -> bool:
        """Whether it is about this mailbox."""
        if self.which is Which.MAILBOXES:
            return row.name in self.names
        if self.which is Which.SUBTREE:
            return row.name in self.names or any(parent in self.names for parent in parents(row.name))
        if self.which is Which.SUBSCRIBED:
            return row.subscribed
        # A second view of the same mail is no mailbox of one's own to who has not asked for it.
        if row.apart or row.name.startswith(SHARED):
            return False
        return self.which is Which.PERSONAL or (bool(row.folders) and row.folders[0].name == "INBOX")


def events_of(groups: Sequence[EventGroup], row: Listed) -> Events:
    """What is wanted of a mailbox: what the first group says that it is in."""
    return next((group.events for group in groups if group.holds(row)), NONE)
