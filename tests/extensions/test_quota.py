# SPDX-License-Identifier: MIT
"""QUOTA: the examples of RFC 9208 and of RFC 2087, and what is no quota command. What the store counts is tested there."""

from dataclasses import replace

import pytest

from imapd import errors
from imapd.mail.quota import Limits, Root
from tests.commands import fake_mail
from tests.commands.fake_mail import Account, Client, Mailbox

ALICE = Root("#user/alice", 54 << 10, 111 << 10, 42, 1000)


class Quotas:
    """Roots by name; each of `mailboxes` lies below some of them."""

    def __init__(self, *roots, mailboxes=None):
        self.roots = {root.name: root for root in roots}
        self.mailboxes = mailboxes or {}
        self.calls = []
        self.fails = None
        self.fixed = set()

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
        if name in self.fixed:
            raise errors.NoPermission
        self.calls.append((name, limits))
        was = self.root(name)
        return Root(name, was.storage_used, limits.storage, was.messages_used, limits.messages, 3, limits.folders)

    def crossed(self, key):
        return self.roots.get(key)


def client(*roots, **mailboxes):
    made = Client(Account())
    made.account.quotas = Quotas(*roots, mailboxes=mailboxes)
    return made


PARTITION = Root("!partition/sda4", 104 << 10, 10923847 << 10)

# Section of RFC 9208; the roots that are there and those of INBOX; what the client says, and what the server does. Where
# the text after the status is our own, the RFC leaves it to us.
EXAMPLES = [
    pytest.param(
        [PARTITION], [], 'GETQUOTA "!partition/sda4"',
        ['* QUOTA "!partition/sda4" (STORAGE 104 10923847)'], "OK GETQUOTA completed.",
        id="4.1.1 GETQUOTA",
    ),
    pytest.param(
        [Root("#user/alice", messages_used=42, message_limit=1000), PARTITION], ["#user/alice", "!partition/sda4"],
        "GETQUOTAROOT INBOX",
        ['* QUOTAROOT "INBOX" "#user/alice" "!partition/sda4"', '* QUOTA "#user/alice" (MESSAGE 42 1000)',
         '* QUOTA "!partition/sda4" (STORAGE 104 10923847)'], "OK GETQUOTAROOT completed.",
        id="4.1.2 GETQUOTAROOT",
    ),
    pytest.param(
        [ALICE], [], 'GETQUOTA "#user/alice"',
        ['* QUOTA "#user/alice" (STORAGE 54 111 MESSAGE 42 1000)'], "OK GETQUOTA completed.",
        id="4.1.3 before SETQUOTA",
    ),
    pytest.param(
        [Root("#user/alice", 58 << 10, 111 << 10, 42, 1000)], [], 'SETQUOTA "#user/alice" (STORAGE 510)',
        ['* QUOTA "#user/alice" (STORAGE 58 510)'], "OK SETQUOTA completed.",  # ours does not round
        id="4.1.3 SETQUOTA discards the limits that it does not name",
    ),
    pytest.param(
        [PARTITION], [], 'SETQUOTA "!partition/sda4" (STORAGE 99999999)',
        [], "NO [NOPERM] You do not have the right to do that.",
        id="4.1.3 SETQUOTA of what cannot be changed",
    ),
    pytest.param(
        [], [], "STATUS INBOX (MESSAGES DELETED DELETED-STORAGE)",
        ['* STATUS "INBOX" (MESSAGES 12 DELETED 4 DELETED-STORAGE 8)'], "OK STATUS completed.",
        id="4.1.4 STATUS",
    ),
    pytest.param(
        [Root("", 10 << 10, 512 << 10)], [], 'GETQUOTA ""',
        ['* QUOTA "" (STORAGE 10 512)'], "OK GETQUOTA completed.",
        id="4.2.1 QUOTA; RFC 2087 4.2",
    ),
    pytest.param(
        [Root("", 10 << 10, 512 << 10)], [""], "GETQUOTAROOT INBOX",
        ['* QUOTAROOT "INBOX" ""', '* QUOTA "" (STORAGE 10 512)'], "OK GETQUOTAROOT completed.",
        id="4.2.2 QUOTAROOT of one root; RFC 2087 4.3",
    ),
    pytest.param(
        [], None, "GETQUOTAROOT comp.mail.mime",
        ['* QUOTAROOT "comp.mail.mime"'], "OK GETQUOTAROOT completed.",
        id="4.2.2 QUOTAROOT of no root",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("roots", "of_inbox", "said", "untagged", "tagged"), EXAMPLES)
def test_examples_of_rfc9208(monkeypatch, roots, of_inbox, said, untagged, tagged):
    """
    shows: RFC 9208 4.1.1
    shows: RFC 9208 4.1.2
    shows: RFC 9208 4.1.3
    shows: RFC 9208 4.1.4
    shows: RFC 9208 4.2.1
    shows: RFC 9208 4.2.2 1-2
    """
    monkeypatch.setattr(fake_mail, "NUMBERS", replace(fake_mail.NUMBERS, messages=12, deleted=4, deleted_size=8))
    some = client(*roots, **{"INBOX": of_inbox} if of_inbox is not None else {"comp.mail.mime": []})
    some.account.quotas.fixed = {"!partition/sda4"}
    assert some.do(said) == (untagged, tagged)


LETTER = (
    "Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)\r\n"
    "From: Fred Foobar <foobar@Blurdybloop.example>\r\n"
    "Subject: afternoon meeting\r\n"
    "To: mooch@owatagu.siam.edu.example\r\n"
    "Message-Id: <B27397-0100000@Blurdybloop.example>\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n"
    "\r\n"
    "Hello Joe, do you think we can meet at 3:30 tomorrow?\r\n"
)


def fail(*_):
    raise errors.OverQuota


def test_examples_of_rfc9208_4_3_1_overquota():
    """
    shows: RFC 9051 7.1 OVERQUOTA
    shows: RFC 9208 4.3.1 1-3
    """
    # Example 1: the message does not fit; a large one is refused before it is sent.
    some = client()
    said = f"A003 APPEND saved-messages (\\Seen) {{{len(LETTER)}}}\r\n"
    refused = "A003 NO [OVERQUOTA] The quota of this mailbox has no room for that."
    some.account.append = fail
    assert some.say(said, LETTER + "\r\n") == ["+ OK", refused]
    some.account.check_append = fail
    assert some.say(said) == [refused]
    # Examples 2 and 3: it fits, and a threshold is crossed, which is our soft quota. The RFC's untagged NO is an ALERT
    # here, and OK [OVERQUOTA] from 100 % on.
    some = client(Root("example.com", 96, 100)).selected(Mailbox("INBOX", uids=[303, 304, 319, 320]))
    some.session.connection.wake = lambda: None
    some.session.alert("example.com", 95)
    assert some.say(said, LETTER + "\r\n")[-2:] == [
        "* NO [ALERT] 95 % of the quota example.com is used.", "A003 OK [APPENDUID 38505 3955] APPEND completed.",
    ]  # fmt: skip
    some.session.alert("example.com", 100)
    assert some.say("A004 COPY 2:4 MEETING\r\n") == [
        "* OK [OVERQUOTA] The quota example.com is used up.",
        "A004 OK [COPYUID 38505 304,319:320 3956:3958] COPY completed.",
    ]


def test_overquota_is_not_said_where_no_mailbox_is_selected():
    # RFC 9208, section 4.3.1: "MUST NOT be returned if there is no mailbox selected and no command in progress …"
    some = client(Root("example.com", 100, 100))
    some.session.connection.wake = lambda: None
    some.session.alert("example.com", 100)
    assert some.do("NOOP")[0] == ["* NO [ALERT] The quota example.com is used up."]


def test_setquota():
    some = client(Root("#user/alice", 58 << 10, 111 << 10, 42, 1000))
    some.do('SETQUOTA "#user/alice" (STORAGE 510)')
    assert some.account.quotas.calls == [("#user/alice", Limits(storage=510 << 10))]
    assert some.do("SETQUOTA #user/alice (MESSAGE 7 mailbox 9)")[0] == [
        '* QUOTA "#user/alice" (MESSAGE 42 7 MAILBOX 3 9)'
    ]
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
