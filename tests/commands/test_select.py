# SPDX-License-Identifier: MIT
"""SELECT, EXAMINE, CLOSE, CHECK, UNSELECT, EXPUNGE, UID EXPUNGE: the answers of RFC 3501 and the state after them."""

import pytest

from imapd.protocol.states import State
from tests.commands.fake_mail import Account, Client, Mailbox


@pytest.fixture
def client():
    boxes = {"INBOX": Mailbox("INBOX", [1, 5, 9]), "blurdybloop": Mailbox("blurdybloop")}
    boxes["INBOX"].first_unseen = 2
    boxes["INBOX"].recent_uids = {9}
    return Client(Account(mailboxes=boxes))


def test_select(client):
    untagged, tagged = client.do("SELECT inbox")
    assert untagged == [
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)",
        "* 3 EXISTS",
        "* 1 RECENT",
        "* OK [UNSEEN 2] First unseen.",
        "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] Flags that can be set here.",
        "* OK [UIDNEXT 4392] Predicted next UID.",
        "* OK [UIDVALIDITY 3857529045] UIDs valid.",
        "* OK [HIGHESTMODSEQ 9] Highest modseq.",
        "* OK [MAILBOXID (F7)] Name of the mailbox for ever.",
    ]
    assert tagged == "OK [READ-WRITE] SELECT completed."
    assert client.session.state is State.SELECTED


def test_examine(client):
    untagged, tagged = client.do("EXAMINE blurdybloop")
    assert "* 0 EXISTS" in untagged
    assert "* OK [PERMANENTFLAGS ()] Flags that can be set here." in untagged
    assert not any("UNSEEN" in line for line in untagged)
    assert tagged == "OK [READ-ONLY] EXAMINE completed."


def test_selecting_another_closes_the_first_without_expunge(client):
    client.do("SELECT INBOX")
    first = client.session.selected
    untagged, _ = client.do("SELECT blurdybloop")
    assert untagged[0].startswith("* OK [CLOSED] ")
    assert first.closed
    assert not first.calls
    assert client.session.selected.name == "blurdybloop"


def test_failed_select_leaves_nothing_selected(client):
    client.do("SELECT INBOX")
    untagged, tagged = client.do("SELECT nowhere")
    assert untagged[0].startswith("* OK [CLOSED] ")
    assert tagged.startswith("NO [NONEXISTENT] ")
    assert client.session.state is State.AUTHENTICATED
    assert client.do("CLOSE")[1].startswith("BAD ")


@pytest.mark.parametrize("rest", ["", " a b", " INBOX (NOSUCH)", " INBOX ()", " INBOX (QRESYNC", " {5} ", " INBOX "])
def test_bad_select_changes_nothing(client, rest):
    client.do("SELECT INBOX")
    assert client.do("SELECT" + rest)[1].startswith("BAD ")
    assert client.session.selected.name == "INBOX"
    assert not client.session.selected.closed


def test_close_expunges_silently(client):
    client.do("SELECT INBOX")
    mailbox = client.session.selected
    assert client.do("CLOSE") == ([], "OK CLOSE completed.")
    assert mailbox.calls == [("expunge", None)]
    assert mailbox.closed
    assert client.session.state is State.AUTHENTICATED


@pytest.mark.parametrize("how", ["examined", "without the right"])
def test_close_that_may_not_expunge(client, how):
    client.do("EXAMINE INBOX" if how == "examined" else "SELECT INBOX")
    mailbox = client.session.selected
    mailbox.may_expunge = how == "examined"
    assert client.do("CLOSE")[1].startswith("OK ")
    assert not mailbox.calls


def test_unselect(client):
    client.do("SELECT INBOX")
    mailbox = client.session.selected
    assert client.do("UNSELECT") == ([], "OK UNSELECT completed.")
    assert mailbox.closed
    assert not mailbox.calls
    assert client.session.state is State.AUTHENTICATED


def test_check_looks_for_news(client):
    client.do("SELECT INBOX")
    client.session.selected.told.exists = 4
    assert client.do("CHECK") == (["* 4 EXISTS"], "OK CHECK completed.")
    assert client.session.selected.calls == [("refresh", 1.0)]


def test_expunge(client):
    client.do("SELECT INBOX")
    client.session.selected.told.expunged = [3, 1]
    assert client.do("EXPUNGE") == (["* 3 EXPUNGE", "* 1 EXPUNGE"], "OK EXPUNGE completed.")
    assert client.session.selected.calls == [("expunge", None)]


@pytest.mark.parametrize(
    ("uids", "ranges"),
    [
        ("1", [range(1, 2)]),
        ("5:4294967295", [range(5, 10)]),
        ("1,9", [range(1, 2), range(9, 10)]),
        ("*", [range(9, 10)]),
        ("1:*", [range(1, 10)]),
    ],
)
def test_uid_expunge(client, uids, ranges):
    client.do("SELECT INBOX")
    assert client.do(f"UID EXPUNGE {uids}")[1] == "OK UID EXPUNGE completed."
    assert client.session.selected.calls == [("expunge", ranges)]


def test_uid_expunge_of_nothing(client):
    client.do("SELECT INBOX")
    assert client.do("UID EXPUNGE 2:4")[1].startswith("OK")
    assert not client.session.selected.calls


@pytest.mark.parametrize("command", ["CLOSE x", "CHECK x", "EXPUNGE 1", "UID EXPUNGE", "UID EXPUNGE 0", "UNSELECT x"])
def test_bad(client, command):
    client.do("SELECT INBOX")
    assert client.do(command)[1].startswith("BAD ")
    assert not client.session.selected.calls


@pytest.mark.parametrize("command", ["CLOSE", "CHECK", "EXPUNGE", "UID EXPUNGE 1", "UNSELECT", "STORE 1 FLAGS ()"])
def test_needs_a_selected_mailbox(client, command):
    assert client.do(command)[1].startswith("BAD ")
