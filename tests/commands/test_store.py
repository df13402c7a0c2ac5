# SPDX-License-Identifier: MIT
"""STORE: what is read, and that every message named is answered for."""

import time

import pytest

from tests.commands.fake_mail import Client, Mailbox


@pytest.fixture
def client():
    return Client().selected(Mailbox("INBOX", [11, 22, 33, 44]))


@pytest.mark.parametrize(
    ("arguments", "op", "flags", "silent"),
    [
        ("FLAGS (\\Deleted)", "=", ["\\Deleted"], False),
        ("+FLAGS (\\Deleted)", "+", ["\\Deleted"], False),
        ("-flags.silent (\\deleted $x)", "-", ["\\Deleted", "$x"], True),
        ("FLAGS ()", "=", [], False),
        ("+FLAGS \\Seen", "+", ["\\Seen"], False),
        ("+FLAGS \\Seen \\Flagged NIL", "+", ["\\Seen", "\\Flagged", "NIL"], False),
        ("FLAGS.SILENT \\seen", "=", ["\\Seen"], True),
    ],
)
def test_read(client, arguments, op, flags, silent):
    untagged, tagged = client.do("STORE 2:4 " + arguments)
    assert client.session.selected.calls == [("store", [range(1, 4)], op, flags)]
    assert len(untagged) == (0 if silent else 3)
    assert tagged == "OK STORE completed."


def test_answers(client):
    assert client.do("STORE 1,4 +FLAGS (\\Deleted)")[0] == [
        "* 1 FETCH (FLAGS (\\Deleted))",
        "* 4 FETCH (FLAGS (\\Deleted))",
    ]
    client.session.selected.recent_uids = {44}
    assert client.do("UID STORE 33:* +FLAGS (\\Seen)")[0] == [
        "* 3 FETCH (UID 33 FLAGS (\\Seen))",
        "* 4 FETCH (UID 44 FLAGS (\\Recent \\Seen))",
    ]


def test_new_keywords_are_told_first_and_expunges_not(client):
    mailbox = client.session.selected
    mailbox.told.keywords_changed = True
    untagged, _ = client.do("STORE 1 +FLAGS (new)")
    assert [line.split()[1] for line in untagged] == ["FLAGS", "OK", "1"]
    mailbox.told.expunged = [1]
    assert client.do("STORE 2 +FLAGS (\\Seen)")[0] == ["* 2 FETCH (FLAGS (\\Seen))"]
    assert client.do("NOOP")[0] == ["* 1 EXPUNGE"]


def test_uids_that_are_not_there(client):
    assert client.do("UID STORE 1:10 +FLAGS (\\Seen)") == ([], "OK UID STORE completed.")


def test_read_only(client):
    client.session.selected.read_only = True
    assert client.do("STORE 1 +FLAGS (\\Seen)") == ([], "NO [NOPERM] The mailbox is selected read-only.")


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        " 1",
        " 1 FLAGS",
        " 1 FLAGS ",
        " 1 FLAGS (",
        " 1 FLAGS (\\Seen",
        " 1 FLAGS (\\Seen))",
        " 1 FLAGS (\\Seen  \\Deleted)",
        " 1 FLAGS (\\Recent)",
        " 1 FLAGS (\\NoSuch)",
        " 1 FLAGS (\\)",
        ' 1 FLAGS ("x")',
        " 1 *FLAGS (\\Seen)",
        " 1 + FLAGS (\\Seen)",
        " 1 FLAGS.LOUD (\\Seen)",
        " 1 (NOSUCH 1) FLAGS (\\Seen)",
        " 1 () FLAGS (\\Seen)",
        " 5 FLAGS (\\Seen)",
        " 1:5 FLAGS (\\Seen)",
        *(
            f" {bad} FLAGS (x)"
            for bad in ("0", "0:5", "-1", "1,,2", "1:", ":1", ",", "1:2:3", "1 :2", "1:*:*", "+1", "1_0")
        ),
        " ² FLAGS (x)",
        " ٣ FLAGS (x)",
    ],
)
def test_bad(client, arguments):
    untagged, tagged = client.do("STORE" + arguments)
    assert not untagged
    assert tagged.startswith("BAD ")
    assert not client.session.selected.calls


@pytest.mark.parametrize("count", [10000])
def test_many(count):
    client = Client().selected(Mailbox("INBOX", range(1, count + 1)))
    begun = time.process_time()
    untagged, _ = client.do("STORE 1:* +FLAGS (\\Seen)")
    assert time.process_time() - begun < 0.5
    assert len(untagged) == count
    assert untagged[-1] == f"* {count} FETCH (FLAGS (\\Seen))"


def test_sixty_kilobytes_of_odd_numbers():
    client = Client().selected(Mailbox("INBOX", range(1, 30001)))
    odd = ",".join(map(str, range(1, 12000, 2)))
    begun = time.process_time()
    untagged, _ = client.do(f"STORE {odd} +FLAGS.SILENT (\\Seen)")
    assert time.process_time() - begun < 0.5
    assert not untagged
    client.do("STORE " + ",".join(["1:*"] * 10000) + " +FLAGS.SILENT (\\Seen)")
    assert client.session.selected.calls[-1][1] == [range(30000)]
