# SPDX-License-Identifier: MIT
"""Merged mailboxes: the same-named folders of all domains as one, and what agrees with each domain's own view."""

import re
from dataclasses import replace

import pytest

from imapd.storage import grants, provision
from imapd.storage.addresses import address
from tests.mail.person import Person, fill, look, names, number, resynchronized
from tests.running.speaker import Speaker
from tests.running.store import Store


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
