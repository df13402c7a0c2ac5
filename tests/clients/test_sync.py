# SPDX-License-Identifier: MIT
"""Programs that keep a copy: mbsync both ways, offlineimap and getmail."""

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import Box, message
from tests.clients.programs import run

NOBODY = 65534


def letters(maildir: Path) -> dict[str, Path]:
    """The files of a Maildir by subject."""
    files = [path for part in ("cur", "new") for path in (maildir / part).glob("*")]
    return {re.search(r"^Subject: (.*)$", path.read_text(), re.M)[1]: path for path in files}  # type: ignore[index]


MBSYNC = """
IMAPAccount server
Host {host}
Port {port}
User {user}
Pass {password}
SSLType None
AuthMechs LOGIN

IMAPStore far
Account server

MaildirStore near
Path {directory}/mail/
Inbox {directory}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns INBOX Drafts Work*
Create Both
Remove Both
Expunge Both
SyncState *
"""


def test_mbsync_takes_changes_both_ways(box: Box, tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mbsyncrc").write_text(MBSYNC.format(directory=tmp_path, **vars(box)))
    sync = ("mbsync", "-c", "mbsyncrc", "-a")
    run(tmp_path, *sync)
    near = tmp_path / "mail/INBOX"
    assert sorted(letters(near)) == [f"letter {number}" for number in range(1, 6)]

    # Here: one is read, one goes, one is new, and a mailbox is new. There: the like.
    here = letters(near)
    here["letter 1"].rename(near / "cur" / (here["letter 1"].name.split(":")[0] + ":2,S"))
    here["letter 2"].unlink()
    (near / "new" / "1.new.here").write_bytes(message(6).replace(b"\r\n", b"\n"))
    for part in ("cur", "new", "tmp"):
        (tmp_path / "mail/Work/Plans" / part).mkdir(parents=True)
    (tmp_path / "mail/Work/Plans/new/1.plan.here").write_bytes(message(7).replace(b"\r\n", b"\n"))
    box.eyes.ok("CREATE Work")
    box.eyes.append("Work", message(8), "(\\Seen)")
    box.eyes.append("INBOX", message(9))
    box.eyes.ok("SELECT INBOX")
    box.eyes.ok("UID STORE 3 +FLAGS.SILENT (\\Flagged)")
    box.eyes.ok("UID STORE 4 +FLAGS.SILENT (\\Deleted)")
    box.eyes.ok("UID EXPUNGE 4")
    box.eyes.ok("UNSELECT")
    run(tmp_path, *sync)
    run(tmp_path, *sync)

    both = [f"letter {number}" for number in (1, 3, 5, 6, 9)]
    assert sorted(letters(near)) == both
    assert sorted(box.subjects()) == both
    assert letters(near)["letter 3"].name.endswith(":2,F")
    assert list(letters(tmp_path / "mail/Work")) == box.subjects("Work") == ["letter 8"]
    assert box.subjects("Work/Plans") == ["letter 7"]
    box.eyes.ok("SELECT INBOX")
    assert box.eyes.ok("UID SEARCH SEEN").untagged == [b"SEARCH 1"]


OFFLINEIMAP = """
[general]
accounts = one
metadata = {directory}/metadata
[Account one]
localrepository = here
remoterepository = there
[Repository here]
type = Maildir
localfolders = {directory}/mail
[Repository there]
type = IMAP
remotehost = {host}
remoteport = {port}
remoteuser = {user}
remotepass = {password}
ssl = no
starttls = no
auth_mechanisms = PLAIN
folderfilter = lambda name: name in ("INBOX", "Drafts")
"""


def test_offlineimap_fetches_and_brings_back(box: Box, tmp_path: Path) -> None:
    (tmp_path / "offlineimaprc").write_text(OFFLINEIMAP.format(directory=tmp_path, **vars(box)))
    sync = ("offlineimap", "-o", "-u", "basic", "-c", "offlineimaprc")
    run(tmp_path, *sync)
    near = tmp_path / "mail/INBOX"
    assert sorted(letters(near)) == [f"letter {number}" for number in range(1, 6)]
    (near / "new" / "1234567890_0.1.here").write_bytes(message(6).replace(b"\r\n", b"\n"))
    letters(near)["letter 2"].unlink()
    run(tmp_path, *sync)
    assert sorted(box.subjects()) == [f"letter {number}" for number in (1, 3, 4, 5, 6)]


GETMAIL = """
[retriever]
type = SimpleIMAPRetriever
server = {host}
port = {port}
username = {user}
password = {password}
mailboxes = ("INBOX",)
[destination]
type = Maildir
path = {directory}/mail/
[options]
read_all = false
delete = false
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory that nobody may write to: getmail does not deliver as root."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        home = Path(name)
        for part in ("cur", "new", "tmp"):
            (home / "mail" / part).mkdir(parents=True)
        if os.geteuid() == 0:
            for path in (home, *home.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        yield home


def test_getmail_fetches_each_message_once(box: Box, home: Path) -> None:
    (home / "getmailrc").write_text(GETMAIL.format(directory=home, **vars(box)))
    as_nobody = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups") if os.geteuid() == 0 else ()
    fetch = (*as_nobody, "getmail", "--getmaildir", str(home), "--rcfile", "getmailrc")
    run(home, *fetch)
    assert sorted(letters(home / "mail")) == [f"letter {number}" for number in range(1, 6)]
    box.eyes.append("INBOX", message(6))
    assert "1 messages" in run(home, *fetch)
    assert len(list((home / "mail/new").glob("*"))) == 6
