# SPDX-License-Identifier: MIT
"""import and export against a server that runs, and check, which must find nothing wrong after either."""

import gzip
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imapd.storage.pool import Database
from tests.running.client import Client, Literal
from tests.running.server import CHECKOUT, Demo

RECENT = re.compile(rb" ?\\\\Recent")
LETTER = b"From: a@b.example\r\nSubject: %b\r\n\r\ntext\r\n"


def imapd(server: Demo, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(CHECKOUT / "imapd.py"), *arguments, "--config", str(server.data / "imapd.yaml")]
    return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60, check=False)


def told(server: Demo, *arguments: str, typed: str = "") -> Any:
    outcome = imapd(server, *arguments, "--json", typed=typed)
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout)


def contents(client: Client) -> dict[str, Counter[bytes]]:
    """What a user sees in each mailbox: octets, flags and dates, however they are numbered."""
    found = {}
    for line in client.ok('LIST "" "*"').untagged:
        name = line.rpartition(b' "/" ')[2].decode()
        if b"\\Noselect" not in line and "example.com/" not in name:
            client.ok(f"EXAMINE {name}")
            fetched = client.ok("FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[])").untagged
            found[name] = Counter(RECENT.sub(b"", line.partition(b" ")[2]) for line in fetched if b" FETCH " in line)
    return found


@pytest.fixture
def furnished(server: Demo) -> Iterator[tuple[str, Client]]:
    """Somebody with mail in several folders."""
    user = server.new_user()
    with server.client(user) as client:
        client.ok("CREATE Work/2024")
        for number, (name, flags) in enumerate(
            [("INBOX", "(\\Seen)"), ("INBOX", "(\\Flagged Later)"), ("Sent", "()"), ("Work/2024", "(\\Answered $Junk)")]
        ):
            date = f'"0{number + 1}-Feb-2021 10:00:00 +0000"'
            client.ok(f"APPEND {name} {flags} {date} ", Literal(LETTER % str(number).encode()))
        yield user, client


@pytest.mark.parametrize("form", ["maildir", "mbox"])
def test_what_goes_out_comes_in_again(server: Demo, furnished: tuple[str, Client], tmp_path: Path, form: str) -> None:
    user, client = furnished
    other = server.new_user()
    exported = told(server, "export", form, user, str(tmp_path / "out"))
    assert sum(row["messages"] for row in exported) == 4
    imported = told(server, "import", form, other, str(tmp_path / "out"))
    assert sum(row["imported"] for row in imported) == 4
    with server.client(other) as theirs:
        assert contents(theirs) == contents(client)
        assert b'LSUB () "/" "Work/2024"' in theirs.ok('LSUB "" "*"').untagged
    again = told(server, "import", form, other, str(tmp_path / "out"))
    assert [sum(row[name] for row in again) for name in ("imported", "there_already")] == [0, 4]
    refused = imapd(server, "export", form, user, str(tmp_path / "out"))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.count("\n") == 1
    assert told(server, "check", "--read") == []


def test_from_another_imap_server(server: Demo, furnished: tuple[str, Client]) -> None:
    user, client = furnished
    other = server.new_user()
    where = ("127.0.0.1", "--port", str(server.tls_port), "--user", user, "--password-stdin")
    distrusted = imapd(server, "import", "imap", other, *where, typed="password\n")
    assert (distrusted.returncode, "--no-verify" in distrusted.stderr) == (1, True)
    imported = told(server, "import", "imap", other, *where, "--no-verify", typed="password\n")
    assert {row["folder"]: row["imported"] for row in imported if row["imported"]} == {
        "INBOX": 2,
        "Sent": 1,
        "Work/2024": 1,
    }
    with server.client(other) as theirs:
        assert contents(theirs) == contents(client)
    wrong = imapd(server, "import", "imap", other, *where, "--no-verify", typed="wrong\n")
    assert wrong.stderr.startswith(f"imapd: 127.0.0.1:{server.tls_port} refuses {user}")


def test_a_password_there_that_is_not_ascii(server: Demo) -> None:
    user = server.new_user()
    assert imapd(server, "user", "password", user, typed="pässwörd\n").returncode == 0
    where = ("127.0.0.1", "--port", str(server.tls_port), "--user", user, "--password-stdin", "--no-verify")
    assert told(server, "import", "imap", server.new_user(), *where, typed="pässwörd\n")
    wrong = imapd(server, "import", "imap", server.new_user(), *where, typed="pässword\n")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1)
    assert wrong.stderr.startswith(f"imapd: 127.0.0.1:{server.tls_port} refuses {user}")


def test_a_server_that_is_not_there_is_one_line(server: Demo) -> None:
    clear = ("127.0.0.1", "--port", str(server.port))
    for where, said in (
        (clear, f"127.0.0.1:{server.port} does not begin with TLS: give --security starttls."),
        (("mail..x",), "'mail..x' cannot be the name of a host."),
    ):
        done = imapd(server, "import", "imap", server.new_user(), *where, "--user", "ann", "--password-stdin", typed="x\n")
        assert (done.returncode, done.stderr) == (1, f"imapd: {said}\n")


def test_into_folders_of_another_name(server: Demo, furnished: tuple[str, Client], tmp_path: Path) -> None:
    user, _ = furnished
    other = server.new_user()
    told(server, "export", "maildir", user, str(tmp_path / "out"))
    told(
        server,
        "import",
        "maildir",
        other,
        str(tmp_path / "out"),
        "--folder",
        "Sent",
        "--rename",
        "Sent=Outbox",
        "--into",
        "Old",
    )
    with server.client(other) as theirs:
        assert b"1 EXISTS" in theirs.ok("EXAMINE Old/Outbox").untagged
    unknown = imapd(server, "import", "maildir", other, str(tmp_path / "out"), "--folder", "Nope")
    assert unknown.stderr.startswith("imapd: There is no folder 'Nope' there. There are: ")


@pytest.mark.parametrize(("form", "file"), [("maildir", b".N\xffx/cur/1:2,S"), ("mbox", b"N\xffx")])
def test_a_name_that_no_folder_can_have_is_said(server: Demo, tmp_path: Path, form: str, file: bytes) -> None:
    path = tmp_path / os.fsdecode(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"From a@b.example Tue Nov 14 22:13:20 2023\n" + LETTER % b"one")
    user = server.new_user()
    done = imapd(server, "import", form, user, str(tmp_path), "--into", "Old")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        r"imapd: 'Old/N\udcffx': That name holds characters that no mailbox name can hold."
        r" Give 'N\udcffx' another one with --rename.",
    )
    (row,) = told(server, "import", form, user, str(tmp_path), "--rename", "N\udcffx=New")
    assert (row["folder"], row["imported"]) == ("New", 1)


def test_the_quota_binds_an_import(server: Demo, furnished: tuple[str, Client], tmp_path: Path) -> None:
    user, _ = furnished
    other = server.new_user()
    told(server, "export", "mbox", user, str(tmp_path / "out"))
    assert imapd(server, "quota", "set", other, "--messages", "2").returncode == 0
    outcome = imapd(server, "import", "mbox", other, str(tmp_path / "out"), "--json")
    assert outcome.returncode == 1
    assert "imapd quota set" in outcome.stderr
    assert sum(row["imported"] for row in json.loads(outcome.stdout)) == 2
    assert imapd(server, "quota", "set", other, "--messages", "unlimited").returncode == 0
    again = told(server, "import", "mbox", other, str(tmp_path / "out"))
    assert [sum(row[name] for row in again) for name in ("imported", "there_already")] == [2, 2]


@pytest.mark.parametrize("form", ["maildir", "mbox"])
def test_a_target_that_cannot_be_made_is_one_line(server: Demo, form: str) -> None:
    done = imapd(server, "export", form, server.new_user(), "/proc/nope")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "imapd: /proc/nope: No such file or directory\n")


def test_a_session_that_is_open_hears_of_it(server: Demo, furnished: tuple[str, Client], tmp_path: Path) -> None:
    user, _ = furnished
    other = server.new_user()
    told(server, "export", "mbox", user, str(tmp_path / "out"))
    with server.client(other) as idle:
        idle.ok("SELECT INBOX")
        idle.send(b"i IDLE\r\n")
        assert idle.response().startswith(b"+")
        told(server, "import", "mbox", other, str(tmp_path / "out"))
        assert b"EXISTS" in idle.response(5)


def test_what_cannot_be_sent_by_imap(server: Demo, tmp_path: Path) -> None:
    user = server.new_user()
    for part in ("cur", "new", "tmp"):
        (tmp_path / part).mkdir()
    binary = b"Content-Type: application/octet-stream\nContent-Transfer-Encoding: binary\n\na\0b"
    (tmp_path / "cur" / "1:2,S").write_bytes(binary)
    (tmp_path / "cur" / "2:2,S").write_bytes(b"Subject: nul\n\na\0b\n")
    (tmp_path / "cur" / "3:2,S").write_bytes(b"")
    outcome = imapd(server, "import", "maildir", user, str(tmp_path), "--json")
    assert outcome.returncode == 1
    assert json.loads(outcome.stdout)[0]["imported"] == 2
    assert outcome.stderr == "imapd: 1 of INBOX refused: empty\n"
    with server.client(user) as client:
        client.ok("EXAMINE INBOX")
        assert b"\0" not in b"".join(client.ok("FETCH 1:* BODY.PEEK[]").untagged)


def test_what_cannot_be_read_is_said_and_the_rest_goes_on(server: Demo, tmp_path: Path) -> None:
    for part in ("cur", "new", "tmp"):
        (tmp_path / part).mkdir()
    (tmp_path / "cur" / "1:2,S").write_bytes(b"\x1f\x8b")
    (tmp_path / "cur" / "2:2,S").write_bytes(gzip.compress(b"x" * (60 << 20)))
    (tmp_path / "cur" / "3:2,S").write_bytes(LETTER % b"whole")
    outcome = imapd(server, "import", "maildir", server.new_user(), str(tmp_path), "--json")
    assert (outcome.returncode, json.loads(outcome.stdout)[0]["imported"]) == (1, 1)
    assert sorted(outcome.stderr.splitlines()) == [
        "imapd: 1 of INBOX refused: 1:2,S cannot be read: Compressed file ended before the end-of-stream marker was reached",
        "imapd: 1 of INBOX refused: larger than limits.message_octets",
    ]


def test_check_finds_what_is_lost_and_mends_what_it_can(server: Demo) -> None:
    user = server.new_user()
    with server.client(user) as client:
        client.ok("CREATE Work/2024")
        client.ok("APPEND Work/2024 ", Literal(LETTER % user.encode()))
    database = Database(server.dsn, 1)
    name = (user.partition("@")[0],)
    place = (
        " WHERE (organization_id, folder_id) = (SELECT f.organization_id, f.folder_id FROM folders f JOIN mailboxes m"
        " USING (organization_id, mailbox_id) WHERE m.local_part = %s AND f.name = 'Work/2024')"
    )
    row = database.row(
        "SELECT encode(sha256, 'hex'), content_id FROM contents JOIN messages USING (organization_id, content_id)"
        + place,
        name,
    )
    assert row
    (blob,) = (server.data / "blobs").glob(f"*/*/{row[0]}")
    octets = blob.read_bytes()
    database.execute("UPDATE folders SET unseen = unseen + 5" + place, name)
    database.execute(
        "UPDATE folder_groups SET uid_next = 1 WHERE (organization_id, group_id) ="
        " (SELECT organization_id, group_id FROM folders" + place + ")", name,
    )  # fmt: skip
    blob.unlink()
    try:
        found = imapd(server, "check", "--json")
        assert found.returncode == 1
        assert [(one["counter"], one["stored"], one["counted"]) for one in json.loads(found.stdout)] == [
            ("unseen", 6, 1), ("uid next", 1, 2), ("octets of the body", len(octets), 0),
        ]  # fmt: skip
        assert imapd(server, "check", "--repair").returncode == 1
        left = json.loads(imapd(server, "check", "--json").stdout)
        assert [one["where"].partition(" (")[0] for one in left] == [f"{user}/Work/2024 UID 1"]
        blob.write_bytes(b"X" + octets[1:])
        assert told(server, "check") == []
        assert json.loads(imapd(server, "check", "--read", "--json").stdout)[0]["counter"] == "octets of the body"
    finally:
        blob.write_bytes(octets)
        database.close()
    assert told(server, "check", "--read") == []
