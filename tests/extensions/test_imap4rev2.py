# SPDX-License-Identifier: MIT
"""IMAP4rev2: what ENABLE changes in a session, and that the table of its differences names tests that are there."""

import re
from pathlib import Path

from imapd.mail.tracker import Told
from imapd.protocol.registry import capabilities, commands
from imapd.protocol.session import IMAP4REV2
from tests.commands.fake_mail import Account, Client, Mailbox, Row

ROOT = Path(__file__).resolve().parents[2]


def client():
    mailboxes = {"INBOX": Mailbox("INBOX", [3, 5, 8]), "Sent": Mailbox("Sent")}
    rows = [Row("INBOX"), Row("Work", has_children=True, selectable=False, nonexistent=True)]
    found = Client(Account(rows=rows, mailboxes=mailboxes))
    assert found.do("ENABLE IMAP4REV2") == (["* ENABLED IMAP4rev2"], "OK ENABLE completed.")
    return found


def test_sessions_share_what_they_have_enabled():
    assert client().session.enabled is client().session.enabled


def test_select_takes_nothing_recent_and_tells_where_it_is():
    some = client()
    some.account.mailboxes["INBOX"].first_unseen = 1
    untagged, _ = some.do("SELECT inbox")
    assert untagged[0] == "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)"
    assert untagged[-1] == '* LIST () "/" "INBOX" ("OLDNAME" ("inbox"))'
    assert not [line for line in untagged if "RECENT" in line or "UNSEEN" in line]
    assert some.do("EXAMINE Sent")[0][-1] == '* LIST () "/" "Sent"'


def test_news_has_uids_and_nothing_recent():
    some = client()
    some.do("SELECT INBOX")
    some.session.selected.told = Told(exists=3, recent=1, flags_changed=[1])
    assert some.do("NOOP")[0] == ["* 3 EXISTS", "* 2 FETCH (UID 5 FLAGS ())"]


def test_search_answers_with_esearch():
    some = client()
    some.do("SELECT INBOX")
    some.session.selected.found = [0, 2]
    assert some.do("SEARCH ALL")[0] == ['* ESEARCH (TAG "a1") ALL 1,3']
    assert some.do("UID SEARCH ALL")[0] == ['* ESEARCH (TAG "a1") UID ALL 3,8']
    some.session.selected.found = []
    assert some.do("SEARCH ALL")[0] == ['* ESEARCH (TAG "a1")']


def test_list_knows_nonexistent():
    assert '* LIST (\\NonExistent \\HasChildren) "/" "Work"' in client().do('LIST "" "*"')[0]
    plain = Client(Account(rows=[Row("Work", has_children=True, selectable=False, nonexistent=True)]))
    assert plain.do('LIST "" "*"')[0] == ['* LIST (\\Noselect \\HasChildren) "/" "Work"']


def test_names_and_texts_are_utf_8():
    some = client()
    some.do('CREATE "Entwürfe"')
    assert some.account.calls[0] == ("create", "Entwürfe", None)
    assert some.do('CREATE "Entwu\u0308rfe"')[0] == ['* LIST () "/" "Entwürfe" ("OLDNAME" ("Entwu\u0308rfe"))']
    assert some.do('RENAME a "A\u0308"')[0] == ['* LIST () "/" "Ä" ("OLDNAME" ("A\u0308"))']
    assert ("rename", "a", "Ä") in some.account.calls


def test_who_has_not_enabled_it_is_told_no_other_spelling():
    plain = Client(Account(mailboxes={"INBOX": Mailbox("INBOX")}))
    assert plain.do("CREATE Entwu&Awg-rfe")[0] == []
    assert plain.account.calls[0] == ("create", "Entwürfe", None)
    assert not any(line.startswith("* LIST") for line in plain.do("SELECT inbox")[0])


def test_it_is_advertised_beside_the_first():
    names = Client().do("CAPABILITY")[0][0].split()
    assert "IMAP4rev1" in names and IMAP4REV2.decode() in names


def test_the_table_of_differences_names_tests_and_files_that_are_there():
    text = (ROOT / "docs/imap4rev2.md").read_text()
    numbers = [int(number) for number in re.findall(r"^\| (\d+) \|", text, re.M)]
    assert numbers == list(range(1, 31)), "appendix E has 30 changes"
    stories = re.findall(r"`([a-z0-9/-]+\.imap)`", text)
    assert len(stories) > 20
    assert [name for name in stories if not (ROOT / "tests/dialogs" / name).exists()] == []
    assert [name for name in re.findall(r"`(tests/\S+\.py)`", text) if not (ROOT / name).exists()] == []
    files = re.findall(r"`((?:extensions|commands|protocol|mail|net|wire)/\S+\.py)`", text)
    assert files and [name for name in files if not (ROOT / "imapd" / name).exists()] == []


def test_no_name_is_of_an_experiment():
    names = [each.name for each in capabilities()] + list(commands())
    assert len(names) > 80 and not [name for name in names if name.upper().startswith(b"X")]
