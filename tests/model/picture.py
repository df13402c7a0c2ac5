# SPDX-License-Identifier: MIT
"""All that a person is told of their mailboxes by one LIST, against what the model says of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from imapd.mail.rights import shown
from tests.model.deeds import flags_seen
from tests.model.names import Listed, listing
from tests.model.session import Session
from tests.model.world import Folder, Message, Person, World

ITEMS = "MESSAGES UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ MAILBOXID"
LIST_LINE = re.compile(r'LIST \(([^)]*)\) "/" "([^"]+)"')
STATUS_LINE = re.compile(r'STATUS "([^"]+)" \((.*)\)')
RIGHTS_LINE = re.compile(r'MYRIGHTS "([^"]+)" (\S*)')

Picture = dict[str, dict[str, Any]]


def told(session: Session) -> Picture:
    """By name: attributes, rights, numbers. Each name is listed once."""
    prefixes = [prefix.rstrip("/") for prefix, _ in session.person.namespaces()]
    patterns = " ".join(f'"{prefix}" "{prefix}/*"' for prefix in prefixes)
    reply = session.command(f'LIST "" ("*" {patterns}) RETURN (SUBSCRIBED MYRIGHTS STATUS ({ITEMS}))')
    assert reply.status == "OK", reply
    found: Picture = {}
    for line in map(bytes.decode, reply.untagged):
        if listed := LIST_LINE.match(line):
            assert listed[2] not in found, f"{listed[2]} is listed twice"
            found[listed[2]] = {"attributes": set(listed[1].split())}
        elif rights := RIGHTS_LINE.match(line):
            found[rights[1]]["rights"] = rights[2]
        elif status := STATUS_LINE.match(line):
            words = status[2].replace("(", "").replace(")", "").split()
            found[status[1]].update(zip(words[::2], words[1::2], strict=True))
    return found


def expected(world: World, person: Person, sizes: list[int]) -> Picture:
    return {name: _line(person, one, sizes) for name, one in listing(world, person).items()}


def _line(person: Person, one: Listed, sizes: list[int]) -> dict[str, Any]:
    attributes = {"\\HasChildren" if one.has_children else "\\HasNoChildren"}
    attributes |= {"\\Subscribed"} if one.name in person.subscriptions else set()
    attributes |= {one.use} if one.use else set()
    if not one.folders:
        return {"attributes": attributes | {"\\NonExistent"}}
    line: dict[str, Any] = {"rights": shown(one.rights), "attributes": attributes}
    if "r" not in one.rights:
        return {**line, "attributes": attributes | {"\\Noselect"}}
    messages = [(folder, message) for folder in one.folders for message in folder.messages]
    return {**line, **{item: str(number) for item, number in _numbers(person, messages, sizes)},
            "UIDNEXT": str(one.folders[0].space.next_uid)}  # fmt: skip


def _numbers(person: Person, messages: list[tuple[Folder, Message]], sizes: list[int]) -> Iterator[tuple[str, int]]:
    flags = [flags_seen(person, folder, message) for folder, message in messages]
    yield "MESSAGES", len(messages)
    yield "UNSEEN", sum("\\Seen" not in each for each in flags)
    yield "DELETED", sum("\\Deleted" in each for each in flags)
    yield "SIZE", sum(sizes[message.content] for _, message in messages)


def compare(session: Session, world: World, sizes: list[int]) -> None:
    """One look at everything. Numbers that the model cannot know are learnt, and must go on as they have to."""
    found, model = told(session), expected(world, session.person, sizes)
    assert sorted(found) == sorted(model), f"{session.person.name}: names are not those that should be"
    listed = listing(world, session.person)
    for name, line in found.items():
        if line.get("UIDVALIDITY"):
            _learn(name, listed[name], line)
        assert line == model[name], f"{session.person.name}: {name} is {line}, and should be {model[name]}"


def _learn(name: str, one: Listed, line: dict[str, Any]) -> None:
    space, folder = one.folders[0].space, one.folders[0]
    validity, modseq = int(line.pop("UIDVALIDITY")), int(line.pop("HIGHESTMODSEQ"))
    if space.validity is None:
        assert validity > space.above, f"{name}: UIDVALIDITY {validity} after {space.above}"
        space.validity = validity
    assert validity == space.validity, f"{name}: UIDVALIDITY was {space.validity}, is {validity}"
    changes, before = space.modseq
    can_stay = space.may_have_changed or not before
    has_risen = modseq > before if space.changes > changes else modseq == before or (can_stay and modseq > before)
    space.may_have_changed = False
    assert has_risen, f"{name}: HIGHESTMODSEQ was {before}, is {modseq} after {space.changes - changes} changes"
    space.modseq = space.changes, modseq
    mailbox_id = line.pop("MAILBOXID")
    if one.merged:
        space.mailbox_id = space.mailbox_id or mailbox_id
        assert mailbox_id == space.mailbox_id, f"{name}: MAILBOXID was {space.mailbox_id}, is {mailbox_id}"
    else:
        folder.mailbox_id = folder.mailbox_id or mailbox_id
        assert mailbox_id == folder.mailbox_id, f"{name}: MAILBOXID was {folder.mailbox_id}, is {mailbox_id}"
