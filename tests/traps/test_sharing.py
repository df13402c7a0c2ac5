# SPDX-License-Identifier: MIT
"""Traps of addresses and of sharing."""

import pytest

from imapd.errors import Cannot
from imapd.mail.rights import ALL
from imapd.storage import provision
from imapd.storage.addresses import address
from tests.running.organization import Organization
from tests.running.server import Demo

MESSAGE = b"Subject: hello\r\n\r\nbody\r\n"


def test_the_login_by_an_alias_opens_no_empty_mailbox(server: Demo, organization: Organization) -> None:
    alice = organization.person("alice", f"alice@{organization.work}")
    for alias, of in (
        (f"sales@{organization.home}", alice),
        (f"info@{organization.work}", f"alice@{organization.work}"),
    ):
        provision.add_alias(organization.database, address(alias), address(of))
    with server.client(alice) as client:
        client.append("INBOX", MESSAGE)
        client.append(f"{organization.work}/INBOX", MESSAGE)
        expected = client.ok('LIST "" "*" RETURN (STATUS (MESSAGES UIDVALIDITY MAILBOXID))').untagged
    for name in (f"alice@{organization.work}", f"sales@{organization.home}", f"INFO@{organization.work}".upper()):
        with server.client(name) as client:
            assert client.ok('LIST "" "*" RETURN (STATUS (MESSAGES UIDVALIDITY MAILBOXID))').untagged == expected, name


def test_a_copy_into_a_shared_folder_that_holds_the_message_already(server: Demo, organization: Organization) -> None:
    """Duplicates are legal in IMAP: each copy is a message."""
    alice, desk = organization.person("alice"), organization.mailbox("desk")
    organization.grant(desk, alice, ALL)
    name = f"Shared/{desk}/INBOX"
    with server.client(alice) as client:
        client.append("INBOX", MESSAGE)
        client.append(name, MESSAGE)
        client.ok("SELECT INBOX")
        assert client.ok(f"COPY 1 {name}").code.endswith(b" 1 2")
        assert client.ok(f"COPY 1 {name}").code.endswith(b" 1 3")
        client.ok(f"SELECT {name}")
        assert client.ok(f"UID COPY 1:3 {name}").code.endswith(b" 1:3 4:6")
        assert client.ok(f"UID MOVE 1:3 {name}").untagged[0].startswith(b"OK [COPYUID")
        assert client.ok(f"STATUS {name} (MESSAGES UIDNEXT)").untagged == [
            b'STATUS "%s" (MESSAGES 6 UIDNEXT 10)' % name.encode()
        ]


def test_rename_takes_the_children_along(server: Demo, organization: Organization) -> None:
    """Also where the parent is no mailbox, in a shared mailbox, and with their mail, rights and identity."""
    alice, bob = organization.person("alice"), organization.person("bob")
    organization.grant(alice, bob, ALL)
    with server.client(alice) as owner, server.client(bob) as other:
        for name in ("Work", "Work/2024/May", "Work/2024/June", "Workshop"):
            owner.ok(f"CREATE {name}")
            owner.append(name, MESSAGE)
        owner.ok(f"SETACL Work/2024/May {bob} lr")
        ask = 'LIST "" "%s/*" RETURN (STATUS (MESSAGES UIDVALIDITY MAILBOXID))'
        before = owner.ok(ask % "Work").untagged
        owner.ok("RENAME Work Play")
        assert owner.ok(ask % "Play").untagged == [line.replace(b'"Work', b'"Play') for line in before]
        assert owner.ok('LIST "" Work*').untagged == [b'LIST (\\HasNoChildren) "/" "Workshop"']
        assert other.ok(f"MYRIGHTS Shared/{alice}/Play/2024/May").untagged[0].endswith(b" lr")
        other.ok(f"RENAME Shared/{alice}/Play Shared/{alice}/Deep/Down")
        owner.ok("RENAME Deep/Down/2024 2024")  # which was no mailbox
        names = {line.rpartition(b" ")[2] for line in owner.ok('LIST "" ("Deep*" "2024*" "Play*")').untagged}
        assert names == {b'"Deep"', b'"Deep/Down"', b'"2024"', b'"2024/May"', b'"2024/June"'}


def test_the_parents_of_what_is_shared_are_never_selectable(server: Demo, organization: Organization) -> None:
    alice, bob = organization.person("alice"), organization.person("bob")
    organization.grant(alice, bob, "lr", "INBOX")
    with server.client(bob) as client:
        for parent in ("Shared", f"Shared/{alice}"):
            assert client.ok(f'LIST "" "{parent}"').untagged == [
                b'LIST (\\Noselect \\HasChildren) "/" "%s"' % parent.encode()
            ]
            extended = client.ok(f'LIST "" "{parent}" RETURN (CHILDREN STATUS (MESSAGES) MYRIGHTS)').untagged
            assert extended == [b'LIST (\\NonExistent \\HasChildren) "/" "%s"' % parent.encode()]
            for command in (
                f'SELECT "{parent}"',
                f'EXAMINE "{parent}"',
                f'STATUS "{parent}" (MESSAGES)',
                f'SELECT "{parent}/"',
            ):
                assert client.command(command).code == b"NONEXISTENT", command
            assert client.command(f'CREATE "{parent}"').status == "NO"
            assert client.command(f'DELETE "{parent}"').status == "NO"
            assert client.command(f'RENAME "{parent}" Mine').status == "NO"
            assert client.command(f'SUBSCRIBE "{parent}"').status == "NO"
        organization.database.execute(
            "DELETE FROM shared_mailbox_access WHERE grantee = 'u' || %s", (_user(organization, bob),)
        )
        assert client.ok('LIST "" "Shared*"').untagged == [], "and without what is below them they are not there"


def _user(organization: Organization, of: str) -> int:
    local_part, _, domain = of.partition("@")
    row = organization.database.row(
        "SELECT user_id FROM mailboxes JOIN domains USING (domain_id) WHERE local_part = %s AND name = %s",
        (local_part, domain),
    )
    assert row
    return int(row[0])


@pytest.mark.parametrize("mode", ["domain_separated", "unified"])
def test_a_shared_sent_does_not_pass_for_one_s_own(server: Demo, organization: Organization, mode: str) -> None:
    alice, bob = organization.person("alice"), organization.person("bob", mode=mode)
    organization.grant(alice, bob, ALL)
    with server.client(bob) as client:
        for command in (
            'LIST "" "*"', 'LIST "" "Shared/*"', 'LIST "" "*" RETURN (SPECIAL-USE)', 'LIST (SPECIAL-USE) "" "*"',
            'LIST (SPECIAL-USE) "" "Shared/*"', 'LSUB "" "*"',
        ):  # fmt: skip
            of_shared = [line for line in client.ok(command).untagged if b"Shared/" in line]
            uses = [
                line
                for line in of_shared
                if any(use in line for use in (b"\\Sent", b"\\Trash", b"\\Drafts", b"\\Junk"))
            ]
            assert not uses, command
        told = client.ok(f'GETMETADATA "Shared/{alice}/Sent" /private/specialuse').untagged
        assert told == [f'METADATA "Shared/{alice}/Sent" (/private/specialuse NIL)'.encode()]
        own = client.ok('LIST (SPECIAL-USE) "" %').untagged
        assert sum(b"\\Sent" in line for line in own) == 1


def test_nothing_is_shared_with_anyone_unless_it_is_wanted(server: Demo, organization: Organization) -> None:
    """With everybody: only where the organisation wants it. With those of its other domains: only where it wants that, too.
    With those of other organisations: never."""
    database = organization.database
    alice = organization.person("alice")
    at_home = organization.person("bob")
    at_work = organization.person("carol", domain=organization.work)
    provision.set_organization(database, organization.name, share_across_domains=False)
    elsewhere = Organization(database).person("dave")
    name = f"Shared/{alice}/INBOX"

    def readers() -> list[str]:
        found = []
        for who in (at_home, at_work, elsewhere):
            with server.client(who) as client:
                if client.command(f"SELECT {name}").status == "OK":
                    found.append(who)
        return found

    with server.client(alice) as owner:
        assert owner.command("SETACL INBOX anyone lr").code == b"CANNOT"
        with pytest.raises(Cannot):
            organization.grant(alice, None, "lr")
        provision.set_organization(database, organization.name, share_with_anyone=True)
        assert readers() == []
        owner.ok("SETACL INBOX anyone lr")
        assert readers() == [at_home]
        provision.set_organization(database, organization.name, share_across_domains=True)
        assert readers() == [at_home, at_work]
        provision.set_organization(database, organization.name, share_with_anyone=False)
        assert readers() == []


def test_subscriptions_are_not_shared_between_users(server: Demo, organization: Organization) -> None:
    alice, bob, carol = (organization.person(name) for name in ("alice", "bob", "carol"))
    for reader in (bob, carol):
        organization.grant(alice, reader, "lrswikxtea")
    name = f"Shared/{alice}/Project"
    with server.client(alice) as owner, server.client(bob) as first, server.client(carol) as second:
        owner.ok("CREATE Project")
        before = owner.ok('LSUB "" "*"').untagged, second.ok('LSUB "" "*"').untagged
        first.ok(f"SUBSCRIBE {name}")
        assert any(name.encode() in line for line in first.ok('LSUB "" "*"').untagged)
        assert (owner.ok('LSUB "" "*"').untagged, second.ok('LSUB "" "*"').untagged) == before
        owner.ok("SUBSCRIBE Project")
        second.ok(f"SUBSCRIBE {name}")
        first.ok(f"UNSUBSCRIBE {name}")
        assert not first.ok(f'LSUB "" "{name}"').untagged
        assert owner.ok('LSUB "" Project').untagged and second.ok(f'LSUB "" "{name}"').untagged
