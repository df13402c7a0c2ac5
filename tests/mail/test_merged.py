# SPDX-License-Identifier: MIT
"""Merged mailboxes: the same-named folders of all domains as one, and what agrees with each domain's own view."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from imapd.storage import grants, provision
from imapd.storage.addresses import Address, address
from imapd.storage.passing import Nobody, Passing, move
from tests.running.speaker import Speaker
from tests.running.store import Store

NUMBERS = itertools.count(1)


class Person(NamedTuple):
    """Somebody in two domains, in unified mode; nobody has used these mailboxes yet."""

    home: Address
    work: Address

    def on(self, store: Store, node: Any = None) -> Speaker:
        return Speaker(store, str(self.home), node)


@pytest.fixture
def person(store: Store) -> Iterator[Person]:
    name = f"person{next(NUMBERS)}"
    person = Person(address(f"{name}@example.com"), address(f"{name}@company.org"))
    provision.add_user(store.database, person.home, "", None, "unified")
    provision.add_mailbox(store.database, person.work, person.home, grants.UNLIMITED)
    yield person
    store.database.execute("UPDATE domains SET disabled = false")


@pytest.fixture
def merged(store: Store, person: Person) -> Speaker:
    return person.on(store)


def names(speaker: Speaker, pattern: str = "*") -> list[str]:
    return [line.split('"')[3] for line in speaker.ok(f'LIST "" "{pattern}"')]


def look(speaker: Speaker, name: str) -> dict[int, str]:
    """UID and subject of every message; STATUS must count as many."""
    speaker.ok(f'EXAMINE "{name}"')
    lines = speaker.ok("UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    text = "\r\n".join(lines)
    found = {int(uid): subject for uid, subject in re.findall(r"UID (\d+) .*?Subject: ([^\r]*)", text, re.S)}
    speaker.ok("UNSELECT")
    assert f"(MESSAGES {len(found)})" in speaker.ok(f'STATUS "{name}" (MESSAGES)')[-1]
    return found


def number(speaker: Speaker, name: str, item: str) -> str:
    return re.search(rf"{item} \(?([^ )]+)", speaker.ok(f'STATUS "{name}" ({item})')[-1])[1]  # type: ignore[index]


def fill(speaker: Speaker, *names: str) -> None:
    for name in names:
        if speaker.say(f'STATUS "{name}" (MESSAGES)')[1].startswith("NO"):
            speaker.ok(f'CREATE "{name}"')
        speaker.append(name, f"in {name}")


def test_both_views_have_the_same_uids(merged: Speaker, store: Store, person: Person) -> None:
    fill(merged, "example.com/Work", "company.org/Work", "Work")
    whole = look(merged, "Work")
    apart = {**look(merged, "example.com/Work"), **look(merged, "company.org/Work")}
    assert whole == apart == {1: "in example.com/Work", 2: "in company.org/Work", 3: "in Work"}
    assert number(merged, "Work", "UIDVALIDITY") == number(merged, "company.org/Work", "UIDVALIDITY")
    separated = person.on(store, merged.node)
    separated.session.account.set_namespace_mode("domain_separated")
    assert look(separated, "Work") == {1: "in example.com/Work", 3: "in Work"}
    assert look(separated, "company.org/Work") == {2: "in company.org/Work"}


def test_a_merged_mailbox_is_renamed_as_one(merged: Speaker, store: Store, person: Person) -> None:
    fill(merged, "example.com/Work", "company.org/Work", "company.org/Work/below")
    before = look(merged, "Work")
    validity, mailbox_id = number(merged, "Work", "UIDVALIDITY"), number(merged, "Work", "MAILBOXID")
    elsewhere = person.on(store)
    elsewhere.ok("SELECT Work")
    merged.ok("RENAME Work Play")
    assert look(merged, "Play") == before
    assert (number(merged, "Play", "UIDVALIDITY"), number(merged, "Play", "MAILBOXID")) == (validity, mailbox_id)
    assert {"Play", "Play/below"} <= set(names(merged)) and not {"Work", "Work/below"} & set(names(merged))
    assert look(merged, "company.org/Play/below") == {1: "in company.org/Work/below"}
    elsewhere.ok("NOOP")
    elsewhere.ok("STORE 1 +FLAGS (\\Flagged)")  # who has it open goes on
    # What comes back under the old name is another mailbox.
    merged.ok("CREATE Work")
    assert number(merged, "Work", "UIDVALIDITY") > validity


def test_a_rename_of_one_domains_part_leaves_the_other(merged: Speaker) -> None:
    fill(merged, "example.com/Work", "company.org/Work")
    validity = number(merged, "Work", "UIDVALIDITY")
    merged.ok("RENAME company.org/Work company.org/Play")
    assert look(merged, "Work") == {1: "in example.com/Work"}
    assert list(look(merged, "Play").values()) == ["in company.org/Work"]
    assert number(merged, "Work", "UIDVALIDITY") == validity
    merged.ok("RENAME company.org/Play company.org/Work")
    assert look(merged, "Work") == {1: "in example.com/Work", 3: "in company.org/Work"}, "it joins with new UIDs"


def test_keywords_are_spelled_as_those_that_a_renamed_folder_joins_spell_them(merged: Speaker) -> None:
    """Keywords are the same in any case of letters, and a message has none of them twice."""
    for name, keywords in (("company.org/Work", "(foo other)"), ("example.com/Play", "(Foo)")):
        merged.ok(f"CREATE {name}")
        merged.append(name, "x", keywords)
    merged.ok("RENAME company.org/Work company.org/Play")
    assert merged.flags("company.org/Play") == [{"Foo", "other"}]
    merged.ok("SELECT Play")
    merged.ok("STORE 1:* +FLAGS (fOO)")
    assert [line.partition("FLAGS (")[2] for line in merged.ok("FETCH 1:* FLAGS")] == [
        "\\Recent Foo))",
        "\\Recent Foo other))",
    ]
    merged.ok("UNSELECT")


def test_a_rename_is_all_or_nothing(merged: Speaker) -> None:
    fill(merged, "example.com/Work/a", "company.org/Work/b", "company.org/Play/b")
    before = sorted(names(merged))
    merged.no("RENAME Work Play", "ALREADYEXISTS")
    assert sorted(names(merged)) == before
    fill(merged, "example.com/Work", "company.org/Work")
    merged.no("RENAME Work company.org/Third", "CANNOT")
    merged.no("RENAME Work Work/below", "CANNOT")
    merged.no("RENAME Work example.com/Work/below", "CANNOT")
    merged.no("RENAME company.org/Work Work", "ALREADYEXISTS")
    assert set(before) <= set(names(merged))


def test_a_name_only_one_domain_has_goes_where_it_is_told(merged: Speaker) -> None:
    fill(merged, "company.org/Work")
    merged.ok("RENAME Work Play")
    assert look(merged, "company.org/Play") == {1: "in company.org/Work"}
    merged.ok("RENAME Play example.com/Third")
    assert look(merged, "example.com/Third") == look(merged, "Third")
    merged.no("STATUS company.org/Play (MESSAGES)", "NONEXISTENT")


def test_a_rename_into_another_domain_keeps_to_the_limit_of_folders(merged: Speaker) -> None:
    """Within a mailbox there is no limit to it: it gets none that it has not had."""
    for name in ("Work", "Work/a", "Work/a/b"):
        fill(merged, f"company.org/{name}")
    there = len(names(merged, "example.com/*"))
    settings = merged.node.settings
    merged.node.settings = replace(settings, limits=replace(settings.limits, folders_per_mailbox=there + 2))
    before, letter = sorted(names(merged)), look(merged, "company.org/Work/a")
    merged.no("RENAME company.org/Work example.com/Play", "LIMIT")
    assert sorted(names(merged)) == before and look(merged, "company.org/Work/a") == letter
    merged.ok("RENAME company.org/Work/a example.com/Play")
    assert list(look(merged, "example.com/Play/b").values()) == ["in company.org/Work/a/b"]
    merged.no("RENAME company.org/Work example.com/Third", "LIMIT")
    merged.no("RENAME company.org/Nothing example.com/Third", "NONEXISTENT")
    merged.ok("RENAME example.com/Play example.com/Third")


def test_rename_inbox_moves_the_mail_of_every_domain(merged: Speaker) -> None:
    fill(merged, "example.com/INBOX", "company.org/INBOX")
    merged.ok("RENAME INBOX Work")
    assert look(merged, "INBOX") == {}
    assert sorted(look(merged, "Work").values()) == ["in company.org/INBOX", "in example.com/INBOX"]
    assert list(look(merged, "company.org/Work").values()) == ["in company.org/INBOX"]


def test_delete_takes_it_from_every_domain(merged: Speaker) -> None:
    fill(merged, "example.com/Work", "company.org/Work", "company.org/Work/below")
    merged.ok("DELETE Work")
    assert look(merged, "Work/below") and "Work" in names(merged)
    merged.no("DELETE Work", "HASCHILDREN")
    for name in ("Work", "example.com/Work", "company.org/Work"):
        assert merged.say(f"SELECT {name}")[1].startswith("NO")


def test_what_is_merged_expunges_and_moves_in_every_domain(merged: Speaker, store: Store, person: Person) -> None:
    fill(merged, "example.com/Work", "company.org/Work", "Play")
    work = person.on(store, merged.node)
    work.ok("SELECT company.org/Work")
    merged.ok("SELECT Work")
    merged.ok("STORE 2 +FLAGS (\\Deleted)")
    assert "\\Deleted" in work.ok("NOOP")[0]
    merged.ok("EXPUNGE")
    assert "* 1 EXPUNGE" in work.ok("NOOP")
    merged.ok("MOVE 1 Play")
    merged.ok("UNSELECT")
    assert look(merged, "Work") == {} and len(look(merged, "Play")) == 2


def test_a_closed_domain_is_no_part_of_what_is_merged(merged: Speaker, store: Store, person: Person) -> None:
    fill(merged, "example.com/Work", "company.org/Work")
    remembering = person.on(store)
    remembering.ok("ENABLE QRESYNC")
    remembering.ok("SELECT Work")
    modseq, validity = remembering.session.selected.modseq, number(merged, "Work", "UIDVALIDITY")
    assert modseq
    provision.set_domain(store.database, "company.org", disabled=True)
    assert look(person.on(store), "Work") == {1: "in example.com/Work"}
    told = person.on(store)
    told.ok("ENABLE QRESYNC")
    assert "* VANISHED (EARLIER) 2" in told.ok(f"SELECT Work (QRESYNC ({validity} {modseq}))")
    assert "company.org" not in str(told.ok('LIST "" *')) + str(told.ok("NAMESPACE"))
    modseq = told.session.selected.modseq
    provision.set_domain(store.database, "company.org", disabled=False)
    again = person.on(store)
    assert look(again, "Work") == {1: "in example.com/Work", 3: "in company.org/Work"}, "what comes has new UIDs"
    again.ok("ENABLE QRESYNC")
    assert any("* 2 FETCH (UID 3" in line for line in again.ok(f"SELECT Work (QRESYNC ({validity} {modseq}))"))


@pytest.mark.parametrize("store_command", ["STORE 1:* +FLAGS.SILENT (\\Deleted)", "STORE 1:* FLAGS (\\Deleted $Old)"])
def test_what_is_hidden_between_two_messages_keeps_its_flags(
    merged: Speaker, store: Store, person: Person, store_command: str
) -> None:
    fill(merged, "example.com/Work", "company.org/Work", "example.com/Work")
    provision.set_domain(store.database, "company.org", disabled=True)
    rest = person.on(store)
    rest.ok("SELECT Work")
    rest.ok(store_command)
    rest.ok("EXPUNGE")
    rest.ok("UNSELECT")
    assert look(rest, "Work") == {}
    provision.set_domain(store.database, "company.org", disabled=False)
    again = person.on(store)
    again.ok("EXAMINE Work")
    assert again.ok("FETCH 1:* FLAGS") == ["* 1 FETCH (FLAGS (\\Recent))"]


def test_what_is_made_while_a_domain_is_closed_shows_nothing_of_it(store: Store, person: Person) -> None:
    """The name was the closed domain's alone, and so nothing had to be taken out of anything when it was closed."""
    speaker = person.on(store)
    fill(speaker, "company.org/Work", "company.org/Play")
    validity, modseq = number(speaker, "Work", "UIDVALIDITY"), number(speaker, "Work", "HIGHESTMODSEQ")
    provision.set_domain(store.database, "company.org", disabled=True)
    closed = person.on(store)
    fill(closed, "Work", "Other")
    closed.ok("RENAME Other Play")
    assert list(look(closed, "Work").values()) == ["in Work"]
    assert list(look(closed, "Play").values()) == ["in Other"]
    assert resynchronized(person.on(store), "Work", {1}, validity, modseq) == {2}
    provision.set_domain(store.database, "company.org", disabled=False)
    assert sorted(look(person.on(store), "Work").values()) == ["in Work", "in company.org/Work"]
    assert sorted(look(person.on(store), "Play").values()) == ["in Other", "in company.org/Play"]


def test_what_lies_alone_keeps_its_uids_when_its_domain_is_closed_and_opened(store: Store) -> None:
    provision.add_user(store.database, address("alone@company.org"), "", None)
    alone = Speaker(store, "alone@company.org")
    fill(alone, "INBOX")
    before = look(alone, "INBOX"), number(alone, "INBOX", "UIDVALIDITY"), number(alone, "INBOX", "HIGHESTMODSEQ")
    provision.set_domain(store.database, "company.org", disabled=True)
    provision.set_domain(store.database, "company.org", disabled=False)
    assert before == (
        look(alone, "INBOX"),
        number(alone, "INBOX", "UIDVALIDITY"),
        number(alone, "INBOX", "HIGHESTMODSEQ"),
    )


def test_a_second_mailbox_in_a_domain_is_merged_too(merged: Speaker, store: Store, person: Person) -> None:
    second = address("second@example.com")
    provision.add_mailbox(store.database, second, person.home, grants.UNLIMITED)
    speaker = person.on(store)
    fill(speaker, "second@example.com/Work", "company.org/Work", "example.com/Work")
    assert sorted(look(speaker, "Work").values()) == [
        "in company.org/Work",
        "in example.com/Work",
        "in second@example.com/Work",
    ]
    assert '("second@example.com/" "/")' in speaker.ok("NAMESPACE")[0]
    speaker.ok("DELETE Work")
    provision.remove_mailbox(store.database, second)
    assert "second" not in str(person.on(store).ok('LIST "" *'))


def test_another_primary_mailbox(merged: Speaker, store: Store, person: Person) -> None:
    fill(merged, "example.com/Work", "company.org/Work")
    validity = number(merged, "Work", "UIDVALIDITY")
    provision.set_user(store.database, person.home, primary=person.work)
    speaker = person.on(store)
    assert look(speaker, "Work") == {1: "in example.com/Work", 2: "in company.org/Work"}
    assert number(speaker, "Work", "UIDVALIDITY") == validity
    speaker.append("Work", "new")
    assert list(look(speaker, "company.org/Work").values()) == ["in company.org/Work", "new"]
    assert speaker.ok("NAMESPACE") == [
        '* NAMESPACE (("" "/")) (("company.org/" "/")("example.com/" "/")) (("Shared/" "/"))'
    ]


def resynchronized(speaker: Speaker, name: str, known: set[int], validity: str, modseq: str) -> set[int]:
    """The UIDs that a client knows after it has come back with what it knew."""
    speaker.ok("ENABLE QRESYNC")
    said = "\r\n".join(speaker.ok(f"SELECT {name} (QRESYNC ({validity} {modseq}))"))
    gone: set[int] = set()
    for low, high in re.findall(r"(\d+)(?::(\d+))?", "".join(re.findall(r"VANISHED \(EARLIER\) (\S+)", said))):
        gone |= {*range(int(low), int(high or low) + 1)}
    return (known - gone) | {int(uid) for uid in re.findall(r"FETCH \(UID (\d+)", said)}


def test_who_remembers_a_name_is_told_what_it_shows_in_another_mode(store: Store, person: Person) -> None:
    """UIDVALIDITY stays, so that what is remembered counts; and the oldest message may be one that was not shown before."""
    speaker = person.on(store)
    fill(speaker, "company.org/Work", "example.com/Work", "company.org/Work", "example.com/Work")
    shown = {"unified": {1, 2, 3, 4}, "domain_separated": {2, 4}}
    validity = number(speaker, "Work", "UIDVALIDITY")
    for before, after in [("unified", "domain_separated"), ("domain_separated", "unified"), ("unified", "")]:
        provision.set_user(store.database, person.home, mode=before)
        modseq = number(person.on(store), "Work", "HIGHESTMODSEQ")
        provision.set_user(store.database, person.home, mode=after)
        known = resynchronized(person.on(store), "Work", shown[before], validity, modseq)
        assert known == shown[after or "domain_separated"], f"{before} to {after}"


def test_who_remembers_a_name_is_told_what_it_shows_where_the_server_is_set_to_another_mode(
    store: Store, person: Person
) -> None:
    provision.set_user(store.database, person.home, mode="")
    node = {"domain_separated": store.node(), "unified": store.node()}
    for mode, one in node.items():
        one.settings = replace(one.settings, imap=replace(one.settings.imap, namespace_mode=mode))
    fill(person.on(store, node["unified"]), "company.org/Work", "example.com/Work", "company.org/Work")
    shown = {"unified": {1, 2, 3}, "domain_separated": {2}}
    for before, after in itertools.pairwise(["domain_separated", "unified", "domain_separated"]):
        speaker = person.on(store, node[before])
        validity, modseq = number(speaker, "Work", "UIDVALIDITY"), number(speaker, "Work", "HIGHESTMODSEQ")
        known = resynchronized(person.on(store, node[after]), "Work", shown[before], validity, modseq)
        assert known == shown[after], f"{before} to {after}"


def test_who_remembers_a_name_is_told_what_it_shows_with_another_primary_mailbox(store: Store, person: Person) -> None:
    provision.set_user(store.database, person.home, mode="domain_separated")
    speaker = person.on(store)
    fill(speaker, "company.org/Work", "example.com/Work", "company.org/Work")
    validity, modseq = number(speaker, "Work", "UIDVALIDITY"), number(speaker, "Work", "HIGHESTMODSEQ")
    provision.set_user(store.database, person.home, primary=person.work)
    assert resynchronized(person.on(store), "Work", {2}, validity, modseq) == {1, 3}
    assert number(person.on(store), "Work", "UIDVALIDITY") == validity
    modseq = number(person.on(store), "Work", "HIGHESTMODSEQ")
    provision.set_domain(store.database, "company.org", disabled=True)  # then the other one stands in
    assert resynchronized(person.on(store), "Work", {1, 3}, validity, modseq) == {2}
    modseq = number(person.on(store), "Work", "HIGHESTMODSEQ")
    provision.set_domain(store.database, "company.org", disabled=False)
    assert resynchronized(person.on(store), "Work", {2}, validity, modseq) == {4, 5}, "what comes again has new UIDs"


def test_a_prefix_means_the_same_mail_whatever_happens_to_the_other_mailbox_there(store: Store, person: Person) -> None:
    second = address(f"second.{person.home}")
    provision.add_mailbox(store.database, second, person.home, grants.UNLIMITED)
    provision.set_user(store.database, person.home, mode="domain_separated")
    speaker = person.on(store)
    fill(speaker, f"{second}/Work", "example.com/Work")
    validity = number(speaker, "Work", "UIDVALIDITY")

    def shown() -> dict[str, dict[int, str]]:
        by = Speaker(store, str(person.work))
        listed = {name for name in names(by) if name.endswith("/Work")}
        return {name: look(by, name) for name in listed}

    both = {"example.com/Work": {2: "in example.com/Work"}, f"{second}/Work": {1: f"in {second}/Work"}}
    assert shown() == both
    provision.set_user(store.database, person.home, primary=second)
    assert shown() == both
    provision.set_user(store.database, person.home, primary=person.work)
    provision.set_mailbox(store.database, person.home, disabled=True)
    assert shown() == {f"{second}/Work": {1: f"in {second}/Work"}}, "it does not come in the place of the other one"
    modseq = number(Speaker(store, str(person.work)), f"{second}/Work", "HIGHESTMODSEQ")
    provision.set_mailbox(store.database, person.home, disabled=False)
    provision.remove_mailbox(store.database, person.home)
    by = Speaker(store, str(person.work))
    assert look(by, "example.com/Work") == {1: f"in {second}/Work"}, "now it is the only one"
    assert resynchronized(Speaker(store, str(person.work)), "example.com/Work", {2}, validity, modseq) == {1}


def test_who_comes_into_a_domain_takes_no_prefix_from_who_is_there(store: Store, person: Person) -> None:
    """However old the mailbox is that comes: its domain's prefix belongs to the one that was there first."""
    provision.set_user(store.database, person.home, mode="domain_separated")
    fill(person.on(store), "company.org/Work", "example.com/Work")
    moved = address(f"moved.{person.work}")
    move(store.database, person.home, Passing(to=moved))
    speaker = Speaker(store, str(person.work))
    assert look(speaker, "company.org/Work") == {1: "in company.org/Work"}
    assert look(speaker, f"{moved}/Work") == {2: "in example.com/Work"}
    assert f"{moved}/Sent" in str(speaker.ok('LSUB "" *')) or look(speaker, "Sent") == {}
    passed = address(f"passed.{person.work}")
    provision.add_user(store.database, passed, "", None, "domain_separated")
    fill(Speaker(store, str(passed)), "INBOX")
    move(store.database, moved, Passing(owner=passed))
    theirs = Speaker(store, str(passed))
    assert list(look(theirs, "company.org/INBOX").values()) == ["in INBOX"]
    assert look(theirs, f"{moved}/Work")


def test_who_remembers_a_name_is_told_what_it_shows_when_mailboxes_have_moved(store: Store, person: Person) -> None:
    """One that moves away leaves its name to another one, and comes to a name that others have had."""
    provision.set_user(store.database, person.home, mode="domain_separated")
    fill(person.on(store), "company.org/Work", "example.com/Work", "company.org/Work")
    validity = number(person.on(store), "company.org/Work", "UIDVALIDITY")
    modseq = number(person.on(store), "company.org/Work", "HIGHESTMODSEQ")
    elsewhere = address(str(person.work).replace("company.org", "elsewhere.net"))
    if not store.database.row("SELECT FROM domains WHERE name = 'elsewhere.net'"):
        provision.add_domain(store.database, "Example", "elsewhere.net")
    move(store.database, person.work, Passing(to=elsewhere))
    provision.add_mailbox(store.database, person.work, person.home, grants.UNLIMITED)
    fill(person.on(store), "company.org/Work")
    assert resynchronized(person.on(store), "company.org/Work", {1, 3}, validity, modseq) == {4}
    modseq = number(person.on(store), "company.org/Work", "HIGHESTMODSEQ")
    provision.remove_mailbox(store.database, person.work)
    move(store.database, elsewhere, Passing(to=person.work))
    assert resynchronized(person.on(store), "company.org/Work", {4}, validity, modseq) == {1, 3}


@pytest.mark.parametrize("mode", ["unified", "domain_separated"])
def test_a_namespace_goes_before_a_folder_of_its_name(mode: str, store: Store) -> None:
    """The folder was there first; then comes the domain. Nothing is lost, and no name means two things."""
    person = address(f"{mode.partition('_')[0]}@example.com")
    provision.add_user(store.database, person, "", None, mode)
    before = Speaker(store, str(person))
    fill(before, "new.example", "new.example/Work", "new.example/INBOX")
    if "new.example" not in str(store.database.rows("SELECT name FROM domains")):
        provision.add_domain(store.database, "Example", "new.example")
    provision.add_mailbox(store.database, address(f"{person.local_part}@new.example"), person, grants.UNLIMITED)
    after = Speaker(store, str(person))
    assert look(after, "new.example/INBOX") == {}, "the INBOX of the domain"
    after.no("SELECT new.example/Work", "NONEXISTENT")
    listed = names(after)
    assert len(listed) == len(set(listed))
    for name in ("example.com/new.example", "example.com/new.example/Work", "example.com/new.example/INBOX"):
        assert name in listed
        assert look(after, name) == {1: f"in {name.removeprefix('example.com/')}"}
    after.no("CREATE new.example", "CANNOT")
    after.no("RENAME example.com/new.example new.example", "CANNOT")
    after.ok("RENAME example.com/new.example Elsewhere")
    assert look(after, "Elsewhere/Work") == {1: "in new.example/Work"}


def test_a_mailbox_passes_to_another_user_with_its_mail(merged: Speaker, store: Store, person: Person) -> None:
    second = address("passing@example.com")
    provision.add_mailbox(store.database, second, person.home, grants.UNLIMITED)
    colleague = address("colleague@example.com")
    grants.grant(store.database, second, None, colleague, "lr")
    fill(person.on(store), "passing@example.com/Work", "example.com/Work", "passing@example.com/INBOX")
    Speaker(store, "colleague@example.com").append("INBOX", "mine")
    move(store.database, second, Passing(owner=colleague))
    assert list(look(person.on(store), "Work").values()) == ["in example.com/Work"]
    theirs = Speaker(store, "colleague@example.com")
    assert list(look(theirs, "passing@example.com/INBOX").values()) == ["in passing@example.com/INBOX"]
    assert look(theirs, "passing@example.com/Work")
    assert "Shared/passing" not in str(theirs.ok('LIST "" *'))
    assert "passing@example.com/INBOX" in str(theirs.ok('LSUB "" *'))
    move(store.database, second, Passing(owner=Nobody))
    theirs = Speaker(store, "colleague@example.com")
    assert "passing" not in str(theirs.ok('LIST "" *'))
    grants.grant(store.database, second, None, person.home, "lr")
    assert look(person.on(store), "Shared/passing@example.com/Work")
    move(store.database, second, Passing(to=address("passed@company.org"), keep_address=True))
    provision.set_organization(store.database, "Example", share_across_domains=True)
    assert look(person.on(store), "Shared/passed@company.org/Work")
    move(store.database, address("passing@example.com"), Passing(owner=person.home))  # its former address is an alias
    assert "user@company.org" in str(
        store.database.rows("SELECT m.local_part || '@' || d.name FROM mailboxes m JOIN domains d USING (domain_id)")
    )
    assert look(person.on(store), "passed@company.org/Work")
    provision.remove_mailbox(store.database, address("passed@company.org"))


def test_unified_with_one_mailbox_only_keeps_its_ids_when_a_domain_comes(store: Store) -> None:
    person = address("growing@example.com")
    provision.add_user(store.database, person, "", None, "unified")
    fill(Speaker(store, str(person)), "INBOX")
    open_all_along = Speaker(store, str(person))
    before = number(open_all_along, "INBOX", "MAILBOXID"), number(open_all_along, "INBOX", "UIDVALIDITY")
    open_all_along.ok("SELECT INBOX")
    provision.add_mailbox(store.database, address("growing@company.org"), person, grants.UNLIMITED)
    speaker = Speaker(store, "growing@company.org")
    fill(speaker, "company.org/INBOX")
    assert (number(speaker, "INBOX", "MAILBOXID"), number(speaker, "INBOX", "UIDVALIDITY")) == before
    assert "* 2 EXISTS" in open_all_along.ok("NOOP")


def recent(speaker: Speaker, name: str) -> list[int]:
    r"""UIDs of the messages that are \Recent to who selects a mailbox now."""
    speaker.ok(f'SELECT "{name}"')
    found = [
        int(match[1])
        for line in speaker.ok("UID FETCH 1:* FLAGS")
        if "\\Recent" in line and (match := re.search(r"UID (\d+)", line))
    ]
    speaker.ok("UNSELECT")
    return found


def test_what_was_recent_in_one_view_is_not_in_the_other(merged: Speaker) -> None:
    fill(merged, "example.com/Work", "company.org/Work", "example.com/Work", "company.org/Work")
    assert recent(merged, "company.org/Work") == [2, 4], "its own, and nobody else's"
    assert recent(merged, "Work") == [1, 3], "each once"
    assert recent(merged, "Work") == recent(merged, "example.com/Work") == []
    fill(merged, "company.org/Work", "example.com/Work")
    assert recent(merged, "Work") == [5, 6]
    assert recent(merged, "company.org/Work") == []


def test_a_copy_out_of_one_folder_brings_no_keywords_of_the_other(merged: Speaker) -> None:
    fill(merged, "company.org/Work", "example.com/Work", "company.org/Work")
    merged.ok("SELECT Work")
    merged.ok("STORE 2 +FLAGS (foreign)")
    merged.ok("STORE 1,3 +FLAGS (own)")
    merged.ok("CREATE Copies")
    merged.ok('SELECT "company.org/Work"')
    merged.ok("COPY 1:* Copies")
    told = merged.ok("SELECT Copies")
    assert [line for line in told if line.startswith("* FLAGS") and "own" in line and "foreign" not in line]
    assert merged.flags("Copies") == [{"own"}, {"own"}]


def test_uids_may_be_as_high_as_they_get(merged: Speaker, store: Store) -> None:
    fill(merged, "example.com/High")
    store.database.execute(
        "UPDATE folder_groups g SET uid_next = 4294967290 FROM folders f"
        " WHERE (g.organization_id, g.group_id) = (f.organization_id, f.group_id) AND f.name = 'High'"
    )
    fill(merged, "example.com/High", "example.com/High")
    assert list(look(merged, "High")) == [1, 4294967290, 4294967291]
