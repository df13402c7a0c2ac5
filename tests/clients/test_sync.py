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
ADDED = re.compile(rb"(?:X-TUID|X-getmail-retrieved-from-mailbox): .*\r\n")


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


MBSYNC_DOMAINS = """
IMAPAccount server
Host {host}
Port {port}
User {user}
Pass {password}
SSLType None
AuthMechs LOGIN

IMAPStore far
Account server
UseNamespace no

MaildirStore near
Path {directory}/mail/
Inbox {directory}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
"""


@pytest.mark.parametrize("two_domains", ["domain_separated", "unified"], indirect=True)
def test_mbsync_keeps_all_domains_both_ways(two_domains: Box, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Separated, `*` is both domains, each with its INBOX; unified, it is the merged folders."""
    unified = request.node.callspec.params["two_domains"] == "unified"
    box, mail = two_domains, tmp_path / "mail"
    mail.mkdir()
    (tmp_path / "mbsyncrc").write_text(MBSYNC_DOMAINS.format(directory=tmp_path, **vars(box)))

    def sync() -> None:
        """Twice: what is new here in one INBOX is new there in each that shows it."""
        for _ in range(2):
            run(tmp_path, "mbsync", "-c", "mbsyncrc", "-a")

    sync()
    places = {str(path.parent.relative_to(mail)) for path in mail.rglob("cur")}
    own, other = ("INBOX", "INBOX") if unified else ("INBOX", "company.org/INBOX")
    if unified:
        assert places == {"INBOX", "Archive", "Drafts", "Sent", "Spam", "Trash"}
        expected = {own: range(1, 7)}
    else:
        assert {own, other, "example.com/INBOX", "Sent", "company.org/Sent"} <= places
        expected = {own: range(1, 4), "example.com/INBOX": range(1, 4), other: range(4, 7)}
    for place, numbers in expected.items():
        assert contents(mail / place) == {number: message(number) for number in numbers}

    # Here one of each domain goes, one of each is read, and one is new in each place. There: the like.
    for place, gone, read in ((own, 1, 2), (other, 4, 5)):
        here = letters(mail / place)
        here[f"letter {gone}"].unlink()
        here[f"letter {read}"].rename(mail / place / "cur" / f"{here[f'letter {read}'].name.partition(':')[0]}:2,S")
    (mail / other / "new" / "1.new.here").write_bytes(message(7).replace(b"\r\n", b"\n"))
    box.eyes.append("company.org/INBOX", message(8))
    box.eyes.ok("SELECT example.com/INBOX")
    box.eyes.ok("STORE 3 +FLAGS.SILENT (\\Flagged)")
    box.eyes.ok("UNSELECT")
    sync()

    # A new message of a merged INBOX belongs to the primary domain.
    primary, company = ([2, 3, 7], [5, 6, 8]) if unified else ([2, 3], [5, 6, 7, 8])
    assert numbers_of(box.letters("example.com/INBOX")) == primary
    assert numbers_of(box.letters("company.org/INBOX")) == company
    assert sorted(contents(mail / own)) == (sorted(primary + company) if unified else primary)
    assert sorted(contents(mail / other)) == (sorted(primary + company) if unified else company)
    for domain in ("example.com", "company.org"):
        box.eyes.ok(f"EXAMINE {domain}/INBOX")
        assert box.eyes.ok("SEARCH SEEN").untagged == [b"SEARCH 1"]
        box.eyes.ok("UNSELECT")
    assert letters(mail / own)["letter 3"].name.endswith(":2,F")


def contents(maildir: Path) -> dict[int, bytes]:
    """The messages of a Maildir by the number of the letter, with line ends as they are sent, without the fields that programs add."""
    octets = [path.read_bytes().replace(b"\n", b"\r\n") for path in letters(maildir).values()]
    return {number_of(each): ADDED.sub(b"", each) for each in octets}


def numbers_of(found: dict[int, bytes]) -> list[int]:
    return sorted(map(number_of, found.values()))


def number_of(octets: bytes) -> int:
    return int(re.search(rb"^Subject: letter (\d+)\r", octets, re.MULTILINE)[1])  # type: ignore[index]


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
    assert contents(near) == {number: message(number) for number in range(1, 6)}
    (near / "new" / "1234567890_0.1.here").write_bytes(message(6).replace(b"\r\n", b"\n"))
    letters(near)["letter 2"].unlink()
    box.eyes.ok("SELECT INBOX")
    box.eyes.ok("UID STORE 3 +FLAGS.SILENT (\\Seen)")
    box.eyes.ok("UID STORE 4 +FLAGS.SILENT (\\Deleted)")
    box.eyes.ok("UID EXPUNGE 4")
    box.eyes.append("INBOX", message(7))
    box.eyes.ok("UNSELECT")
    run(tmp_path, *sync)
    assert sorted(box.subjects()) == sorted(letters(near)) == [f"letter {number}" for number in (1, 3, 5, 6, 7)]
    assert sorted(box.letters().values()) == [message(number) for number in (1, 3, 5, 6, 7)]
    assert "S" in letters(near)["letter 3"].name.partition(":2,")[2]


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
    assert_fetched(home / "mail", range(1, 6))
    box.eyes.append("INBOX", message(6))
    assert "1 messages" in run(home, *fetch)
    assert_fetched(home / "mail", range(1, 7))


def assert_fetched(maildir: Path, numbers: range) -> None:
    """Each once, octet by octet behind the fields that getmail adds."""
    assert len(list((maildir / "new").glob("*"))) == len(numbers)
    found = contents(maildir)
    assert sorted(found) == list(numbers)
    for number in numbers:
        assert found[number].endswith(message(number)), found[number]
