# SPDX-License-Identifier: MIT
"""The numbers of a mailbox, added up where several folders stand behind it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from imapd.storage.folders import Folder


@dataclass(frozen=True, slots=True)
class Status:
    """Numbers of a mailbox; sizes in octets."""

    messages: int
    recent: int
    uid_next: int
    uid_validity: int
    unseen: int
    size: int
    deleted: int
    deleted_size: int
    modseq: int
    mailbox_id: str


def numbers_of(folders: Sequence[Folder], merged: bool) -> Status:
    """The numbers of a mailbox: sums, where several folders stand behind it."""
    first = folders[0]
    mailbox_id = f"G{first.group_id}-{first.uid_validity}" if merged else f"F{first.folder_id}"
    if len(folders) == 1:
        return Status(
            first.messages, first.recent, first.uid_next, first.uid_validity, first.unseen, first.size, first.deleted,
            first.deleted_size, first.modseq, mailbox_id,
        )  # fmt: skip
    found: Iterable[Any] = zip(*folders, strict=True)
    by = dict(zip(Folder._fields, found, strict=True))
    return Status(
        messages=sum(by["messages"]),
        recent=sum(by["recent"]),
        uid_next=first.uid_next,
        uid_validity=first.uid_validity,
        unseen=sum(by["unseen"]),
        size=sum(by["size"]),
        deleted=sum(by["deleted"]),
        deleted_size=sum(by["deleted_size"]),
        modseq=first.modseq,
        mailbox_id=mailbox_id,
    )
