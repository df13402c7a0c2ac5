# SPDX-License-Identifier: MIT
"""THREAD (RFC 5256): messages as trees of what answers what. Lists come in, trees go out, without recursion.

A node below the number of messages is that message; those above are messages that others mention and that are not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from imapd.mail.sort import picked, sent

if TYPE_CHECKING:
    from imapd.mail.mailbox import Mailbox

Children = dict[int, list[int]]


@dataclass(frozen=True, slots=True)
class Messages:
    """What threads are made of; each list has one value for each message, in the order of the mailbox.

    ids: the Message-ID, or ""; references: ids from the oldest to the nearest, space-separated; sent, arrived: seconds
    since 1970; subjects: base subjects, folded; is_reply: whether the subject says that it is a reply or a forward.
    """

    ids: Sequence[str]
    references: Sequence[str]
    sent: Sequence[int]
    arrived: Sequence[int]
    subjects: Sequence[str]
    is_reply: Sequence[bool]


@dataclass(frozen=True, slots=True)
class Threads:
    """roots in their order, and the children of a node in theirs. Nodes from `count` on are no messages."""

    count: int
    roots: list[int]
    children: Children = field(default_factory=dict)


def orderedsubject(messages: Messages) -> Threads:
    """Same base subject, same thread: all answers hang on the message sent first."""
    sent, subjects = messages.sent, messages.subjects
    in_order = sorted(range(len(sent)), key=sent.__getitem__)
    in_groups = sorted(in_order, key=subjects.__getitem__)
    threads = [list(group) for _, group in groupby(in_groups, key=subjects.__getitem__)]
    threads.sort(key=lambda thread: (sent[thread[0]], thread[0]))
    return Threads(
        len(sent), [thread[0] for thread in threads], {thread[0]: thread[1:] for thread in threads if len(thread) > 1}
    )


def references(messages: Messages) -> Threads:
    """By References and In-Reply-To; what is left, by subject."""
    roots, children = linked(messages)
    by_date(roots, children, messages.sent)
    roots = merged(roots, children, messages)
    by_date(roots, children, messages.sent)
    return Threads(len(messages.ids), roots, children)


def refs(messages: Messages) -> Threads:
    """By References and In-Reply-To alone; the thread that something came into last comes last (THREAD=REFS)."""
    roots, children = linked(messages)
    by_date(roots, children, messages.arrived)
    arrived, count = messages.arrived, len(messages.ids)
    newest = {root: max(arrived[node] for node in members(root, children, count)) for root in roots}
    roots.sort(key=newest.__getitem__)
    return Threads(len(messages.ids), roots, children)


ALGORITHMS: dict[str, Callable[[Messages], Threads]] = {
    "orderedsubject": orderedsubject,
    "references": references,
    "refs": refs,
}

COLUMNS = ("message_id", "refs", "base_subject", "is_reply", "sent_at")
NOTHING_KNOWN = ("", "", "", False, None)


def threads(mailbox: Mailbox, positions: Sequence[int], algorithm: str) -> Threads:
    """The threads of the messages at these positions (ascending), which become nodes 0, 1, 2 … One statement."""
    content_ids = picked(mailbox.view.content_ids, positions)
    rows = mailbox.contents(set(content_ids), COLUMNS)
    columns = zip(*[rows.get(content_id, NOTHING_KNOWN) for content_id in content_ids], strict=True)
    ids, references, subjects, is_reply, _ = columns if positions else [()] * len(COLUMNS)
    arrived = picked(mailbox.view.dates, positions)
    dates = sent(rows, COLUMNS.index("sent_at"), content_ids, arrived)
    messages = Messages(ids, references, dates, arrived, subjects, is_reply)
    return mailbox.aside(ALGORITHMS[algorithm], messages, len(positions))


# Steps 1 to 3: links


def linked(messages: Messages) -> tuple[list[int], Children]:
    """The roots, and the children of each node."""
    count = len(messages.ids)
    parents = _parents(messages)
    stands_for = _nearest_messages(parents, count)
    children: Children = {}
    roots: list[int] = []
    for node, parent in enumerate(parents[:count]):
        if parent >= count:
            parent = stands_for[parent]
        if parent < 0:
            roots.append(node)
        else:
            children.setdefault(parent, []).append(node)
    for node in [node for node in children if node >= count]:
        if len(children[node]) > 1:
            roots.append(node)
        else:
            roots += children.pop(node)  # A missing message holds nothing together where it has one answer.
    return roots, children


def _parents(messages: Messages) -> list[int]:
    """Step 1: the parent of each node, or -1. A link that would close a loop is not made.

    The RFC links a message by what others say of it, and unlinks it when its own turn comes. Here what others say
    counts only after that turn, and for missing messages: so no link is ever undone, and a union of sets finds loops.
    """
    count = len(messages.ids)
    parents = [-1] * count
    nodes: dict[str, int] = {}
    for number, id in enumerate(messages.ids):
        if id:
            nodes.setdefault(id, number)  # The first one with an id has it; the others have none.
    chains: dict[str, list[int]] = {}
    tops = list(range(count))  # towards the root of each node's tree

    def node_of(id: str) -> int:
        node = nodes.setdefault(id, len(parents))
        if node == len(parents):
            parents.append(-1)
            tops.append(node)
        return node

    def top(node: int) -> int:
        while tops[node] != node:
            tops[node] = node = tops[tops[node]]
        return node

    for number, written in enumerate(messages.references):
        if not written:
            continue
        chain = chains.get(written)
        if chain is None:
            chain = chains[written] = [node_of(id) for id in written.split(" ")]
        parent = chain[0]
        for node in chain[1:]:
            if parents[node] < 0 and (node < number or node >= count) and (above := top(parent)) != node:
                parents[node], tops[node] = parent, above
            parent = node
        if (above := top(parent)) != number:
            parents[number], tops[number] = parent, above
    return parents


def _nearest_messages(parents: Sequence[int], count: int) -> dict[int, int]:
    """Step 3: what takes the place of each missing message: the nearest one above it, else the topmost missing one."""
    found: dict[int, int] = {}
    for missing in range(count, len(parents)):
        path = []
        node = missing
        while node >= count and node not in found:
            path.append(node)
            node = parents[node]
        place = path[-1] if node < 0 else found.get(node, node)
        found.update(dict.fromkeys(path, place))
    return found


# Steps 4 to 6: order, and subjects


def by_date(roots: list[int], children: Children, dates: Sequence[int]) -> None:
    """Steps 4 and 6: siblings by date, then as in the mailbox; a missing message counts as its first child."""
    for siblings in children.values():
        if len(siblings) > 1:
            siblings.sort()
            siblings.sort(key=dates.__getitem__)
    count = len(dates)
    first = {root: root if root < count else children[root][0] for root in roots}
    roots.sort(key=first.__getitem__)
    roots.sort(key=lambda root: dates[first[root]])


def merged(roots: list[int], children: Children, messages: Messages) -> list[int]:
    """Step 5: threads with the same subject become one. Gives the roots that are left; `children` grows."""
    table = _subject_table(roots, children, messages)
    count, is_reply = len(messages.ids), messages.is_reply
    next_node = max([count - 1, *roots]) + 1
    gone: set[int] = set()
    for root in roots:
        subject = _subject(root, children, messages)
        other = table[subject] if subject else root
        if other == root or root in gone:
            continue
        gone.add(root)
        if other >= count:
            children[other] += children.pop(root) if root >= count else [root]
        elif is_reply[root] and not is_reply[other]:
            children.setdefault(other, []).append(root)
        else:
            gone.add(other)
            children[next_node] = [other, root]
            table[subject] = next_node
            next_node += 1
    return [root for root in {**dict.fromkeys(roots), **dict.fromkeys(table.values())} if root not in gone]


def _subject_table(roots: Sequence[int], children: Children, messages: Messages) -> dict[str, int]:
    """Step 5 (B): which root each subject belongs to: a missing message if there is one, rather no answer."""
    count, is_reply = len(messages.ids), messages.is_reply
    table: dict[str, int] = {}
    for root in roots:
        if subject := _subject(root, children, messages):
            other = table.setdefault(subject, root)
            if other < count and (root >= count or (is_reply[other] and not is_reply[root])):
                table[subject] = root
    return table


def _subject(root: int, children: Children, messages: Messages) -> str:
    """The base subject of a thread."""
    return messages.subjects[root if root < len(messages.ids) else children[root][0]]


def members(root: int, children: Children, count: int) -> Iterator[int]:
    """The messages of a thread, in no particular order."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node < count:
            yield node
        waiting += children.get(node, ())
