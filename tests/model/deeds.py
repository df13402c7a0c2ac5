# SPDX-License-Identifier: MIT
"""What commands do to the model. Each raises Refused with the response code where the server must say NO."""

from __future__ import annotations

from collections.abc import Iterable

from tests.model.names import ALL, Place, Refused, find, find_new, held, in_order, listing, place, rights_at
from tests.model.world import Box, Folder, Message, Person, Space, World, eye, owner_of

MAY = {"s": {"\\Seen"}, "t": {"\\Deleted"}, "w": {"\\Answered", "\\Flagged", "Blue", "$Label1"}}


def settable(rights: str) -> set[str]:
    """The flags that may be changed with these rights."""
    return set().union(*(flags for right, flags in MAY.items() if right in rights))


# Messages


def target(world: World, person: Person, name: str) -> tuple[Place, Folder]:
    """Where APPEND, COPY and MOVE put messages."""
    try:
        at = find(world, person, name, "i")
    except Refused as why:
        if why.codes == ("NONEXISTENT",) and may_create(world, person, name):
            raise Refused("TRYCREATE") from None
        raise
    return at, at.folders[0]


def may_create(world: World, person: Person, name: str) -> bool:
    """Whether a client is told to try: about one's own names it always is."""
    if not place(world, person, name).shared:
        return True
    try:
        find_new(world, person, name)
    except Refused:
        return False
    return True


def need_room(box: Box, count: int) -> None:
    if box.most is not None and box.messages + count > box.most and count > 0:
        raise Refused("OVERQUOTA")


def append(world: World, person: Person, name: str, content: int, date: int, flags: Iterable[str]) -> Message:
    at, folder = target(world, person, name)
    need_room(folder.box, 1)
    kept = set(flags) & settable(rights_at(person, at))
    seen_by = {eye(person, folder.box)} if "\\Seen" in kept else set()
    message = Message(folder.space.take(1)[0], content, date, frozenset(kept - {"\\Seen"}), seen_by)
    folder.messages.append(message)
    return message


def copy(world: World, person: Person, source: list[tuple[Folder, Message]], to: str, moving: bool) -> list[int]:
    """Returns the new UIDs, in the order of the old ones."""
    at, folder = target(world, person, to)
    need_room(folder.box, len(source) - sum(moving and was.box is folder.box for was, _ in source))
    if not source:
        return []
    keep = settable(rights_at(person, at))
    uids = folder.space.take(len(source))
    made = []
    for uid, (was, message) in zip(uids, source, strict=True):
        is_seen = eye(person, was.box) in message.seen_by and "\\Seen" in keep
        seen_by = {eye(person, folder.box)} if is_seen else set()
        made.append(Message(uid, message.content, message.date, frozenset(message.flags & keep), seen_by))
    if moving:
        remove(source)
    folder.messages += made
    return list(uids)


def remove(messages: Iterable[tuple[Folder, Message]]) -> None:
    for folder, message in messages:
        folder.messages.remove(message)
        folder.space.changes += 1


def store(person: Person, rights: str, messages: list[tuple[Folder, Message]], op: str, flags: set[str]) -> None:
    may = settable(rights)
    if not may or (flags and not flags & may):
        raise Refused("NOPERM")
    flags = flags & may
    for folder, message in messages:
        before = flags_seen(person, folder, message)
        after = before | flags if op == "+" else before - flags if op == "-" else (before - may) | flags
        if after != before:
            folder.space.changes += 1
        message.flags = frozenset(after - {"\\Seen"})
        mine = eye(person, folder.box)
        (message.seen_by.add if "\\Seen" in after else message.seen_by.discard)(mine)


def flags_seen(person: Person, folder: Folder, message: Message) -> frozenset[str]:
    return message.flags | ({"\\Seen"} if eye(person, folder.box) in message.seen_by else set())


# Folders


def create(world: World, person: Person, name: str) -> None:
    at = find_new(world, person, name)
    if at.folders:
        raise Refused("ALREADYEXISTS")
    world.add_folder(at.boxes[0], at.path)


def delete(world: World, person: Person, name: str) -> None:
    try:
        at = find(world, person, name, "x")
    except Refused as why:
        if why.codes == ("NONEXISTENT",) and any(each.startswith(name + "/") for each in listing(world, person)):
            raise Refused("HASCHILDREN") from None
        raise
    if at.path == "INBOX":
        raise Refused("CANNOT")
    for folder in at.folders:
        folder.space.changes += 1
        del folder.box.folders[folder.path]


def rename(world: World, person: Person, old: str, new: str) -> None:
    at, boxes = _renamed(world, person, old)
    goal = find_new(world, person, new)
    goals = [box if box in goal.boxes else goal.boxes[0] for box in boxes]
    below = goals == boxes and goal.path.startswith(at.path + "/") and at.path != "INBOX"
    elsewhere = (at.shared or goal.shared) and at.boxes != goal.boxes
    reasons = ["CANNOT"] if below or elsewhere or len(set(goals)) < len(goals) else []
    onto_itself = goals == boxes and goal.path == at.path
    reasons += ["ALREADYEXISTS"] if goal.folders or onto_itself else []
    if reasons:
        raise Refused(*reasons)
    if at.path == "INBOX":
        _rename_inbox(world, boxes, goals, goal.path)
    else:
        _rename_tree(world, boxes, goals, at.path, goal.path)


def _renamed(world: World, person: Person, old: str) -> tuple[Place, list[Box]]:
    """What is renamed, and the mailboxes that have it. A name of one's own that has only inferiors can be, too."""
    at = place(world, person, old)
    if at.shared or (at.folders and (len(at.boxes) == 1 or at.path == "INBOX")):
        at = find(world, person, old, "x")
        return at, [folder.box for folder in at.folders]
    boxes = [box for box in at.boxes if _tree(box, at.path)] if at.path else []
    if not boxes:
        raise Refused("NONEXISTENT")
    return at, boxes


def _tree(box: Box, path: str) -> list[Folder]:
    return [folder for name, folder in box.folders.items() if name == path or name.startswith(path + "/")]


def _rename_inbox(world: World, boxes: list[Box], goals: list[Box], path: str) -> None:
    for box, goal in zip(boxes, goals, strict=True):
        if goal is not box:
            need_room(goal, len(box.folders["INBOX"].messages))
    for box, goal in zip(boxes, goals, strict=True):
        inbox, made = box.folders["INBOX"], world.add_folder(goal, path)
        uids = made.space.take(len(inbox.messages)) if inbox.messages else range(0)
        made.messages = [
            Message(uid, old.content, old.date, old.flags, set(old.seen_by))
            for uid, old in zip(uids, inbox.messages, strict=True)
        ]
        _show_seen(world, made, inbox.box)
        remove([(inbox, message) for message in inbox.messages])


def _rename_tree(world: World, boxes: list[Box], goals: list[Box], old: str, new: str) -> None:
    moved = {folder: new + folder.path[len(old) :] for box in boxes for folder in _tree(box, old)}
    staying = [folder for folder in world.folders() if folder not in moved]
    goal_of = dict(zip(boxes, goals, strict=True))
    taken = {(folder.box, folder.path) for folder in staying}
    if any((goal_of[folder.box], path) in taken for folder, path in moved.items()):
        raise Refused("ALREADYEXISTS")
    for box, goal in goal_of.items():
        if goal is not box:
            need_room(goal, sum(len(folder.messages) for folder in _tree(box, old)))
    by_path: dict[str, list[Folder]] = {}
    for folder in sorted(moved, key=lambda folder: folder.number):
        by_path.setdefault(moved[folder], []).append(folder)
    for path, folders in by_path.items():
        _bring(world, folders, owner_of(goal_of[folders[0].box]), path)
        for folder in folders:
            was = folder.box
            _put(folder, goal_of[folder.box], path)
            _show_seen(world, folder, was)


def _put(folder: Folder, box: Box, path: str) -> None:
    """One folder of a mailbox is for one use: what comes from another one gives way."""
    del folder.box.folders[folder.path]
    if folder.use in {other.use for other in box.folders.values()}:
        folder.use = None
    folder.box, folder.path = box, path
    box.folders[path] = folder


def _show_seen(world: World, folder: Folder, was: Box) -> None:
    r"""What comes from a mailbox with one \Seen for all was seen by everybody who gets one of their own; the other way
    round the owner's counts."""
    if folder.box.own_seen == was.own_seen:
        return
    folder.space.may_have_changed = True
    for message in folder.messages:
        everybody = {person.name for person in world.people} if folder.box.own_seen else set()
        message.seen_by = {"", *everybody} if "" in message.seen_by else set()


def _bring(world: World, folders: list[Folder], owner: str, path: str) -> None:
    """The UIDs stay where nobody else lives under either name; else they are new ones in the space that is joined."""
    space = folders[0].space
    goal = world.spaces.get((owner, path))
    if goal is space:
        return
    others = set(world.folders_in(space)) - set(folders)
    if others or (goal and any(world.folders_in(goal))):
        goal = world.space_named(owner, path)
        for folder in folders:
            _regroup(folder, goal)
        world.hide_closed(goal)
        return
    left = next(key for key, each in world.spaces.items() if each is space)
    memory = goal or Space()
    world.spaces[left], world.spaces[owner, path] = memory, space
    known = max(memory.validity or 0, memory.above)
    memory.above = max(known, space.validity or 0, space.above)
    memory.validity = memory.mailbox_id = None
    memory.next_uid = max(memory.next_uid, 2)
    space.changes += 1
    if space.validity is None or known > space.validity:
        space.begin_anew()
        space.above = max(space.above, known)


def _regroup(folder: Folder, goal: Space) -> None:
    folder.space.changes += 1
    for uid, message in zip(goal.take(len(folder.messages)), folder.messages, strict=True):
        message.uid = uid
    folder.space = goal


def subscribe(world: World, person: Person, name: str) -> None:
    person.subscriptions.add(find(world, person, name, "l").name)


def unsubscribe(world: World, person: Person, name: str) -> None:
    at = place(world, person, name)
    person.subscriptions.discard(name if at.shared else at.name)


def change_mode(world: World, person: Person, mode: str) -> None:
    """Names show other mailboxes: who remembers them is told all anew."""
    person.mode = mode
    _show_others(world, person)


def change_primary(world: World, person: Person, box: Box) -> None:
    if person.primary is not box:
        person.primary = box
        _show_others(world, person)


def close(world: World, box: Box) -> None:
    """Its folders are no part of what is merged, and nobody can name them."""
    box.closed = True
    for folder in box.folders.values():
        world.hide_closed(folder.space)
    if box.owner and box.owner.primary is box:
        _show_others(world, box.owner)


def reopen(world: World, box: Box) -> None:
    """What was merged comes with new UIDs: those that it had are known to be gone."""
    box.closed = False
    for folder in box.folders.values():
        if folder.hidden and folder.messages:
            for uid, message in zip(folder.space.take(len(folder.messages)), folder.messages, strict=True):
                message.uid = uid
        folder.hidden = False
    if box.owner and box.owner.primary is box:
        _show_others(world, box.owner)


def _show_others(world: World, person: Person) -> None:
    for (owner, _), space in world.spaces.items():
        space.changes += owner == person.name


# Access


def set_access(world: World, person: Person, name: str, who: str, op: str, letters: str) -> None:
    at = find(world, person, name, "a")
    owner = at.boxes[0].owner
    if owner and who == owner.identifier:
        if (op == "-" and letters) or (op == "=" and set(letters) != set(ALL)):
            raise Refused("CANNOT")
        return
    for folder in at.folders:
        whole = folder.box.access.get(who, "")
        before = folder.access.get(who, whole)
        kept = letters if op == "=" else before + letters if op == "+" else "".join(set(before) - set(letters))
        if in_order(kept) == whole:
            folder.access.pop(who, None)
        else:
            folder.access[who] = in_order(kept)


def rights_in(person: Person, folder: Folder) -> str:
    """What a session that has the folder open may do there now."""
    return held(person, folder.box, folder) if folder.exists and not folder.box.closed else ""
