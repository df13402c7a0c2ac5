# SPDX-License-Identifier: MIT
"""QUOTA: the examples of RFC 9208 and of RFC 2087, and what is no quota command. What the store counts is tested there."""

import pytest

from imapd import errors
from imapd.mail.quota import Limits, Root
from tests.commands.fake_mail import Account, Client, Mailbox

ALICE = Root("#user/alice", 54 << 10, 111 << 10, 42, 1000)


class Quotas:
    """Roots by name; each of `mailboxes` lies below some of them."""

    def __init__(self, *roots, mailboxes=None):
        self.roots = {root.name: root for root in roots}
        self.mailboxes = mailboxes or {}
        self.calls = []
        self.fails = None

    def root(self, name):
        if name not in self.roots:
            raise errors.NotFound("No such quota root.")
        return self.roots[name]

    def of_mailbox(self, name):
        if name not in self.mailboxes:
            raise errors.NotFound
        return [self.roots[root] for root in self.mailboxes[name]]

    def set(self, name, limits):
        if self.fails:
            raise self.fails
        self.calls.append((name, limits))
        was = self.root(name)
        return Root(name, was.storage_used, limits.storage, was.messages_used, limits.messages, 3, limits.folders)

    def crossed(self, key):
        return self.roots.get(key)


def client(*roots, **mailboxes):
    made = Client(Account())
    made.account.quotas = Quotas(*roots, mailboxes=mailboxes)
    return made


def test_getquota():
    # RFC 2087, section 4.2, and RFC 9208
    assert client(Root("", 10 << 10, 512 << 10)).do('GETQUOTA ""') == (
        ['* QUOTA "" (STORAGE 10 512)'], "OK GETQUOTA completed.",
    )  # fmt: skip
    # RFC 9208
    assert client(ALICE).do('GETQUOTA "#user/alice"')[0] == ['* QUOTA "#user/alice" (STORAGE 54 111 MESSAGE 42 1000)']


def test_getquotaroot():
    # RFC 2087, section 4.3
    assert client(Root("", 10 << 10, 512 << 10), INBOX=[""]).do("GETQUOTAROOT INBOX")[0] == [
        '* QUOTAROOT "INBOX" ""', '* QUOTA "" (STORAGE 10 512)',
    ]  # fmt: skip
    # RFC 9208
    partition = Root("!partition/sda4", 104 << 10, 10923847 << 10)
    both = client(Root("#user/alice", messages_used=42, message_limit=1000), partition, INBOX=["#user/alice", "!partition/sda4"])
    assert both.do("GETQUOTAROOT inbox")[0] == [
        '* QUOTAROOT "INBOX" "#user/alice" "!partition/sda4"',
        '* QUOTA "#user/alice" (MESSAGE 42 1000)',
        '* QUOTA "!partition/sda4" (STORAGE 104 10923847)',
    ]


def test_setquota():
    # RFC 9208
    some = client(Root("#user/alice", 58 << 10, 111 << 10, 42, 1000))
    assert some.do('SETQUOTA "#user/alice" (STORAGE 510)')[0] == ['* QUOTA "#user/alice" (STORAGE 58 510)']
    assert some.account.quotas.calls == [("#user/alice", Limits(storage=510 << 10))]
    assert some.do("SETQUOTA #user/alice (MESSAGE 7 mailbox 9)")[0] == ['* QUOTA "#user/alice" (MESSAGE 42 7 MAILBOX 3 9)']
    assert some.do("SETQUOTA #user/alice ()")[0] == ['* QUOTA "#user/alice" ()']
    assert some.account.quotas.calls[-1] == ("#user/alice", Limits())


def test_the_reply_of_the_specification():
    found = Root("example.com", 512000 << 10, 1048576 << 10, 1500, 10000)
    assert client(found).do("GETQUOTA example.com")[0] == [
        '* QUOTA "example.com" (STORAGE 512000 1048576 MESSAGE 1500 10000)'
    ]


def test_what_is_used_is_rounded_up():
    assert client(Root("a", 1, 1025)).do("GETQUOTA a")[0] == ['* QUOTA "a" (STORAGE 1 2)']
    assert client(Root("a", 0, 0, 0, 0)).do("GETQUOTA a")[0] == ['* QUOTA "a" (STORAGE 0 0 MESSAGE 0 0)']


def test_a_root_without_limits_has_an_empty_list():
    assert client(Root("a", 1 << 20)).do("GETQUOTA a")[0] == ['* QUOTA "a" ()']


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("GETQUOTA nobody", "NO [NONEXISTENT] No such quota root."),
        ("GETQUOTAROOT nowhere", "NO [NONEXISTENT] No such mailbox."),
        ("SETQUOTA nobody (STORAGE 1)", "NO [NONEXISTENT] No such quota root."),
        ("SETQUOTA #user/alice (ANNOTATION-STORAGE 10)", "NO [CANNOT] This server knows no such resource."),
    ],
)
def test_refused(command, answer):
    assert client(ALICE).do(command) == ([], answer)


def test_who_does_not_administer_the_domain_sets_nothing():
    some = client(ALICE)
    some.account.quotas.fails = errors.NoPermission()
    assert some.do("SETQUOTA #user/alice (STORAGE 1)")[1].startswith("NO [NOPERM] ")


@pytest.mark.parametrize(
    "command",
    [
        "GETQUOTA", "GETQUOTA ", "GETQUOTA a b", "GETQUOTAROOT", "GETQUOTAROOT INBOX x", "SETQUOTA", "SETQUOTA a",
        "SETQUOTA a STORAGE 1", "SETQUOTA a (STORAGE)", "SETQUOTA a (STORAGE x)", "SETQUOTA a (STORAGE -1)",
        "SETQUOTA a (STORAGE 9223372036854775808)", "SETQUOTA a (STORAGE 1", "SETQUOTA a (STORAGE 1) x",
    ],
)  # fmt: skip
def test_bad(command):
    assert client(ALICE).do(command)[1].startswith("BAD ")


def test_status_tells_what_an_expunge_would_free():
    # RFC 9208
    assert Client().do("STATUS INBOX (MESSAGES DELETED DELETED-STORAGE)")[0] == [
        '* STATUS "INBOX" (MESSAGES 231 DELETED 3 DELETED-STORAGE 777)'
    ]


@pytest.mark.parametrize(
    ("warned", "used", "line"),
    [
        (0, 10, None),
        (80, 87, "* NO [ALERT] 87 % of the quota example.com is used."),
        (95, 99, "* NO [ALERT] 99 % of the quota example.com is used."),
        (100, 100, "* OK [OVERQUOTA] The quota example.com is used up."),
        (100, 98, "* OK [OVERQUOTA] The quota example.com is used up."),  # a message found no room
    ],
)
def test_select_warns(warned, used, line):
    some = client(Root("example.com", used, 100, warned=warned), INBOX=["example.com"])
    some.account.mailboxes["INBOX"] = Mailbox("INBOX")
    some.account.mailboxes["INBOX"].quota_warned = warned
    told = [each for each in some.do("SELECT INBOX")[0] if "quota" in each]
    assert told == ([line] if line else [])


def test_a_crossing_is_told_with_the_next_answer_and_once():
    some = client(Root("m7", 96, 100))
    some.session.connection.wake = lambda: None
    some.session.alert("m7", 95)
    some.session.alert("gone", 95)
    assert some.do("NOOP")[0] == ["* NO [ALERT] 95 % of the quota m7 is used."]
    assert some.do("NOOP")[0] == []
