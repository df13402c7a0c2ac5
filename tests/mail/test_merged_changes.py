# SPDX-License-Identifier: MIT
"""What a name shows once modes, primary mailboxes, domains or owners have changed, also to who remembers it from before."""

import itertools
from dataclasses import replace

import pytest

from imapd.storage import grants, provision
from imapd.storage.addresses import address
from imapd.storage.passing import Nobody, Passing, move
from tests.mail.person import Person, fill, look, names, number, resynchronized
from tests.running.speaker import Speaker
from tests.running.store import Store


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
