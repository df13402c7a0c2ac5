# SPDX-License-Identifier: MIT
"""What rights let through in part, and that what is foreign cannot be told from what is missing. Which right each command
needs is in tests/access/matrix.py."""

import itertools
from collections.abc import Callable

import pytest

from imapd.mail.rights import ALL, KNOWING, LEVELS
from imapd.storage.addresses import address
from tests.running.speaker import Speaker
from tests.running.store import Store

NUMBERS = itertools.count(1)
OWNER = "colleague@example.com"
LETTER = "Subject: new\r\n\r\nnew\r\n"
APPEND = f'APPEND "%s" {{{len(LETTER)}+}}\r\n{LETTER}'


@pytest.fixture(scope="module")
def owner(store: Store) -> Speaker:
    return Speaker(store, OWNER)


@pytest.fixture(scope="module")
def user(store: Store) -> Speaker:
    return Speaker(store)


@pytest.fixture
def shared(owner: Speaker, user: Speaker) -> Callable[[str], tuple[str, str]]:
    """Makes a folder of the owner in which the user has the given rights: its name to the owner, and to the user."""

    def make(rights: str) -> tuple[str, str]:
        name = f"Folder{next(NUMBERS)}"
        owner.ok(f"CREATE {name}")
        for number in range(3):
            owner.append(name, f"{name} {number}", "(\\Answered)")
        owner.ok(f'SETACL {name} user@example.com "{rights}"')
        return name, f"Shared/{OWNER}/{name}"

    yield make
    if user.session.selected:
        user.ok("UNSELECT")


@pytest.mark.parametrize("right", ALL)
def test_list_lsub_and_myrights(right: str, shared: Callable, user: Speaker) -> None:
    _, name = shared(right)
    listed = user.ok(f'LIST "" "{name}" RETURN (MYRIGHTS)')
    assert bool(listed) == (right == "l")
    assert user.say(f'MYRIGHTS "{name}"')[1].startswith("OK") == (right in KNOWING)
    if right == "l":
        assert listed == [f'* LIST (\\Noselect \\HasNoChildren) "/" "{name}"', f'* MYRIGHTS "{name}" l']
    if right in KNOWING:
        virtual = {"k": "c", "x": "c"}.get(right, "")
        assert user.ok(f'MYRIGHTS "{name}"') == [f'* MYRIGHTS "{name}" {right}{virtual}']


FLAGS = {"s": {"\\Seen"}, "t": {"\\Deleted"}, "w": {"\\Answered", "\\Flagged", "\\Draft", "keyword"}}


@pytest.mark.parametrize("verb", ["APPEND", "COPY", "MOVE"])
@pytest.mark.parametrize("rights", ["", "s", "t", "w", "st", "sw", "tw", "stw"])
def test_flags_that_may_not_be_set_are_dropped_in_silence(
    verb: str, rights: str, shared: Callable, user: Speaker
) -> None:
    _, name = shared("lri" + rights)
    every = "(\\Seen \\Deleted \\Answered \\Flagged \\Draft keyword)"
    if verb == "APPEND":
        assert user.append(name, "new", every)[1].startswith("OK")
    else:
        source = f"Source{next(NUMBERS)}"
        user.ok(f"CREATE {source}")
        user.append(source, "new", every)
        user.ok(f"SELECT {source}")
        user.ok(f'{verb} 1 "{name}"')
        user.ok("UNSELECT")
    assert user.flags(name)[-1] == set().union(*(FLAGS[right] for right in rights))


@pytest.mark.parametrize("source", ["lrs", "lrst", "lrse", "lrswi"])
def test_a_move_without_the_rights_to_remove_copies_nothing(source: str, shared: Callable, user: Speaker) -> None:
    _, name = shared(source)
    target = f"Target{next(NUMBERS)}"
    user.ok(f"CREATE {target}")
    user.ok(f'SELECT "{name}"')
    user.no(f"MOVE 1:* {target}", "NOPERM")
    user.no(f"UID MOVE 1:* {target}", "NOPERM")
    assert user.ok(f"STATUS {target} (MESSAGES)") == [f'* STATUS "{target}" (MESSAGES 0)']
    assert len(user.ok("FETCH 1:* FLAGS")) == 3


def test_a_move_into_what_may_not_be_filled_removes_nothing(shared: Callable, user: Speaker) -> None:
    _, target = shared("lrswkxtea")
    _, name = shared(ALL)
    user.ok(f'SELECT "{name}"')
    user.no(f'MOVE 1:* "{target}"', "NOPERM")
    assert len(user.ok("FETCH 1:* FLAGS")) == 3


def test_store_does_what_it_may_of_it(shared: Callable, user: Speaker) -> None:
    _, name = shared("lrs")
    user.ok(f'SELECT "{name}"')
    user.ok("STORE 1 +FLAGS (\\Seen \\Deleted \\Flagged)")
    user.ok("STORE 2 FLAGS (\\Seen)")  # replacing leaves alone what may not be touched
    user.no("STORE 3 +FLAGS (\\Deleted)", "NOPERM")
    user.ok("UNSELECT")
    assert user.flags(name) == [{"\\Seen", "\\Answered"}, {"\\Seen", "\\Answered"}, {"\\Answered"}]


def test_close_without_the_right_to_expunge_only_closes(shared: Callable, user: Speaker, owner: Speaker) -> None:
    mine, name = shared("lrswt")
    user.ok(f'SELECT "{name}"')
    user.ok("STORE 1:* +FLAGS (\\Deleted)")
    user.ok("CLOSE")
    assert len(owner.flags(mine)) == 3


@pytest.mark.parametrize("rights", ["lr", "lrp", "lrk", "lra"])
def test_read_only_without_any_right_to_change(rights: str, shared: Callable, user: Speaker) -> None:
    _, name = shared(rights)
    untagged, tagged = user.say(f'SELECT "{name}"')
    assert tagged.startswith("OK [READ-ONLY]")
    assert "* OK [PERMANENTFLAGS ()] Flags that can be set here." in untagged


@pytest.mark.parametrize(
    ("rights", "permanent"),
    [("lri", "()"), ("lre", "()"), ("lrs", "(\\Seen)"), ("lrt", "(\\Deleted)"), ("lrw", "(\\Answered \\Flagged \\Draft \\*)")],
)  # fmt: skip
def test_read_write_with_one_of_them(rights: str, permanent: str, shared: Callable, user: Speaker) -> None:
    _, name = shared(rights)
    untagged, tagged = user.say(f'SELECT "{name}"')
    assert tagged.startswith("OK [READ-WRITE]")
    assert f"* OK [PERMANENTFLAGS {permanent}] Flags that can be set here." in untagged


ORACLES = [
    'SELECT "%s"', 'EXAMINE "%s"', 'STATUS "%s" (MESSAGES UIDNEXT)', 'SUBSCRIBE "%s"', 'DELETE "%s"', 'RENAME "%s" "%s2"',
    'RENAME INBOX "%s"', 'CREATE "%s"', APPEND, 'GETACL "%s"', 'MYRIGHTS "%s"', 'LISTRIGHTS "%s" user@example.com',
    'SETACL "%s" user@example.com lr', 'DELETEACL "%s" user@example.com', 'LIST "" "%s"', 'LIST "" "%s/*"', 'LSUB "" "%s"',
    'LIST "" ("%s") RETURN (STATUS (MESSAGES) MYRIGHTS)',
]  # fmt: skip


@pytest.mark.parametrize("command", ORACLES)
def test_what_is_foreign_looks_like_what_is_missing(command: str, owner: Speaker, user: Speaker, store: Store) -> None:
    if "Secret" not in str(owner.ok('LIST "" Secret')):
        owner.ok("CREATE Secret")
    said = set()
    statements = set()
    for name in (f"Shared/{OWNER}/Secret", f"Shared/{OWNER}/Nothing"):
        # There is a share of INBOX of the same mailbox; nothing of the whole.
        store.database.execute("DELETE FROM shared_mailbox_access WHERE folder_id = 0")
        before = store.database.statements
        untagged, tagged = user.say(command.replace("%s", name))
        statements.add(store.database.statements - before)
        said.add((tuple(untagged), tagged))
    assert len(said) == 1, said
    assert len(statements) == 1, "as many statements, and so as much time"


@pytest.mark.parametrize("command", ORACLES)
def test_a_mailbox_of_others_looks_like_none(command: str, user: Speaker, store: Store) -> None:
    said = set()
    statements = set()
    # Somebody of the same organisation who shares nothing, one of another organisation, nobody at all.
    for whose in ("quiet@example.com", "eve@other.net", "nobody@example.com"):
        if whose == "quiet@example.com" and "quiet" not in str(store.database.rows("SELECT local_part FROM mailboxes")):
            _more_people(store)
        before = store.database.statements
        untagged, tagged = user.say(command.replace("%s", f"Shared/{whose}/INBOX"))
        statements.add(store.database.statements - before)
        said.add((tuple(untagged), tagged.replace(whose, "")))
    assert len(said) == 1, said
    assert len(statements) == 1


def _more_people(store: Store) -> None:
    from imapd.storage import provision

    provision.add_user(store.database, address("quiet@example.com"), "", None)
    provision.add_organization(store.database, "Other")
    provision.add_domain(store.database, "Other", "other.net")
    provision.add_user(store.database, address("eve@other.net"), "", None)


def test_the_words_of_sharing_hold_each_other() -> None:
    words = list(LEVELS.values())
    assert words[-1] == ALL
    assert all(set(less) < set(more) for less, more in itertools.pairwise(words))
