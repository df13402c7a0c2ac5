# SPDX-License-Identifier: MIT
"""A FETCH, compiled once: which columns its items need, and one template that renders a message by one formatting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imapd.commands.fetch_chunk import Chunk
from imapd.commands.fetch_items import Item
from imapd.commands.fetch_sections import Stream
from imapd.errors import Corrupt, Expunged, MailError
from imapd.protocol.answers import Interrupted

if TYPE_CHECKING:
    from imapd.mail.mailbox import Mailbox

INDEX_MESSAGES = 2_000
"""Messages in one chunk where the index suffices."""

CHUNK_MESSAGES = 1_000
CHUNK_OCTETS = {False: 16 << 20, True: 4 << 20}
"""Bounds of a chunk whose contents are read: by the size of the messages, without and with their bodies."""

COUNTED_OCTETS = {False: 1 << 20, True: 256 << 10}
"""A message counts no more than this: so much is held of it at most."""

OUTPUT_OCTETS = 128 << 10


@dataclass(frozen=True)
class Plan:
    """Items in the order in which they are told."""

    items: tuple[Item, ...]
    template: bytes
    columns: tuple[str, ...]
    reads_body: bool

    def rendered(self, mailbox: Mailbox, runs: Sequence[range]) -> Iterator[bytes]:
        """The replies for these positions. Raises, after all that can be told, what could not."""
        error: MailError | None = None
        missing = False
        for positions in self._chunks(mailbox, runs):
            chunk = Chunk(mailbox, positions, self.columns, self.reads_body)
            yield from self._chunk(chunk)
            if chunk.corrupt:
                error = error or chunk.error
            missing |= chunk.missing
        if error:
            raise error
        if missing:
            raise Expunged

    def _chunks(self, mailbox: Mailbox, runs: Sequence[range]) -> Iterator[Sequence[int]]:
        if not self.columns and not self.reads_body:
            return _by_count(runs, INDEX_MESSAGES)
        return _by_size(
            runs, mailbox.view.sizes, CHUNK_MESSAGES, CHUNK_OCTETS[self.reads_body], COUNTED_OCTETS[self.reads_body]
        )

    def _chunk(self, chunk: Chunk) -> Iterator[bytes]:
        columns = [item.values(chunk) for item in self.items]
        rows = zip(chunk.numbers, *columns, strict=True)
        if not (self.reads_body or chunk.streams or chunk.corrupt):
            yield b"".join(map(self.template.__mod__, rows))
            return
        pieces: list[bytes] = []
        size = 0
        for index, row in enumerate(rows):
            if index in chunk.corrupt:
                continue
            if any(isinstance(value, Stream) for value in row):
                if pieces:
                    yield b"".join(pieces)
                pieces, size = [], 0
                yield from self._streamed(chunk, index, row)
                continue
            pieces.append(self.template % row)
            size += len(pieces[-1])
            if size > OUTPUT_OCTETS:
                yield b"".join(pieces)
                pieces, size = [], 0
        if pieces:
            yield b"".join(pieces)

    def _streamed(self, chunk: Chunk, index: int, row: tuple[Any, ...]) -> Iterator[bytes]:
        """One message with values that are not held in memory."""
        body = chunk.body(index)
        streams = [value for value in row if isinstance(value, Stream)]
        try:
            # A reply that has begun must be ended: so what is cut short is found out before.
            for stream in streams:
                stream.check(body)
        except Corrupt:
            chunk.corrupt.add(index)
            return
        begin = b"* %d FETCH (" % row[0]
        for item, value in zip(self.items, row[1:], strict=True):
            if not isinstance(value, Stream):
                yield begin + item.form % value
            else:
                yield begin + item.form % value.head
                try:
                    yield from value.pieces(body)
                except Corrupt as error:
                    raise Interrupted("A message cannot be read to its end.") from error
            begin = b" "
        yield b")\r\n"


def compiled(items: Iterable[Item]) -> Plan:
    """The plan for these items; what is asked for twice is told once."""
    ordered = tuple({item.name: item for item in items}.values())
    columns = tuple(dict.fromkeys(column for item in ordered for column in item.columns))
    template = b"* %d FETCH (" + b" ".join(item.form for item in ordered) + b")\r\n"
    return Plan(ordered, template, columns, any(item.reads_body for item in ordered))


def _by_count(runs: Iterable[range], most: int) -> Iterator[Sequence[int]]:
    """Whole runs stay ranges, whose columns are slices; short ones are gathered."""
    gathered: list[int] = []
    for run in runs:
        if len(run) < most // 4:
            gathered.extend(run)
            if len(gathered) >= most:
                yield gathered
                gathered = []
            continue
        if gathered:
            yield gathered
            gathered = []
        for begin in range(run.start, run.stop, most):
            yield range(begin, min(begin + most, run.stop))
    if gathered:
        yield gathered


def _by_size(
    runs: Iterable[range], sizes: Sequence[int], most: int, octets: int, counted: int
) -> Iterator[Sequence[int]]:
    """Positions whose messages together are not too large to be held."""
    gathered: list[int] = []
    total = 0
    for run in runs:
        for position, size in zip(run, sizes[run.start : run.stop], strict=True):
            total += size if size < counted else counted
            if gathered and (total > octets or len(gathered) >= most):
                yield gathered
                gathered, total = [], min(size, counted)
            gathered.append(position)
    if gathered:
        yield gathered
