# SPDX-License-Identifier: MIT
"""ESEARCH (RFC 4731), SEARCHRES (RFC 5182), WITHIN (RFC 5032)."""

import time

import pytest

from imapd.mail.criteria import Arrived, Not, Sequence
from imapd.wire.sequence import SequenceSet
from tests.commands.fake_mail import Client, Mailbox


@pytest.fixture
def client():
    mailbox = Mailbox("INBOX", [10, 20, 30, 31, 32, 50])
    mailbox.found = [1, 2, 3, 5]
    return Client(mailboxes(mailbox)).selected(mailbox)


def mailboxes(mailbox):
    account = Client().account
    account.mailboxes = {"INBOX": mailbox, "other": Mailbox("other", [1])}
    return account


@pytest.mark.parametrize(
    ("options", "by_number", "by_uid"),
    [
        ("()", "ALL 2:4,6", "ALL 20,30:31,50"),
        ("(ALL)", "ALL 2:4,6", "ALL 20,30:31,50"),
        ("(MIN)", "MIN 2", "MIN 20"),
        ("(MAX)", "MAX 6", "MAX 50"),
        ("(COUNT)", "COUNT 4", "COUNT 4"),
        ("(min max count all)", "MIN 2 MAX 6 COUNT 4 ALL 2:4,6", "MIN 20 MAX 50 COUNT 4 ALL 20,30:31,50"),
        ("(MIN MIN)", "MIN 2", "MIN 20"),
    ],
)
def test_esearch(client, options, by_number, by_uid):
    assert client.do(f"SEARCH RETURN {options} ALL") == ([f'* ESEARCH (TAG "a1") {by_number}'], "OK SEARCH completed.")
    assert client.do(f"UID SEARCH RETURN {options} ALL")[0] == [f'* ESEARCH (TAG "a1") UID {by_uid}']


@pytest.mark.parametrize(
    ("options", "items"), [("()", ""), ("(MIN MAX)", ""), ("(COUNT)", " COUNT 0"), ("(ALL COUNT)", " COUNT 0")]
)
def test_nothing_found(client, options, items):
    client.session.selected.found = []
    assert client.do(f"SEARCH RETURN {options} 1000")[0] == [f'* ESEARCH (TAG "a1"){items}']
    assert client.do(f"UID SEARCH RETURN {options} 1000")[0] == [f'* ESEARCH (TAG "a1") UID{items}']


def test_the_tag_is_quoted(client):
    assert client.say("a\\b SEARCH RETURN (COUNT) ALL\r\n")[-1].split()[1] == "BAD"
    assert client.say("$.[x SEARCH RETURN (COUNT) ALL\r\n")[0] == '* ESEARCH (TAG "$.[x") COUNT 4'


@pytest.mark.parametrize("options", ["MIN", "(MIN", "(MIN  MAX)", "(NOSUCH)", "((MIN))", "(MIN) ", "(PARTIAL 1)"])
def test_bad(client, options):
    assert client.do(f"SEARCH RETURN {options}")[1].startswith("BAD ")


def test_charset_after_return(client):
    assert client.do("SEARCH RETURN (COUNT) CHARSET UTF-8 SUBJECT x")[0] == ['* ESEARCH (TAG "a1") COUNT 4']


def uids_of(client, set_="$"):
    """The messages that the set means, by what COPY copies."""
    client.do(f"UID COPY {set_} other")
    _, positions, _ = client.session.selected.calls[-1]
    uids = client.session.selected.view.uids
    return [uids[at] for span in positions for at in span]


@pytest.mark.parametrize(
    ("options", "saved", "told"),
    [
        ("(SAVE)", [20, 30, 31, 50], []),
        ("(SAVE MIN)", [20], ['* ESEARCH (TAG "a1") MIN 2']),
        ("(MAX SAVE)", [50], ['* ESEARCH (TAG "a1") MAX 6']),
        ("(SAVE MIN MAX)", [20, 50], ['* ESEARCH (TAG "a1") MIN 2 MAX 6']),
        ("(SAVE MIN COUNT)", [20, 30, 31, 50], ['* ESEARCH (TAG "a1") MIN 2 COUNT 4']),
        ("(SAVE ALL)", [20, 30, 31, 50], ['* ESEARCH (TAG "a1") ALL 2:4,6']),
        ("(SAVE COUNT)", [20, 30, 31, 50], ['* ESEARCH (TAG "a1") COUNT 4']),
    ],
)
def test_save(client, options, saved, told):
    assert client.do(f"SEARCH RETURN {options} ALL") == (told, "OK SEARCH completed.")
    assert uids_of(client) == saved


def test_saved_messages_by_number_and_uid(client):
    client.do("UID SEARCH RETURN (SAVE) ALL")
    assert client.do("STORE $ +FLAGS (\\Seen)")[0] == [f"* {n} FETCH (FLAGS (\\Seen))" for n in (2, 3, 4, 6)]
    assert client.do("UID STORE $ +FLAGS (\\Seen)")[0][0] == "* 2 FETCH (UID 20 FLAGS (\\Seen))"
    assert client.do("MOVE $ other")[0][0] == "* OK [COPYUID 38505 20,30:31,50 3956:3959] Moved."


def test_before_anything_is_saved(client):
    assert uids_of(client) == []
    assert client.do("STORE $ +FLAGS (\\Seen)") == ([], "OK STORE completed.")


def test_in_a_further_search(client):
    client.do("SEARCH RETURN (SAVE) ALL")
    client.do("SEARCH $ NOT UID $")
    _, criteria = client.session.selected.calls[-1]
    first, second = criteria.criteria
    assert first == Sequence(client.session.saved, by_uid=True)
    assert second == Not(Sequence(client.session.saved, by_uid=True))
    assert first.messages.positions([20, 30], by_uid=False) == [range(2)]


def test_expunged_messages_leave_the_result(client):
    client.do("SEARCH RETURN (SAVE) ALL")
    client.session.selected.told.expunged = [2]
    client.do("NOOP")
    assert uids_of(client) == [30, 31, 50]


@pytest.mark.parametrize(
    ("command", "saved"),
    [
        ("SEARCH RETURN (SAVE) CHARSET X-NOPE TEXT a", []),
        ("SEARCH RETURN (SAVE) " + "(" * 100, []),
        ("SEARCH CHARSET X-NOPE TEXT a", [20, 30, 31, 50]),
        ("SEARCH RETURN (SAVE) NOSUCH", [20, 30, 31, 50]),
        ("SEARCH RETURN (MIN) ALL", [20, 30, 31, 50]),
        ("SELECT nowhere", None),
        ("SELECT INBOX", []),
    ],
)
def test_what_becomes_of_the_result(client, command, saved):
    client.do("SEARCH RETURN (SAVE) ALL")
    client.do(command)
    if saved is not None:
        assert uids_of(client) == saved


@pytest.mark.parametrize("bad", ["$,1", "1,$", "$:1", "$$", "1:$"])
def test_bad_sets(client, bad):
    assert client.do(f"STORE {bad} FLAGS ()")[1].startswith("BAD ")
    assert client.do(f"SEARCH {bad}")[1].startswith("BAD ")


def test_unlike_saved_is_equal_by_what_it_holds():
    assert SequenceSet.SAVED.positions([1, 2, 3], by_uid=False) == []


def test_within(client):
    begun = int(time.time())
    client.do("SEARCH YOUNGER 259200 OLDER 60")
    younger, older = client.session.selected.calls[-1][1].criteria
    assert younger.op == ">="
    assert begun - 259200 <= younger.seconds <= begun - 259200 + 5
    assert older == Arrived("<=", younger.seconds + 259200 - 60)


@pytest.mark.parametrize("keys", ["OLDER", "OLDER 0", "OLDER -1", "YOUNGER x", "YOUNGER 4294967296"])
def test_within_bad(client, keys):
    assert client.do("SEARCH " + keys)[1].startswith("BAD ")
