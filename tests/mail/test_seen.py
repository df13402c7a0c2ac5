# SPDX-License-Identifier: MIT
r"""\Seen of a shared mailbox: one for all, or each reader's own; what each sees, counts and is told, also by modseq."""

import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imapd.mail.review import REARRANGED, Review
from imapd.storage import grants, provision
from imapd.storage.addresses import address
from tests.running.speaker import Speaker
from tests.running.store import Store

OWNER = "colleague@example.com"
NAME = f"Shared/{OWNER}/Team"
SEEN = re.compile(r"\* (\d+) FETCH \(.*FLAGS \(([^)]*)\)")


@pytest.fixture(autouse=True)
def team(store: Store) -> Iterator[None]:
    """A folder of the owner with five messages, which two others may read and mark; each has seen what they have seen."""
    if "third@example.com" not in str(store.database.rows("SELECT local_part || '@example.com' FROM mailboxes")):
        provision.add_user(store.database, address("third@example.com"), "", None)
    owner = Speaker(store, OWNER)
    owner.ok("CREATE Team")
    for number in range(5):
        owner.append("Team", str(number))
    owner.ok("SELECT Team")  # so that nothing is recent
    owner.ok("UNSELECT")
    for reader in ("user@example.com", "third@example.com"):
        owner.ok(f"SETACL Team {reader} lrswite")
    provision.set_mailbox(store.database, address(OWNER), seen="per_reader")
    yield
    provision.set_mailbox(store.database, address(OWNER), seen="shared")
    owner.ok("DELETE Team")
    # UIDs go on where a name comes back; each test begins with 1.
    store.database.execute(
        "DELETE FROM folder_groups g WHERE NOT EXISTS (SELECT FROM folders f WHERE f.group_id = g.group_id)"
    )


@pytest.fixture
def owner(store: Store) -> Speaker:
    return Speaker(store, OWNER)


@pytest.fixture
def user(store: Store) -> Speaker:
    return Speaker(store)


@pytest.fixture
def third(store: Store) -> Speaker:
    return Speaker(store, "third@example.com")


def seen(speaker: Speaker, name: str = NAME) -> list[int]:
    """Numbers of the messages that the speaker sees as seen, by FETCH; SEARCH and STATUS must say the same."""
    speaker.ok(f'EXAMINE "{name}"')
    found = [int(m[1]) for line in speaker.ok("FETCH 1:* FLAGS") if (m := SEEN.match(line)) and "\\Seen" in m[2]]
    assert speaker.ok("SEARCH SEEN") == ["* SEARCH" + "".join(f" {number}" for number in found)]
    total = len(speaker.session.selected.view.uids)
    speaker.ok("UNSELECT")
    assert speaker.ok(f'STATUS "{name}" (UNSEEN)') == [f'* STATUS "{name}" (UNSEEN {total - len(found)})']
    assert f'* STATUS "{name}" (UNSEEN {total - len(found)})' in speaker.ok(
        f'LIST "" "{name}" RETURN (STATUS (UNSEEN))'
    )
    return found


def test_each_reader_has_seen_what_they_have_seen(owner: Speaker, user: Speaker, third: Speaker) -> None:
    user.ok(f"SELECT {NAME}")
    user.ok("FETCH 1:2 BODY[]")
    third.ok(f"SELECT {NAME}")
    third.ok("STORE 2:3 +FLAGS (\\Seen \\Flagged)")
    owner.ok("SELECT Team")
    owner.ok("STORE 5 +FLAGS (\\Seen)")
    assert (seen(user), seen(third), seen(owner, "Team")) == ([1, 2], [2, 3], [5])
    user.ok(f"SELECT {NAME}")
    user.ok("STORE 2 -FLAGS (\\Seen)")
    assert "\\Flagged" in user.ok("FETCH 2 FLAGS")[0], "other flags are everybody's"
    user.ok("STORE 4 FLAGS (\\Answered)")
    user.ok("STORE 5 FLAGS (\\Seen)")
    assert (seen(user), seen(third), seen(owner, "Team")) == ([1, 5], [2, 3], [5])


def test_what_readers_have_seen_goes_along_when_the_inbox_is_renamed(owner: Speaker, user: Speaker) -> None:
    inbox, kept = f"Shared/{OWNER}/INBOX", f"Shared/{OWNER}/Kept"
    owner.append("INBOX", "one", "(\\Seen)")
    owner.append("INBOX", "two")
    owner.ok("SETACL INBOX user@example.com lrs")
    user.ok(f"SELECT {inbox}")
    last = len(user.ok("FETCH 1:* UID"))
    user.ok(f"STORE 1:{last} -FLAGS (\\Seen)")
    user.ok(f"STORE {last} +FLAGS (\\Seen)")
    user.ok("UNSELECT")
    owner.ok("RENAME INBOX Kept")
    owner.ok("SETACL Kept user@example.com lrs")
    assert seen(user, kept) == [last] and last - 1 in seen(owner, "Kept")
    owner.ok("DELETE Kept")


def test_a_folder_shows_what_was_seen_as_the_mailbox_does_that_it_comes_into(store: Store, user: Speaker) -> None:
    """user@example.com has one for all, user@company.org one for each reader."""
    provision.set_organization(store.database, "Example", share_across_domains=True)
    provision.set_mailbox(store.database, address("user@company.org"), seen="per_reader")
    reader = Speaker(store, OWNER)
    user.ok("CREATE Round")
    user.append("Round", "one", "(\\Seen)")
    user.append("Round", "two")
    user.ok(f"SETACL Round {OWNER} lrs")
    before, after = "Shared/user@example.com/Round", "Shared/user@company.org/Round"
    assert seen(reader, before) == [1]
    user.ok("RENAME Round company.org/Round")
    assert seen(reader, after) == [1], "what everybody had seen, each has seen"
    reader.ok(f"SELECT {after}")
    reader.ok("STORE 1 -FLAGS (\\Seen)")
    reader.ok("STORE 2 +FLAGS (\\Seen)")
    reader.ok("UNSELECT")
    assert seen(reader, after) == [2] and seen(user, "company.org/Round") == [1]
    known = modseq(reader, after)
    user.ok("RENAME company.org/Round Round")
    assert seen(reader, before) == [1], "what the owner has seen"
    assert modseq(reader, before) > known, "and that is told"
    user.ok("RENAME Round company.org/Round")
    assert seen(reader, after) == [1], "what it had been is forgotten"
    user.ok("DELETE company.org/Round")
    provision.set_mailbox(store.database, address("user@company.org"), seen="shared")
    provision.set_organization(store.database, "Example", share_across_domains=False)


def test_what_others_see_is_no_news(user: Speaker, third: Speaker) -> None:
    user.ok(f"SELECT {NAME}")
    third.ok(f"SELECT {NAME}")
    third.ok("STORE 1:3 +FLAGS (\\Seen)")
    assert user.ok("NOOP") == []
    third.ok("STORE 3 +FLAGS (\\Flagged)")
    assert user.ok("NOOP") == ["* 3 FETCH (FLAGS (\\Flagged))"]


def test_two_sessions_of_one_reader_agree(store: Store, user: Speaker) -> None:
    elsewhere = Speaker(store)  # on another node
    at_hand = Speaker(store, node=user.node)
    for speaker in (user, elsewhere, at_hand):
        speaker.ok(f"SELECT {NAME}")
    user.ok("STORE 2,4 +FLAGS (\\Seen)")
    for speaker in (elsewhere, at_hand):
        assert speaker.ok("NOOP") == ["* 2 FETCH (FLAGS (\\Seen))", "* 4 FETCH (FLAGS (\\Seen))"]
    elsewhere.ok("STORE 4 -FLAGS (\\Seen)")
    assert user.ok("NOOP") == ["* 4 FETCH (FLAGS ())"]


def modseq(speaker: Speaker, name: str = NAME) -> int:
    told = " ".join(line for line in speaker.ok(f'STATUS "{name}" (HIGHESTMODSEQ)') if line.startswith("* STATUS"))
    return int(re.search(r"HIGHESTMODSEQ (\d+)", told)[1])  # type: ignore[index]


def test_a_reader_catches_up_by_modseq(store: Store, user: Speaker, third: Speaker, owner: Speaker) -> None:
    elsewhere = Speaker(store)
    elsewhere.ok(f"SELECT {NAME}")
    known = modseq(user)
    elsewhere.ok("STORE 1:2 +FLAGS (\\Seen)")
    assert modseq(user) > known
    user.ok(f"SELECT {NAME} (CONDSTORE)")
    missed = user.ok(f"FETCH 1:* (FLAGS) (CHANGEDSINCE {known})")
    assert [line.split()[1] for line in missed] == ["1", "2"] and all("\\Seen" in line for line in missed)
    # A condition on what has changed holds for \Seen, too.
    tagged = user.say(f"STORE 1,3 (UNCHANGEDSINCE {known}) +FLAGS (\\Seen)")[1]
    assert tagged.startswith("OK [MODIFIED 1]")
    assert seen(user) == [1, 2, 3]
    known = modseq(user)
    owner.ok("SELECT Team")
    gone = owner.session.selected.view.uids[1]
    owner.ok("STORE 2 +FLAGS (\\Deleted)")
    owner.ok("EXPUNGE")
    third.ok(f"SELECT {NAME}")
    third.ok("STORE 1 +FLAGS (\\Seen)")
    user.ok("ENABLE QRESYNC")
    validity = user.ok(f"STATUS {NAME} (UIDVALIDITY)")[0].split()[-1].rstrip(")")
    told = user.ok(f"SELECT {NAME} (QRESYNC ({validity} {known}))")
    assert f"* VANISHED (EARLIER) {gone}" in told
    assert seen(user) == [1, 2] and seen(third) == [1] and seen(owner, "Team") == []


def test_copies_are_seen_where_the_reader_sees_them_so(user: Speaker, owner: Speaker, third: Speaker) -> None:
    user.ok(f"SELECT {NAME}")
    user.ok("STORE 1:2 +FLAGS (\\Seen)")
    user.ok("CREATE Kept")
    user.ok("COPY 1:3 Kept")
    user.ok("MOVE 2:3 Kept")
    assert seen(user, "Kept") == [1, 2, 4]
    assert seen(user) == [1] and len(owner.flags("Team")) == 3
    # And back: the readers' own in the target, nobody else's.
    user.ok("SELECT Kept")
    user.ok(f"COPY 1,3 {NAME}")
    assert (seen(user), seen(third), seen(owner, "Team")) == ([1, 4], [], [])
    user.ok(f"SELECT {NAME}")
    user.ok(f"COPY 4:5 {NAME}")
    assert (seen(user), seen(third), seen(owner, "Team")) == ([1, 4, 6], [], [])
    user.ok("DELETE Kept")


def test_append(user: Speaker, owner: Speaker, third: Speaker) -> None:
    user.append(NAME, "new", "(\\Seen \\Flagged)")
    user.append(NAME, "unseen")
    owner.append("Team", "mine", "(\\Seen)")
    assert (seen(user), seen(third), seen(owner, "Team")) == ([6], [], [8])


def test_only_the_right_to_mark_for_oneself_is_read_only_and_lets_mark(owner: Speaker, user: Speaker) -> None:
    owner.ok("SETACL Team user@example.com lrs")
    untagged, tagged = user.say(f"SELECT {NAME}")
    assert tagged.startswith("OK [READ-ONLY]")
    assert "* OK [PERMANENTFLAGS (\\Seen)] Flags that can be set here." in untagged
    user.ok("STORE 1 +FLAGS (\\Seen)")
    user.ok("FETCH 2 BODY[]")
    assert seen(user) == [1, 2]
    user.ok(f"EXAMINE {NAME}")
    user.no("STORE 3 +FLAGS (\\Seen)", "NOPERM")


def test_switching(store: Store, user: Speaker, third: Speaker, owner: Speaker) -> None:
    """Who gets a set of their own begins with what everybody had seen."""
    provision.set_mailbox(store.database, address(OWNER), seen="shared")
    user.ok(f"SELECT {NAME}")
    user.ok("STORE 1:3 +FLAGS (\\Seen)")
    assert seen(third) == seen(owner, "Team") == [1, 2, 3]
    known = modseq(owner, "Team")
    provision.set_mailbox(store.database, address(OWNER), seen="per_reader")
    assert modseq(owner, "Team") == known, "nobody sees anything else than before"
    assert seen(third) == seen(user) == [1, 2, 3]
    third.ok(f"SELECT {NAME}")
    third.ok("STORE 1 -FLAGS (\\Seen)")
    third.ok("STORE 5 +FLAGS (\\Seen)")
    assert (seen(third), seen(user), seen(owner, "Team")) == ([2, 3, 5], [1, 2, 3], [1, 2, 3])
    known = modseq(third)
    provision.set_mailbox(store.database, address(OWNER), seen="shared")
    assert seen(third) == seen(user) == [1, 2, 3]
    third.ok(f"SELECT {NAME} (CONDSTORE)")
    assert [line.split()[1] for line in third.ok(f"FETCH 1:* (FLAGS) (CHANGEDSINCE {known})")] == ["1", "5"]


def test_open_sessions_end_when_it_is_switched(store: Store, user: Speaker) -> None:
    ended: list[str] = []
    live = [SimpleNamespace(account=user.session.account, end=ended.append)]
    review = Review(store.database, lambda: live, rights_seconds=60, names_seconds=60)
    user.ok(f"SELECT {NAME}")
    review.check_rights()
    assert ended == []
    provision.set_mailbox(store.database, address(OWNER), seen="shared")
    review.check_rights()
    assert ended == [REARRANGED]


def test_a_folder_that_is_renamed_into_another_group_keeps_what_was_seen(store: Store, user: Speaker) -> None:
    work = address("colleague@company.org")
    provision.add_mailbox(store.database, work, address(OWNER), grants.UNLIMITED)
    owner = Speaker(store, OWNER)
    owner.ok("CREATE company.org/Other")
    owner.append("company.org/Other")
    user.ok(f"SELECT {NAME}")
    user.ok("STORE 2,4 +FLAGS (\\Seen)")
    user.ok("UNSELECT")
    owner.ok("RENAME Team Other")  # the name is taken in the other domain: new UIDs
    other = f"Shared/{OWNER}/Other"
    assert seen(user, other) == [2, 4]
    user.ok(f"SELECT {other}")
    assert user.ok("UID SEARCH SEEN") == ["* SEARCH 3 5"]
    owner.ok("RENAME Other Team")
    assert seen(user) == [2, 4]
    provision.remove_mailbox(store.database, work)


def test_nothing_is_left_of_what_is_gone(store: Store, user: Speaker, owner: Speaker) -> None:
    user.ok(f"SELECT {NAME}")
    user.ok("STORE 1:4 +FLAGS (\\Seen)")
    owner.ok("SELECT Team")
    owner.ok("STORE 2,3 +FLAGS (\\Deleted)")
    owner.ok("EXPUNGE")
    assert store.database.rows("SELECT uid_count(seen) FROM reader_seen") == [(2,)]
    assert seen(user) == [1, 2]


MARKS = st.tuples(
    st.sampled_from(["user", "third", "owner"]), st.sampled_from(["+", "-", ""]), st.sets(st.integers(1, 5), min_size=1),
    st.sets(st.sampled_from(["\\Seen", "\\Flagged"]), min_size=1),
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(marks=st.lists(MARKS, max_size=8))
def test_any_marks_of_several_readers(marks: list, store: Store, user: Speaker, third: Speaker, owner: Speaker) -> None:
    speakers = {"user": (user, NAME), "third": (third, NAME), "owner": (owner, "Team")}
    flagged: set[int] = set()
    has_seen: dict[str, set[int]] = {who: set() for who in speakers}
    for speaker, name in speakers.values():
        speaker.ok(f"SELECT {name}")
        speaker.ok("STORE 1:5 -FLAGS (\\Seen \\Flagged)")
    known = modseq(owner, "Team")
    for who, op, numbers, names in marks:
        speakers[who][0].ok(f"STORE {','.join(map(str, sorted(numbers)))} {op}FLAGS ({' '.join(names)})")
        for held, name in ((has_seen[who], "\\Seen"), (flagged, "\\Flagged")):
            if op != "-" and name in names:
                held |= numbers
            elif op == "" or name in names:
                held -= numbers
    for who, (speaker, name) in speakers.items():
        assert seen(speaker, name) == sorted(has_seen[who])
        speaker.ok(f"SELECT {name} (CONDSTORE)")
        missed = {int(line.split()[1]) for line in speaker.ok(f"FETCH 1:* (FLAGS) (CHANGEDSINCE {known})")}
        assert missed >= flagged | has_seen[who], "whatever a reader sees differently has a greater modseq"
