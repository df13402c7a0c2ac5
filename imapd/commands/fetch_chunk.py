# SPDX-License-Identifier: MIT
"""The messages that are rendered in one go: their columns of the index, their rows of `contents`, their bodies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from imapd.errors import Corrupt, MailError

if TYPE_CHECKING:
    from imapd.mail.body import Body
    from imapd.mail.mailbox import Mailbox

Row = dict[str, Any]
Rendered = list[bytes]


class Chunk:
    """Some positions of a view, ascending. What costs a query is asked for once, for all of them."""

    __slots__ = ("bodies", "columns", "content_ids", "corrupt", "error", "mailbox", "missing", "positions", "rows",
                 "streams", "view")  # fmt: skip

    def __init__(self, mailbox: Mailbox, positions: Sequence[int], columns: tuple[str, ...], reads_body: bool):
        self.mailbox = mailbox
        self.view = mailbox.view
        self.positions = positions
        self.columns = columns
        self.rows: dict[int, tuple[Any, ...]] = {}
        self.bodies: dict[int, Body] = {}
        self.missing = False  # some messages have been removed for good
        self.corrupt: set[int] = set()  # indexes of messages whose octets cannot be read
        self.error: MailError = Corrupt()  # why not
        self.streams = False  # some values are too long to be held
        self.content_ids: Sequence[int] = ()
        if columns or reads_body:
            self._load(reads_body)

    def _load(self, reads_body: bool) -> None:
        self.content_ids = self.column("content_ids")
        wanted = there = set(self.content_ids)
        if self.columns:
            self.rows = self.mailbox.contents(wanted, self.columns)
            there = wanted & self.rows.keys()
        if reads_body:
            self.bodies = self.mailbox.bodies(there)
            there = there & self.bodies.keys()
        if len(there) < len(wanted):
            self.missing = True
            kept = zip(self.positions, self.content_ids, strict=True)
            self.positions = [position for position, content_id in kept if content_id in there]
            self.content_ids = [content_id for content_id in self.content_ids if content_id in there]

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def numbers(self) -> Sequence[int]:
        """The message sequence numbers."""
        positions = self.positions
        if isinstance(positions, range):
            return range(positions.start + 1, positions.stop + 1)
        return [position + 1 for position in positions]

    def column(self, name: str) -> Sequence[int]:
        """A column of the index."""
        column: Sequence[int] = getattr(self.view, name)
        positions = self.positions
        if isinstance(positions, range):
            return column[positions.start : positions.stop]
        return [column[position] for position in positions]

    def flags(self) -> Rendered:
        r"""The flag lists; \Recent makes the way longer, but few messages have it."""
        rendered = list(map(self.view.flag_bytes.__getitem__, self.column("flag_numbers")))
        recent = self.mailbox.recent_uids
        if recent:
            for index, uid in enumerate(self.column("uids")):
                if uid in recent:
                    rendered[index] = self.mailbox.flags_at(self.positions[index])
        return rendered

    def contents(self, column: str) -> list[Any]:
        """A column of `contents`."""
        rows, place = self.rows, self.columns.index(column)
        return [rows[content_id][place] for content_id in self.content_ids]

    def rendered(self, render: Callable[[Row], Any]) -> list[Any]:
        """What `render` makes of each row of `contents`; once for messages that share their content."""
        columns = self.columns
        made = {content_id: render(dict(zip(columns, row, strict=True))) for content_id, row in self.rows.items()}
        return [made[content_id] for content_id in self.content_ids]

    def body(self, index: int) -> Body:
        """The octets of a message. Raises errors.Corrupt."""
        content_id = self.content_ids[index]
        body = self.bodies.get(content_id)
        if body is None:
            body = self.bodies[content_id] = self.mailbox.body(content_id)
        return body
