# SPDX-License-Identifier: MIT
"""THREAD (RFC 5256): SEARCH with its results as trees. The trees are made in mail/thread.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from imapd.commands.search_keys import search_criteria
from imapd.commands.search_return import numbered
from imapd.mail.thread import ALGORITHMS, Threads
from imapd.protocol.registry import Capability, command
from imapd.protocol.states import AUTHENTICATED_UP, SELECTED
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import Output

if TYPE_CHECKING:
    from imapd.protocol.session import Session

CAPABILITIES = tuple(
    Capability(b"THREAD=" + name.upper().encode("ascii"), rfc=5256, states=AUTHENTICATED_UP) for name in ALGORITHMS
)


@dataclass(frozen=True, slots=True)
class Thread:
    algorithm: str
    criteria: Any
    by_uid: bool


def parse_thread(cursor: Cursor) -> Thread:
    """thread = "THREAD" SP thread-alg SP search-criteria"""
    cursor.sp()
    algorithm = cursor.word().decode("ascii").lower()
    if algorithm not in ALGORITHMS:
        raise BadSyntax("Unknown algorithm of THREAD.")
    cursor.sp()
    return Thread(algorithm, search_criteria(cursor), cursor.by_uid)


@command(
    "THREAD", parse_thread, states=SELECTED, sends_expunge=False, uid=True, rfc=5256, capability="THREAD=REFERENCES",
    reports_progress=True,
)  # fmt: skip
def thread(session: Session, args: Thread) -> Iterator[Output]:
    mailbox = session.selected
    positions, threads = mailbox.threads(args.criteria, args.algorithm)
    numbers = numbered(mailbox.view.uids, positions, args.by_uid)
    yield b"* THREAD%b\r\n" % mailbox.aside(partial(thread_data, threads), numbers, len(numbers))


def thread_data(threads: Threads, numbers: Sequence[int]) -> bytes:
    """[SP 1*thread-list]; thread-list = "(" (thread-members / thread-nested) ")" """
    if not threads.roots:
        return b""
    count, children = threads.count, threads.children
    pieces = [" "]
    # What is still to be written, the next at the end: nodes that begin a list, and the ")" of those that have begun.
    waiting: list[int] = threads.roots[::-1]
    while waiting:
        node = waiting.pop()
        if node == _END:
            pieces.append(")")
            continue
        # A thread-members goes on as long as each message has one answer.
        line = [str(numbers[node])] if node < count else []
        answers = children.get(node, ())
        while len(answers) == 1:
            line.append(str(numbers[answers[0]]))
            answers = children.get(answers[0], ())
        pieces.append("(" + " ".join(line))
        if answers:
            pieces.append(" " if line else "")
            waiting.append(_END)
            waiting.extend(reversed(answers))
        else:
            pieces.append(")")
    return "".join(pieces).encode("ascii")


_END = -1
