# SPDX-License-Identifier: MIT
"""Maildirs as other programs leave them, and what is written being read again."""

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.exchange import maildir
from imapd.exchange.letters import Letter, Unreadable, with_crlf, with_lf
from imapd.exchange.names import decoded, encoded

MOST = 1 << 20
MESSAGE = b"Subject: one\n\ntext\n"


def put(folder: Path, name: str, octets: bytes = MESSAGE, part: str = "cur", seconds: int = 1_700_000_000) -> None:
    for each in ("cur", "new", "tmp"):
        (folder / each).mkdir(parents=True, exist_ok=True)
    file = folder / part / name
    file.write_bytes(octets)
    os.utime(file, (seconds, seconds))


def read(root: Path) -> dict[str, list[Letter]]:
    return {folder.name: list(folder.letters(MOST)) for folder in maildir.folders(root)}


def test_folders_of_maildir_plus_plus(tmp_path: Path) -> None:
    for name in ("", ".Sent", ".Work.2024", ".Entw&APw-rfe", ".Q&-A", ".v1&AC4-2"):
        put(tmp_path / name, "1.host:2,")
    assert {folder.name for folder in maildir.folders(tmp_path)} == {
        "INBOX",
        "Sent",
        "Work/2024",
        "Entwürfe",
        "Q&A",
        "v1.2",
    }


def test_folders_in_directories(tmp_path: Path) -> None:
    for name in ("INBOX", "Sent", "Work/2024"):
        put(tmp_path / name, "1.host:2,")
    assert set(read(tmp_path)) == {"INBOX", "Sent", "Work/2024"}


def test_flags_dates_and_keywords(tmp_path: Path) -> None:
    put(tmp_path, "1.a:2,DFPRSTab", seconds=1_600_000_000)
    put(tmp_path, "2.b", part="new")
    (tmp_path / "dovecot-keywords").write_text("0 $Label1\n1 Later\n")
    first, second = read(tmp_path)["INBOX"]
    assert (first.seconds, set(first.flags)) == (
        1_600_000_000,
        {"\\Draft", "\\Flagged", "$Forwarded", "\\Answered", "\\Seen", "\\Deleted", "$Label1", "Later"},
    )
    assert second.flags == []
    assert first.octets == b"Subject: one\r\n\r\ntext\r\n"


def test_the_order_is_that_of_dovecots_uids(tmp_path: Path) -> None:
    for name, subject in (("1.a:2,S", b"A"), ("2.b:2,", b"B"), ("3.c:2,", b"C")):
        put(tmp_path, name, b"Subject: " + subject + b"\n\n")
    (tmp_path / "dovecot-uidlist").write_text("3 V1700000000 N40 G00\n7 W30 :3.c\n12 :1.a:2,\n30 :2.b\n")
    assert [(letter.uid, letter.octets[9:10]) for letter in read(tmp_path)["INBOX"]] == [
        (7, b"C"),
        (12, b"A"),
        (30, b"B"),
    ]


def test_compressed_files(tmp_path: Path) -> None:
    put(tmp_path, "1.a:2,SZ", gzip.compress(MESSAGE))
    assert read(tmp_path)["INBOX"][0].octets == with_crlf(MESSAGE)


@pytest.mark.parametrize(
    "octets", [b"\x1f\x8b", b"\x1f\x8b\x07garbage", gzip.compress(MESSAGE)[:-9], gzip.compress(MESSAGE)[:-8] + b"\0" * 8]
)
def test_a_compressed_file_that_is_broken_is_said(tmp_path: Path, octets: bytes) -> None:
    put(tmp_path, "1.a:2,S", octets)
    put(tmp_path, "2.b:2,S")
    broken, whole = read(tmp_path)["INBOX"]
    assert broken.octets == b"" and broken.problem.startswith("1.a:2,S cannot be read: ")
    assert (whole.octets, whole.problem) == (with_crlf(MESSAGE), "")


def test_what_is_no_file_holds_no_message(tmp_path: Path) -> None:
    put(tmp_path, "1.a:2,")
    (tmp_path / "cur" / "2.dir:2,").mkdir()
    os.mkfifo(tmp_path / "cur" / "3.fifo:2,")
    (folder,) = maildir.folders(tmp_path)
    assert (folder.count, len(list(folder.letters(MOST)))) == (1, 1)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    put(tmp_path, "2.b:2,")
    (tmp_path / "cur" / "1.a:2,").symlink_to("/proc/self/mem")
    assert [(one.octets, one.problem) for one in read(tmp_path)["INBOX"]] == [
        (with_crlf(MESSAGE), ""), (b"", "1.a:2, cannot be read: Input/output error")
    ]  # fmt: skip


def test_of_what_is_too_large_no_more_is_read_than_shows_it(tmp_path: Path) -> None:
    put(tmp_path, "1.a:2,", gzip.compress(b"x" * (64 << 20)))
    put(tmp_path, "2.b:2,", b"x" * (2 * MOST))
    assert [len(letter.octets) for letter in read(tmp_path)["INBOX"]] == [MOST + 1, MOST + 1]


def test_what_is_no_maildir(tmp_path: Path) -> None:
    with pytest.raises(Unreadable):
        maildir.folders(tmp_path)


LINES = st.lists(st.binary(max_size=8).map(lambda line: line.replace(b"\n", b"").replace(b"\r", b"")), min_size=1)
FLAG = st.sampled_from(["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "$Forwarded", "Later", "$Junk"])


@given(LINES, st.sets(FLAG), st.integers(1, 2**31))
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], flags: set[str], at: int
) -> None:
    root = tmp_path_factory.mktemp("maildir")
    octets = b"X: y\r\n\r\n" + b"\r\n".join(lines)
    writer = maildir.Writer(root, "Work/v1.2 & Größe", maildir.Known(1_700_000_000, 9))
    writer.write(Letter(octets, sorted(flags), at, uid=7))
    writer.close()
    (letter,) = read(root)["Work/v1.2 & Größe"]
    assert (letter.octets, set(letter.flags), letter.seconds, letter.uid) == (octets, flags, at, 7)


@given(st.binary())
def test_lines_that_cannot_come_back_are_left_as_they_are(octets: bytes) -> None:
    message = b"A: b\r\n" + octets
    assert with_crlf(with_lf(message)) == message


@given(st.text(min_size=1))
def test_names_of_levels(level: str) -> None:
    try:
        level.encode("utf-16-be")
    except UnicodeEncodeError:
        return
    assert decoded(encoded(level)) == level
    assert not {"/", ".", "\0"} & set(encoded(level))


def test_more_keywords_than_letters(tmp_path: Path) -> None:
    writer = maildir.Writer(tmp_path, "INBOX", maildir.Known(1, 2))
    writer.write(Letter(MESSAGE, [f"k{n}" for n in range(30)], 1, uid=1))
    writer.close()
    assert len(read(tmp_path)["INBOX"][0].flags) == 26
    assert len(writer.dropped) == 4
