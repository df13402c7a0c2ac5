# SPDX-License-Identifier: MIT
"""NOTIFY on a real store: what each change is told as, whose rights it follows, and how many statements it costs."""

import pytest

from imapd import errors
from imapd.extensions import notify
from imapd.mail import notifications
from imapd.protocol import dispatch
from imapd.storage import accounts, grants, provision
from imapd.storage.addresses import address
from imapd.storage.grants import UNLIMITED
from tests.running.speaker import Speaker
from tests.running.store import Store

OWNER = "colleague@example.com"
USER = "user@example.com"
SHARED = f"Shared/{OWNER}"
MESSAGES = "(MessageNew MessageExpunge)"


class Listener(Speaker):
    """Has said NOTIFY, and hears what happens between its commands."""

    def __init__(self, store: Store, notify: str, node: object = None, user: str = USER):
        super().__init__(store, user, node)
        self.first = self.ok(f"NOTIFY {notify}")
        self.hears()

    def hears(self) -> list[str]:
        """What is told before the session waits."""
        self.connection.sent.clear()
        self.connection.pieces = []
        dispatch.serve(self.session)
        return b"".join(self.connection.sent).decode().split("\r\n")[:-1]

    def cost(self) -> int:
        """The statements that telling takes."""
        before = self.store.database.statements
        self.hears()
        return self.store.database.statements - before


@pytest.fixture
def node(store: Store) -> object:
    return store.node()


@pytest.fixture
def other(store: Store, node: object) -> Speaker:
    """Another session of the same user, on the same worker."""
    return Speaker(store, USER, node)


def status(name: str, messages: int) -> str:
    """How it begins where nothing was ever removed."""
    return f'* STATUS "{name}" (MESSAGES {messages} UIDNEXT {messages + 1} UIDVALIDITY '


def folders(other: Speaker, number: int) -> None:
    """Many of them, without a command for each."""
    other.store.database.execute(
        "SELECT create_folder(m.organization_id, m.mailbox_id, 'f' || n, NULL, 1000000)"
        "  FROM mailboxes m JOIN domains d USING (domain_id), generate_series(1, %s) n"
        " WHERE m.local_part = 'user' AND d.name = 'example.com'",
        (number,),
    )


@pytest.mark.parametrize("number", [10, 1000])
def test_statements_do_not_grow_with_the_folders(store: Store, node: object, other: Speaker, number: int) -> None:
    folders(other, number)
    before = store.database.statements
    listener = Speaker(store, USER, node)
    login = store.database.statements - before
    told = listener.ok(f"NOTIFY SET STATUS (personal {MESSAGES})")
    assert store.database.statements - before - login == 2
    assert len(told) > 2 * number, "each folder has two names"
    watching = Listener(store, "SET (subscribed (MailboxName)) (subtree f1 (MailboxName))", node)
    quiet = Listener(store, f"SET (personal {MESSAGES})", node)
    assert quiet.cost() == 0
    other.append("f1")
    other.append("f2")
    other.append("f2")
    assert quiet.cost() == 1 and quiet.cost() == 0
    assert watching.cost() == 0, "it has not asked for messages"
    other.ok("CREATE f1/new")
    assert watching.cost() == 3 and quiet.cost() == 2 and quiet.cost() == 0


def test_what_comes_and_goes_elsewhere(store: Store, node: object, other: Speaker) -> None:
    listener = Listener(store, f"SET STATUS (mailboxes (Sent Archive) {MESSAGES})", node)
    assert [line.rpartition(" ")[0] + " " for line in listener.first] == [status("Archive", 0), status("Sent", 0)]
    other.append("Sent")
    other.append("INBOX")
    assert [line.startswith(status("Sent", 1)) for line in listener.hears()] == [True]
    other.ok("SELECT Sent")
    other.ok("STORE 1 +FLAGS (\\Deleted)")
    assert listener.hears() == [], "it has not asked for flags"
    other.ok("EXPUNGE")
    assert [line.startswith('* STATUS "Sent" (MESSAGES 0 UIDNEXT 2') for line in listener.hears()] == [True]
    listener.ok("SELECT Sent")
    other.append("Sent")
    assert listener.hears() == [], "nothing was asked of the selected mailbox"
    listener.ok("UNSELECT")
    other.append("Sent")
    assert [line.startswith('* STATUS "Sent" (MESSAGES 2 UIDNEXT 4') for line in listener.hears()] == [True]


def test_flags_are_told_with_what_a_cache_needs(store: Store, node: object, other: Speaker) -> None:
    other.append("Sent")
    listener = Listener(store, "SET STATUS (mailboxes Sent (MessageNew MessageExpunge FlagChange))", node)
    assert "UNSEEN 1 HIGHESTMODSEQ 2)" in listener.first[0]
    other.ok("SELECT Sent")
    other.ok("STORE 1 +FLAGS (\\Seen)")
    assert ["UNSEEN 0 HIGHESTMODSEQ 3)" in line for line in listener.hears()] == [True]
    plain = Listener(store, f"SET STATUS (mailboxes Sent {MESSAGES})", node)
    assert "HIGHESTMODSEQ" not in plain.first[0]
    plain.ok("ENABLE CONDSTORE")
    other.append("Sent")
    assert ["HIGHESTMODSEQ 4)" in line for line in plain.hears()] == [True]


def test_what_a_client_does_itself_it_is_not_told(store: Store, node: object, other: Speaker) -> None:
    listener = Listener(store, "SET (personal (MessageNew MessageExpunge FlagChange))", node)
    listener.append("Sent")
    assert listener.hears() == []
    listener.ok("SELECT Sent")
    for command in ("COPY 1 Archive", "STORE 1 +FLAGS (\\Flagged)", "UID COPY 1:* company.org/Archive"):
        listener.ok(command)
        assert listener.hears() == []
    other.append("Archive")
    assert [line.split('"')[1] for line in listener.hears() if "MESSAGES 2" in line] == ["Archive", "example.com/Archive"]


def test_what_others_do_at_the_same_time_is_told(store: Store, node: object, other: Speaker) -> None:
    listener = Listener(store, f"SET (mailboxes Sent {MESSAGES})", node)
    listener.append("Sent")
    other.append("Sent")
    assert len(listener.hears()) == 1
    account = listener.session.account
    account.notifications.own_changes[account.find("Sent").folders[0].group_id] += 1
    other.append("Sent")
    other.append("Sent")
    assert [line.startswith(status("Sent", 4)) for line in listener.hears()] == [True]


def test_the_first_group_that_a_mailbox_is_in_counts(store: Store, node: object, other: Speaker) -> None:
    listener = Listener(store, f"SET (mailboxes Sent NONE) (inboxes (MailboxName)) (personal {MESSAGES})", node)
    for name in ("Sent", "INBOX", "Archive"):
        other.append(name)
    told = listener.hears()
    assert [line.split('"')[1] for line in told] == ["Archive", "example.com/Archive", "example.com/Sent"]


def test_mail_of_another_domain_is_no_news_of_this_one(store: Store, node: object, other: Speaker) -> None:
    listener = Listener(store, f"SET (mailboxes INBOX {MESSAGES})", node)
    other.append("company.org/INBOX")
    assert listener.hears() == []
    other.append("INBOX")
    assert [line.startswith('* STATUS "INBOX" (MESSAGES 1 UIDNEXT 3') for line in listener.hears()] == [True]


def test_what_is_merged_is_told_as_one(store: Store, node: object) -> None:
    first = Speaker(store, USER, node)
    first.ok('SETMETADATA "" (/private/vendor/imapd/namespace-mode "unified")')
    listener = Listener(store, "SET STATUS (personal (MessageNew MessageExpunge MailboxName))", node)
    other = Speaker(store, USER, node)
    assert all("/" not in line.split('"')[1] for line in listener.first)
    other.append("INBOX")
    other.append("company.org/INBOX")
    assert [line.startswith(status("INBOX", 2)) for line in listener.hears()] == [True]
    other.ok("CREATE Both")
    assert listener.hears() == ['* LIST (\\HasNoChildren) "/" "Both"']
    other.ok("CREATE company.org/Both")
    assert listener.hears() == [], "it is there already"
    other.ok("RENAME Both All")
    assert listener.hears() == ['* LIST (\\HasNoChildren) "/" "All" ("OLDNAME" ("Both"))']
    other.ok("DELETE All")
    assert listener.hears() == ['* LIST (\\NonExistent) "/" "All"']


def test_what_others_share_is_watched_as_long_as_it_may_be_read(store: Store, node: object) -> None:
    owner = Speaker(store, OWNER, node)
    owner.ok("CREATE Secret")
    listener = Listener(store, "SET STATUS (subtree Shared (MessageNew MessageExpunge MailboxName))", node)
    assert [line.startswith(status(f"{SHARED}/INBOX", 0)) for line in listener.first] == [True]
    owner.append("Secret")
    assert listener.hears() == []
    owner.append("INBOX")
    assert [line.startswith(status(f"{SHARED}/INBOX", 1)) for line in listener.hears()] == [True]
    grants.grant(store.database, address(OWNER), "INBOX", address(USER), "l")
    owner.append("INBOX")
    assert listener.hears() == [f'* LIST (\\NoAccess \\Noselect \\HasNoChildren) "/" "{SHARED}/INBOX"']
    owner.append("INBOX")
    assert listener.hears() == []
    again = Listener(store, f"SET STATUS (mailboxes {SHARED}/INBOX {MESSAGES})", node)
    assert again.first == [f'* LIST (\\NoAccess \\Noselect \\HasNoChildren) "/" "{SHARED}/INBOX"']
    grants.grant(store.database, address(OWNER), "INBOX", address(USER), "lr")
    grants.grant(store.database, address(OWNER), "Secret", address(USER), "lr")
    listener.session.account.notifications.look_everywhere()
    told = listener.hears()
    assert told[:2] == [f'* LIST (\\HasNoChildren) "/" "{SHARED}/{name}"' for name in ("INBOX", "Secret")]
    assert [line.split('"')[1] for line in told[2:]] == [f"{SHARED}/INBOX", f"{SHARED}/Secret"]
    store.database.execute("DELETE FROM shared_mailbox_access")
    owner.append("Secret")
    assert listener.hears() == [f'* LIST (\\NonExistent) "/" "{SHARED}/{name}"' for name in ("INBOX", "Secret")]
    owner.append("Secret")
    assert listener.hears() == []


def test_a_mailbox_that_the_operator_adds_is_watched_from_then_on(store: Store, node: object) -> None:
    listener = Listener(store, "SET (inboxes (MessageNew MessageExpunge MailboxName))", node)
    account = listener.session.account
    same = accounts.user(store.database, account.organization_id, account.user_id)
    assert same and account.rearrange(same) and listener.cost() == 0
    provision.add_domain(store.database, "Example", "third.example")
    provision.add_mailbox(store.database, address("user@third.example"), address(USER), UNLIMITED)
    more = accounts.user(store.database, account.organization_id, account.user_id)
    assert more and account.rearrange(more)
    assert listener.hears() == ['* LIST (\\HasNoChildren \\Subscribed) "/" "third.example/INBOX"']
    Speaker(store, USER, node).append("third.example/INBOX")
    assert [line.split('"')[1] for line in listener.hears()] == ["third.example/INBOX"]


def test_a_store_that_is_away_is_asked_again_for_the_same(
    store: Store, node: object, other: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = Listener(store, "SET (personal (MessageNew MessageExpunge MailboxName MailboxMetadataChange))", node)

    def away(*_: object, **__: object) -> None:
        raise errors.Unavailable

    for change, place in (
        (lambda: other.append("Sent"), "imapd.storage.folders.visible_of_groups"),
        (lambda: other.ok("CREATE New"), "imapd.storage.folders.visible"),
        (lambda: other.ok('SETMETADATA New (/shared/comment "x")'), "imapd.storage.metadata.digests"),
    ):
        change()
        with monkeypatch.context() as broken:
            broken.setattr(place, away)
            assert listener.hears() == [] and listener.connection.patience[-1] is not None
        assert len(listener.hears()) == 2, place
        assert listener.connection.patience[-1] is None


def test_more_mailboxes_than_can_be_watched(
    store: Store, node: object, other: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "MOST_WATCHED", 30)
    listener = Listener(store, f"SET (personal {MESSAGES})", node)
    other.append("Sent")
    assert len(listener.hears()) == 2
    folders(other, 20)
    other.ok("CREATE One")
    assert [line.startswith("* OK [NOTIFICATIONOVERFLOW]") for line in listener.hears()] == [True]
    other.append("Sent")
    assert listener.hears() == [] and listener.cost() == 0
    listener.no(f"NOTIFY SET (personal {MESSAGES})", "LIMIT")
    listener.ok(f"NOTIFY SET (mailboxes Sent {MESSAGES})")
    other.append("Sent")
    assert len(listener.hears()) == 1
    names = " ".join(f"f{n}" for n in range(notify.MOST_NAMES + 1))
    listener.no(f"NOTIFY SET (mailboxes ({names}) {MESSAGES})", "LIMIT")
    other.append("Sent")
    assert len(listener.hears()) == 1, "what was refused changes nothing"


def test_nothing_is_watched_any_more_after_the_end(store: Store, node: object) -> None:
    watches = node.wakeups.watches  # type: ignore[attr-defined]
    listener = Listener(store, f"SET (subtree Shared {MESSAGES}) (personal {MESSAGES})", node)
    assert len(watches) == 2, "one for each owner"
    listener.ok(f"NOTIFY SET (personal {MESSAGES})")
    assert len(watches) == 1
    listener.ok("UNAUTHENTICATE")
    assert len(watches) == 0 and listener.session.notify is None
    listener.session.log_in(store.account(node, USER))
    listener.ok(f"NOTIFY SET (personal {MESSAGES})")
    listener.session._end()
    assert len(watches) == 0


def test_new_messages_are_told_with_what_was_asked_for_but_not_one_s_own(
    store: Store, node: object, other: Speaker
) -> None:
    listener = Listener(store, "NONE", node)
    listener.ok("SELECT INBOX")
    listener.ok("NOTIFY SET (selected (MessageNew (FLAGS RFC822.SIZE) MessageExpunge))")
    other.append("INBOX", "other", "(\\Seen)")
    assert listener.hears() == ["* 1 EXISTS", "* 1 RECENT", "* 1 FETCH (FLAGS (\\Recent \\Seen) RFC822.SIZE 25)"]
    assert [line for line in listener.append("INBOX")[0] if "FETCH" in line] == []
    listener.ok("UNSELECT")
    listener.ok("ENABLE QRESYNC")
    listener.ok("SELECT INBOX")
    other.append("INBOX")
    assert listener.hears()[-1].endswith("FETCH (UID 3 FLAGS (\\Recent) RFC822.SIZE 23 MODSEQ (4))")
    other.ok("SELECT INBOX")
    other.ok("STORE 1 +FLAGS (\\Deleted)")
    assert listener.hears() == [], "FlagChange was not asked for"
    other.ok("EXPUNGE")
    assert listener.hears() == ["* VANISHED 1"]


def test_of_a_selected_mailbox_that_is_not_watched_only_one_s_own_deeds_are_told(
    store: Store, node: object, other: Speaker
) -> None:
    for _ in range(3):
        other.append("INBOX")
    listener = Speaker(store, USER, node)
    listener.ok("SELECT INBOX")
    listener.ok("NOTIFY SET (personal (MailboxName))")
    other.append("INBOX")
    assert listener.ok("NOOP") == []
    assert listener.ok("FETCH 1:* UID") == [f"* {n} FETCH (UID {n})" for n in (1, 2, 3)]
    told = listener.ok("STORE 1 +FLAGS (\\Deleted)")
    assert "* 4 EXISTS" in told and told[-1].startswith("* 1 FETCH (FLAGS (")
    other.append("INBOX")
    assert listener.ok("EXPUNGE")[:2] == ["* 1 EXPUNGE", "* 4 EXISTS"]
