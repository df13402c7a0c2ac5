# SPDX-License-Identifier: MIT
"""Lists of rights: who can be in one, what becomes of it, and how those of a folder and of its mailbox go together."""

from collections.abc import Iterator

import pytest

from imapd.mail.rights import ALL, held, shown, union
from imapd.storage import grants, groups, provision
from imapd.storage.accounts import Grant
from imapd.storage.addresses import address
from imapd.storage.grants import Group
from tests.running.speaker import Speaker
from tests.running.store import Store

OWNER = "colleague@example.com"
USER = "user@example.com"
OWN = f"{OWNER} {shown(ALL)}"


@pytest.fixture
def owner(store: Store) -> Speaker:
    return Speaker(store, OWNER)


@pytest.fixture
def user(store: Store) -> Speaker:
    return Speaker(store)


@pytest.fixture(autouse=True)
def nothing_shared(store: Store) -> Iterator[None]:
    store.database.execute("DELETE FROM shared_mailbox_access")
    store.database.execute("DELETE FROM user_groups")
    store.database.execute("UPDATE organizations SET share_with_anyone = false, share_across_domains = false")
    yield
    store.database.execute("DELETE FROM folders WHERE name LIKE 'Work%%' OR name LIKE 'Play%%'")


@pytest.fixture(scope="module")
def others(store: Store) -> None:
    """Somebody else in each domain, and another organisation with the same local parts."""
    for name in ("third@example.com", "work@company.org"):
        provision.add_user(store.database, address(name), "", None)
    provision.add_organization(store.database, "Other")
    provision.add_domain(store.database, "Other", "other.net")
    for name in ("user@other.net", "colleague@other.net"):
        provision.add_user(store.database, address(name), "", None)


def acl(speaker: Speaker, name: str) -> list[str]:
    """GETACL: pairs of identifier and rights."""
    (line,) = speaker.ok(f'GETACL "{name}"')
    words = line.removeprefix(f'* ACL "{name}" ').split()
    return sorted(" ".join(pair) for pair in zip(words[::2], words[1::2], strict=True))


def test_setting_adding_taking(owner: Speaker) -> None:
    assert acl(owner, "INBOX") == [OWN]
    owner.ok(f"SETACL INBOX {USER} lr")
    owner.ok(f"SETACL INBOX {USER} +swa")
    assert acl(owner, "INBOX") == [OWN, f"{USER} lrswa"]
    owner.ok(f"SETACL INBOX {USER} -wa")
    assert acl(owner, "INBOX") == [OWN, f"{USER} lrs"]
    owner.ok(f'SETACL INBOX {USER} ""')
    assert acl(owner, "INBOX") == [OWN]
    owner.ok(f"SETACL INBOX {USER} +r")
    owner.ok(f"DELETEACL INBOX {USER}")
    owner.ok(f"DELETEACL INBOX {USER}")
    assert acl(owner, "INBOX") == [OWN]


def test_rights_of_rfc_2086(owner: Speaker, user: Speaker) -> None:
    owner.ok(f"SETACL INBOX {USER} lrswida")
    assert acl(owner, "INBOX") == [OWN, f"{USER} lrswitead"]
    owner.ok(f"SETACL INBOX {USER} lrc")
    assert acl(owner, "INBOX") == [OWN, f"{USER} lrkxc"]
    owner.ok(f"SETACL INBOX {USER} -c")
    assert acl(owner, "INBOX") == [OWN, f"{USER} lr"]
    owner.ok(f"SETACL INBOX {USER} lrx")
    assert user.ok(f"MYRIGHTS Shared/{OWNER}/INBOX") == [f'* MYRIGHTS "Shared/{OWNER}/INBOX" lrxc']


def test_the_owner_has_every_right_and_keeps_it(owner: Speaker, user: Speaker) -> None:
    assert owner.ok("MYRIGHTS INBOX") == [f'* MYRIGHTS "INBOX" {shown(ALL)}']
    assert owner.ok(f"LISTRIGHTS INBOX {OWNER}") == [f'* LISTRIGHTS "INBOX" {OWNER} {shown(ALL)}']
    owner.ok(f"SETACL INBOX {OWNER} {ALL}")
    owner.ok(f"SETACL INBOX {OWNER} +r")
    for command in (f"SETACL INBOX {OWNER} lr", f"SETACL INBOX {OWNER} -r", f"DELETEACL INBOX {OWNER}"):
        owner.no(command, "CANNOT")
    owner.ok(f"SETACL INBOX {USER} la")
    user.no(f"DELETEACL Shared/{OWNER}/INBOX {OWNER}", "CANNOT")
    assert acl(user, f"Shared/{OWNER}/INBOX") == [OWN, f"{USER} la"]


def test_what_can_be_given(owner: Speaker) -> None:
    assert owner.ok(f"LISTRIGHTS INBOX {USER}") == [f'* LISTRIGHTS "INBOX" {USER} "" l r s w i p k x t e a c d']
    # The identifier comes back as it was sent.
    assert owner.ok("LISTRIGHTS INBOX USER@Example.com")[0].startswith('* LISTRIGHTS "INBOX" USER@Example.com ""')


def test_any_address_of_a_person_is_that_person(owner: Speaker, store: Store) -> None:
    provision.add_alias(store.database, address("alias@example.com"), address(USER))
    for name in ("alias@example.com", "user@company.org", "User@EXAMPLE.COM"):
        owner.ok(f"SETACL INBOX {name} lr")
        assert acl(owner, "INBOX") == [OWN, f"{USER} lr"]
        owner.ok(f"DELETEACL INBOX {USER}")


@pytest.mark.parametrize("who", ["nobody@example.com", "user@other.net", "work@company.org", "user@nowhere.example",
                                 "user", "group:nobodys", "$nobodys", "group:..", "group:", "$", "administrators"])  # fmt: skip
@pytest.mark.usefixtures("others")
def test_who_cannot_be_shared_with_is_not_told_apart(who: str, owner: Speaker) -> None:
    text = owner.no(f"SETACL INBOX {who} lr", "CANNOT")
    assert text == "There is nobody of that name whom this can be shared with."
    assert owner.no(f"LISTRIGHTS INBOX {who}", "CANNOT") == text


@pytest.mark.parametrize("who", ['""', '" "', '"a\tb"', "{3+}\r\na\rb", "{3+}\r\na\nb", "{2+}\r\n\xff\xfe", '"\x7f"', "x" * 321])
def test_what_is_no_identifier(who: str, owner: Speaker) -> None:
    octets = who.encode("latin-1")
    for command in (b"SETACL INBOX %b lr", b"DELETEACL INBOX %b", b"LISTRIGHTS INBOX %b"):
        assert owner.say(command % octets)[1].startswith("BAD"), command


def test_negative_rights_are_not_supported(owner: Speaker) -> None:
    owner.no(f"SETACL INBOX -{USER} r", "CANNOT")


@pytest.mark.parametrize("rights", ["lrQ", "lrq", "L", "0", "l r", "lr+s", "+-s", "é", '"l\\"r"'])
def test_what_are_no_rights(rights: str, owner: Speaker) -> None:
    assert owner.say(f"SETACL INBOX {USER} {rights}")[1].startswith("BAD")
    assert acl(owner, "INBOX") == [OWN]


def test_anyone_only_where_the_organisation_allows_it(owner: Speaker, user: Speaker, store: Store, others: None) -> None:
    name = f"Shared/{OWNER}/INBOX"
    owner.no("SETACL INBOX anyone lr", "CANNOT")
    provision.set_organization(store.database, "Example", share_with_anyone=True)
    owner.ok("SETACL INBOX anyone lr")
    user.ok(f"STATUS {name} (MESSAGES)")
    stranger = Speaker(store, "user@other.net")
    stranger.no(f"SELECT {name}", "NONEXISTENT")
    assert "Shared" not in str(stranger.ok('LIST "" *'))
    at_work = Speaker(store, "work@company.org")
    at_work.no(f"SELECT {name}", "NONEXISTENT")  # not across domains either, until that is allowed, too
    provision.set_organization(store.database, "Example", share_across_domains=True)
    at_work.ok(f"SELECT {name}")
    provision.set_organization(store.database, "Example", share_with_anyone=False)
    user.no(f"SELECT {name}", "NONEXISTENT")
    owner.ok("DELETEACL INBOX anyone")
    provision.set_organization(store.database, "Example", share_with_anyone=True)
    user.no(f"SELECT {name}", "NONEXISTENT")


@pytest.mark.usefixtures("others")
def test_across_domains_only_where_the_organisation_allows_it(owner: Speaker, store: Store) -> None:
    at_work, name = Speaker(store, "work@company.org"), f"Shared/{OWNER}/INBOX"
    owner.no("SETACL INBOX work@company.org lr", "CANNOT")
    provision.set_organization(store.database, "Example", share_across_domains=True)
    owner.ok("SETACL INBOX work@company.org lr")
    at_work.ok(f"STATUS {name} (MESSAGES)")
    provision.set_organization(store.database, "Example", share_across_domains=False)
    at_work.no(f"STATUS {name} (MESSAGES)", "NONEXISTENT")
    owner.ok("SETACL INBOX work@company.org -r")  # taking is always allowed
    assert acl(owner, "INBOX") == [OWN, "work@company.org l"]


@pytest.mark.usefixtures("others")
def test_groups(owner: Speaker, user: Speaker, store: Store) -> None:
    name = f"Shared/{OWNER}/INBOX"
    groups.add_group(store.database, "Example", "sales")
    groups.add_members(store.database, None, "sales", [address(USER), address("work@company.org")])
    owner.ok("SETACL INBOX $Sales lr")
    owner.ok("SETACL INBOX group:sales +s")
    assert acl(owner, "INBOX") == [OWN, "group:sales lrs"]
    assert user.ok(f"MYRIGHTS {name}") == [f'* MYRIGHTS "{name}" lrs']
    owner.ok(f"SETACL INBOX {USER} w")  # adds up with what the group has
    assert user.ok(f"MYRIGHTS {name}") == [f'* MYRIGHTS "{name}" lrsw']
    Speaker(store, "third@example.com").no(f"SELECT {name}", "NONEXISTENT")
    Speaker(store, "work@company.org").no(f"SELECT {name}", "NONEXISTENT")  # a member, but of another domain
    groups.remove_members(store.database, "Example", "sales", [address(USER)])
    user.no(f"SELECT {name}", "NONEXISTENT")
    groups.remove_group(store.database, "Example", "sales")
    assert acl(owner, "INBOX") == [OWN, f"{USER} w"]


def test_a_folder_and_its_mailbox(owner: Speaker, user: Speaker, store: Store) -> None:
    """An entry of a folder stands in place of the mailbox's for the same grantee, also an empty one."""
    grants.grant(store.database, address(OWNER), None, address(USER), "lr")
    assert acl(owner, "INBOX") == [OWN, f"{USER} lr"]
    owner.ok(f"SETACL Sent {USER} +s")
    owner.ok(f"DELETEACL Trash {USER}")
    rights = {line.split()[2]: line.split()[3] for line in user.ok('LIST "" "Shared/*" RETURN (MYRIGHTS)') if "MYRIGHTS" in line}
    of = f'"Shared/{OWNER}/%s"'
    assert rights == {of % "Archive": "lr", of % "Drafts": "lr", of % "INBOX": "lr", of % "Sent": "lrs", of % "Spam": "lr"}
    user.no(f"SELECT Shared/{OWNER}/Trash", "NONEXISTENT")
    owner.ok(f"SETACL Trash {USER} lr")  # as in the whole again: no entry of its own any more
    grants.revoke(store.database, address(OWNER), None, address(USER))
    assert user.ok('LIST "" "Shared/*"') == [], "revoking in the whole mailbox takes what single folders gave, too"


def test_a_new_folder_has_the_rights_of_the_one_above(owner: Speaker, user: Speaker) -> None:
    owner.ok("CREATE Work")
    owner.ok(f"SETACL Work {USER} lrik")
    top = f"Shared/{OWNER}/Work"
    user.ok(f"CREATE {top}/2024/May")
    assert acl(owner, "Work/2024/May") == [OWN, f"{USER} lrikc"]
    user.ok(f"STATUS {top}/2024/May (MESSAGES)")
    user.no(f"CREATE Shared/{OWNER}/Other", "NOPERM")
    owner.ok(f"SETACL Work/2024/May {USER} lr")
    user.no(f"CREATE {top}/2024/May/1", "NOPERM")
    user.no(f"DELETE {top}/2024/May", "NOPERM")


def test_a_list_goes_with_its_folder(owner: Speaker, user: Speaker, store: Store) -> None:
    owner.ok("CREATE Work")
    owner.ok("CREATE Work/below")
    owner.ok(f"SETACL Work/below {USER} lr")
    owner.ok("RENAME Work Play")
    user.ok(f"STATUS Shared/{OWNER}/Play/below (MESSAGES)")
    owner.ok("DELETE Play/below")
    owner.ok("CREATE Play/below")
    assert acl(owner, "Play/below") == [OWN]
    assert store.database.rows("SELECT FROM shared_mailbox_access") == []


def test_a_list_goes_along_into_another_mailbox_of_the_owner(user: Speaker, store: Store) -> None:
    user.ok("CREATE Work")
    user.ok(f"SETACL Work {OWNER} lr")
    user.ok("RENAME Work company.org/Work")
    provision.set_organization(store.database, "Example", share_across_domains=True)
    Speaker(store, OWNER).ok("STATUS Shared/user@company.org/Work (MESSAGES)")


def test_who_administers_need_not_own(owner: Speaker, user: Speaker, store: Store, others: None) -> None:
    owner.ok(f"SETACL INBOX {USER} la")
    user.ok(f"SETACL Shared/{OWNER}/INBOX third@example.com lr")
    Speaker(store, "third@example.com").ok(f"SELECT Shared/{OWNER}/INBOX")
    events = store.database.rows("SELECT user_id, detail->>'rights' FROM audit_log WHERE event = 'access changed' ORDER BY audit_id DESC LIMIT 1")
    assert events == [(user.session.account.user_id, "=lr")]


def test_a_mailbox_that_nobody_owns(store: Store, user: Speaker) -> None:
    support = address("support@example.com")
    provision.add_mailbox(store.database, support, None, grants.UNLIMITED)
    groups.add_group(store.database, "Example", "desk")
    groups.add_members(store.database, None, "desk", [address(USER), address(OWNER)])
    grants.grant(store.database, support, None, Group("desk"), "lrswite")
    grants.grant(store.database, support, None, address(USER), ALL)
    name = "Shared/support@example.com/INBOX"
    assert user.append(name)[1].startswith("OK [APPENDUID")
    colleague = Speaker(store, OWNER)
    assert colleague.ok(f"STATUS {name} (MESSAGES)") == [f'* STATUS "{name}" (MESSAGES 1)']
    assert acl(user, name) == ["group:desk lrswited", f"{USER} {shown(ALL)}"]
    user.ok("CREATE Shared/support@example.com/Done")
    colleague.ok(f"SELECT {name}")
    colleague.ok("MOVE 1 Shared/support@example.com/Done")
    assert "\\Sent" not in str(colleague.ok('LIST "" Shared/support*'))
    user.ok(f"SETACL {name} group:desk lr")
    colleague.no("SETACL Shared/support@example.com/Done anyone lr", "NOPERM")


def test_a_merged_mailbox_is_shared_in_every_domain_that_may_be(user: Speaker, store: Store) -> None:
    provision.set_user(store.database, address(USER), mode="unified")
    try:
        unified = Speaker(store)
        unified.ok(f"SETACL INBOX {OWNER} lr")
        owner = f"{USER} {shown(ALL)}"
        assert acl(unified, "INBOX") == [f"{OWNER} lr", owner]
        colleague = Speaker(store, OWNER)
        assert [line.split()[-1] for line in colleague.ok('LIST "" Shared/*/INBOX')] == ['"Shared/user@example.com/INBOX"']
        provision.set_organization(store.database, "Example", share_across_domains=True)
        unified.ok(f"SETACL INBOX {OWNER} +ls")
        assert colleague.ok("MYRIGHTS Shared/user@example.com/INBOX") == ['* MYRIGHTS "Shared/user@example.com/INBOX" lrs']
        assert colleague.ok("MYRIGHTS Shared/user@company.org/INBOX") == ['* MYRIGHTS "Shared/user@company.org/INBOX" ls']
        unified.ok(f"DELETEACL INBOX {OWNER}")
        assert colleague.ok('LIST "" Shared/*') == []
    finally:
        provision.set_user(store.database, address(USER), mode="")


def test_a_mailbox_stays_with_its_owner(owner: Speaker, user: Speaker) -> None:
    owner.ok("CREATE Work")
    owner.ok(f"SETACL Work {USER} {ALL}")
    user.no(f"RENAME Shared/{OWNER}/Work Work", "CANNOT")
    user.ok("CREATE Play")
    user.no(f"RENAME Play Shared/{OWNER}/Work/Play", "CANNOT")


def test_trycreate_only_for_who_could_create(owner: Speaker, user: Speaker, store: Store) -> None:
    grants.grant(store.database, address(OWNER), None, address(USER), "lri")
    user.ok("SELECT INBOX")
    user.no(f"COPY 1:* Shared/{OWNER}/None", "NONEXISTENT")
    grants.grant(store.database, address(OWNER), None, address(USER), "lrik")
    user.no(f"COPY 1:* Shared/{OWNER}/None", "TRYCREATE")
    assert user.append(f"Shared/{OWNER}/None")[1].startswith("NO [TRYCREATE]")


def test_no_shared_folder_passes_for_the_users_own_sent(store: Store, user: Speaker) -> None:
    grants.grant(store.database, address(OWNER), None, address(USER), ALL)
    listed = user.ok('LIST "" "Shared/*"')
    assert len(listed) == 7 and not [line for line in listed if "\\Sent" in line or "\\Trash" in line or "\\Drafts" in line]
    assert f'* LIST (\\Noselect \\HasChildren) "/" "Shared/{OWNER}"' in listed
    user.no(f"SELECT Shared/{OWNER}", "NONEXISTENT")
    user.no("SELECT Shared", "NONEXISTENT")
    assert all("Shared" not in line for line in user.ok('LIST (SPECIAL-USE) "" "*"'))


def test_one_mailbox_for_one_use(store: Store, user: Speaker) -> None:
    user.no("CREATE Posted (USE (\\Sent))", "USEATTR")
    user.ok("DELETE Archive")
    user.ok("CREATE Work (USE (\\Archive))")
    assert user.ok('LIST "" Work') == ['* LIST (\\HasNoChildren \\Archive) "/" "Work"']
    user.ok("RENAME Work company.org/Work")
    assert user.ok('LIST "" company.org/Work') == ['* LIST (\\HasNoChildren) "/" "company.org/Work"'], "which has one"
    grants.grant(store.database, address(OWNER), None, address(USER), ALL)
    user.no(f"CREATE Shared/{OWNER}/Work (USE (\\Archive))", "USEATTR")
    user.ok("CREATE Archive (USE (\\Archive))")


def test_subscriptions_are_each_users_own(store: Store, user: Speaker, owner: Speaker, others: None) -> None:
    grants.grant(store.database, address(OWNER), None, address(USER), "lr")
    grants.grant(store.database, address(OWNER), None, address("third@example.com"), "lr")
    user.ok(f"SUBSCRIBE Shared/{OWNER}/Sent")
    assert f"Shared/{OWNER}/Sent" in str(user.ok('LSUB "" *'))
    for other in (owner, Speaker(store, "third@example.com")):
        assert "Shared" not in str(other.ok('LSUB "" *'))
    user.ok(f"UNSUBSCRIBE Shared/{OWNER}/Sent")


def test_a_name_is_unsubscribed_as_it_can_be_subscribed(store: Store, user: Speaker) -> None:
    """With the letters of an address and of INBOX in any case."""
    grants.grant(store.database, address(OWNER), None, address(USER), "lr")
    user.ok(f"SUBSCRIBE Shared/{OWNER.upper()}/inbox")
    assert f"Shared/{OWNER}/INBOX" in str(user.ok('LSUB "" *'))
    user.ok(f"UNSUBSCRIBE Shared/{OWNER.upper()}/inbox")
    assert "Shared" not in str(user.ok('LSUB "" *'))


def test_copy_of_what_is_there_already(store: Store, user: Speaker) -> None:
    """Duplicates are legal in IMAP, also in a shared mailbox."""
    grants.grant(store.database, address(OWNER), None, address(USER), "lri")
    user.append("INBOX")
    user.ok("SELECT INBOX")
    for _ in range(2):
        assert user.say(f"COPY 1 Shared/{OWNER}/Archive")[1].startswith("OK [COPYUID")
    assert user.ok(f"STATUS Shared/{OWNER}/Archive (MESSAGES)") == [f'* STATUS "Shared/{OWNER}/Archive" (MESSAGES 2)']


# Pure


def test_entries_add_up_and_the_folders_own_goes_first() -> None:
    def entry(folder_id: int, grantee: str, rights: str) -> Grant:
        return Grant(1, "a@b", folder_id, grantee, rights)

    whole, own, group = entry(0, "u1", "lr"), entry(7, "u1", ""), entry(0, "gx", "s")
    assert held([whole, own, group], 7) == held([own, group, whole], 7) == "s"
    assert held([whole, own, group], 8) == held([whole, own, group], 0) == "lrs"
    assert held([], 7) == ""


def test_letters_in_order() -> None:
    assert union("tsr", "l", "s") == "lrst"
