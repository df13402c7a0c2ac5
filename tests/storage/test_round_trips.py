# SPDX-License-Identifier: MIT
"""How many statements each command costs, through the real session, dispatch and store. ARCHITECTURE.md says the same."""

import re
from pathlib import Path

import pytest

from tests.running.counted import Counted
from tests.running.store import Store

ARCHITECTURE = Path(__file__).resolve().parents[2] / "ARCHITECTURE.md"
LETTER = b"From: somebody@example.net\r\nSubject: one\r\n\r\ntext\r\n"


@pytest.fixture
def counted(store: Store) -> Counted:
    """Ten messages in INBOX, a folder to copy to, and INBOX selected once, so that the index is warm."""
    counted = Counted(store)
    for _ in range(10):
        counted.cost(f"APPEND INBOX {{{len(LETTER)}+}}\r\n{LETTER.decode()}")
    counted.cost("CREATE Other")
    counted.cost("SELECT INBOX")
    return counted


SELECTED = {
    "NOOP": 1,
    "CHECK": 1,
    "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)": 0,
    "FETCH 1:* (ENVELOPE BODYSTRUCTURE)": 1,
    "FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]": 1,
    "FETCH 1:* BODY.PEEK[]": 1,
    "FETCH 1:* BODY[TEXT]": 3,
    "STORE 1:5 +FLAGS (\\Flagged)": 1,
    "SEARCH FLAGGED": 0,
    "SEARCH OR SUBJECT one BODY text": 1,
    "SORT (ARRIVAL) UTF-8 ALL": 0,
    "SORT (SUBJECT REVERSE DATE) UTF-8 ALL": 1,
    "SORT (FROM) UTF-8 TEXT text": 2,
    "THREAD REFERENCES UTF-8 ALL": 1,
    "THREAD ORDEREDSUBJECT UTF-8 SUBJECT one": 2,
    "COPY 1:5 Other": 2,
    "UID COPY 1:5 company.org/INBOX": 2,
    "MOVE 1:5 Other": 2,
    "EXPUNGE": 1,
    "CLOSE": 1,
    "UNSELECT": 0,
    "SELECT INBOX": 1,
    "EXAMINE INBOX": 1,
}
NEW = LETTER.replace(b"one", b"two")
AUTHENTICATED = {
    f"APPEND Other {{{len(NEW)}+}}\r\n{NEW.decode()}": 3,
    f"APPEND Other {{{len(LETTER)}+}}\r\n{LETTER.decode()}": 1,
    f"APPEND Other {{{len(LETTER)}+}}\r\n{LETTER.decode()} {{{len(LETTER)}+}}\r\n{LETTER.decode()}": 1,
    f"APPEND Other {{{len(LETTER)}}}\r\n{LETTER.decode()} {{{len(LETTER)}}}\r\n{LETTER.decode()}": 3,
    f"APPEND Shared/colleague@example.com/INBOX {{{len(LETTER)}+}}\r\n{LETTER.decode()}": 3,
    f"APPEND Shared/colleague@example.com/INBOX {{{len(LETTER)}}}\r\n{LETTER.decode()} {{{len(LETTER)}}}\r\n"
    f"{LETTER.decode()}": 7,
    "STATUS Other (MESSAGES UNSEEN UIDNEXT RECENT)": 1,
    'LIST "" "*"': 3,
    'LIST "" "*" RETURN (STATUS (MESSAGES UNSEEN SIZE))': 3,
    'LSUB "" "*"': 3,
    "CREATE Third": 2,
    "SUBSCRIBE Other": 2,
    "UNSUBSCRIBE Other": 1,
    "DELETE Other": 2,
    "RENAME Other Fourth": 3,
    "GETMETADATA Other (/private/comment /shared/comment)": 2,
    'SETMETADATA Other (/private/comment "x")': 2,
    "NAMESPACE": 0,
    "NOTIFY SET STATUS (personal (MessageNew MessageExpunge FlagChange))": 2,
    "NOTIFY SET STATUS (subtree Shared (MessageNew MessageExpunge MailboxName))": 6,
    "NOTIFY SET (mailboxes INBOX (MailboxMetadataChange))": 3,
    "NOTIFY NONE": 0,
    "STATUS Shared/colleague@example.com/INBOX (MESSAGES)": 2,
}


@pytest.mark.parametrize("command", SELECTED)
def test_statements_of_a_command_on_the_selected_mailbox(counted: Counted, command: str) -> None:
    assert counted.cost(command) == SELECTED[command]


@pytest.mark.parametrize("command", AUTHENTICATED)
def test_statements_of_a_command_on_a_name(counted: Counted, command: str) -> None:
    counted.cost("UNSELECT")
    assert counted.cost(command) == AUTHENTICATED[command]


def test_the_number_does_not_grow_with_the_mailbox(counted: Counted) -> None:
    for _ in range(7):
        counted.cost("COPY 1:* INBOX")
        counted.cost("NOOP")
    assert len(counted.session.selected.view.uids) == 1280
    for command in ("STORE 1:* +FLAGS.SILENT (\\Seen)", "COPY 1:* Other", "STORE 1:* +FLAGS.SILENT (\\Deleted)", "EXPUNGE"):
        assert counted.cost(command) == (2 if command.startswith("COPY") else 1)


def test_the_architecture_names_these_commands() -> None:
    table = ARCHITECTURE.read_text().partition("## Round trips")[2].partition("\n## ")[0]
    for command in {*SELECTED, *AUTHENTICATED} - {"UNSELECT", "NAMESPACE"}:
        name = command.removeprefix("UID ").split()[0]
        assert re.search(rf"\b{name}\b", table.replace("UNSUBSCRIBE", "")) or name == "UNSUBSCRIBE", name
