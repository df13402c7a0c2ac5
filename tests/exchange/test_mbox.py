# SPDX-License-Identifier: MIT
"""mboxes as other programs leave them, and what is written being read again."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.exchange import mbox
from imapd.exchange.letters import Letter, Unreadable

MOST = 1 << 20
DATE = 1_700_000_000  # Tue Nov 14 22:13:20 2023
MBOX = b"""From alice@example.com Tue Nov 14 22:13:20 2023
From: alice@example.com
Status: RO
X-Status: AF
X-Keywords: Later $Label1
Subject: one

text
>From here on it is quoted
>>From twice

From the middle of nowhere, no date

From MAILER-DAEMON Tue Nov 14 22:13:20 2023
Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA

From - Wed Nov 15 08:00:00 2023
X-Mozilla-Status: 0009
Subject: expunged by Thunderbird

gone

From - Wed Nov 15 08:00:00 2023
X-Mozilla-Status: 1003
X-Mozilla-Status2: 00000000
X-Mozilla-Keys: work
Subject: two

last line without end"""


def read(path: Path) -> dict[str, list[Letter]]:
    return {folder.name: list(folder.letters(MOST)) for folder in mbox.folders(path)}


def test_messages_and_what_is_said_of_them(tmp_path: Path) -> None:
    file = tmp_path / "Inbox"
    file.write_bytes(MBOX)
    one, two = read(file)["INBOX"]
    assert one.octets == (
        b"From: alice@example.com\r\nSubject: one\r\n\r\ntext\r\nFrom here on it is quoted\r\n>From twice\r\n\r\n"
        b"From the middle of nowhere, no date\r\n"
    )
    assert (set(one.flags), one.seconds) == ({"\\Seen", "\\Answered", "\\Flagged", "Later", "$Label1"}, DATE)
    assert two.octets == b"Subject: two\r\n\r\nlast line without end"
    assert set(two.flags) == {"\\Seen", "\\Answered", "$Forwarded", "work"}


def test_directories_of_mail_programs(tmp_path: Path) -> None:
    for name in ("Inbox", "Work", "Work.sbd/2024", "Old.mbox", "Apple.mbox/mbox", "Inbox.msf", "prefs.js"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(MBOX if not name.endswith((".msf", ".js")) else b"// <!-- -->\n")
    assert set(read(tmp_path)) == {"INBOX", "Work", "Work/2024", "Old", "Apple"}


@pytest.mark.parametrize("octets", [b"", b"Subject: no\n\n", b"From me\n"])
def test_what_is_no_mbox(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "file").write_bytes(octets)
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(Unreadable):
            mbox.folders(path)


def test_a_file_that_cannot_be_read_is_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "Broken").symlink_to("/proc/self/mem")
    (tmp_path / "Work").write_bytes(MBOX)
    found = read(tmp_path)
    assert found["Broken"] == [Letter(b"", problem="Broken cannot be read: Input/output error")]
    assert len(found["Work"]) == 2


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"From a@b Tue Nov 14 22:13:20 2023", DATE),
        (b"From a@b Tue Nov 14 22:13:20 2023 +0100", DATE),
        (b"From a@b Tue Nov 14 22:13:20 UTC 2023", DATE),
        (b"From - Tue Nov 14 22:13 2023", DATE - 20),
        (b"From a@b no date 12:00 2023", None),
    ],
)
def test_dates(line: bytes, expected: int | None) -> None:
    assert mbox.moment(line + b"\n") == expected


LINE = st.sampled_from([b"", b"text", b"From a@b Tue Nov 14 22:13:20 2023", b">From me", b">>From ", b"Status: RO"])
FLAG = st.sampled_from(["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "Later"])
LETTER = st.tuples(st.lists(LINE), st.sets(FLAG), st.integers(1, 2**31))


@given(st.lists(LETTER, min_size=1, max_size=4))
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, letters: list[tuple[list[bytes], set[str], int]]
) -> None:
    root = tmp_path_factory.mktemp("mbox")
    writer = mbox.Writer(root, "Work/2024")
    for lines, flags, at in letters:
        writer.write(Letter(b"X: y\r\n\r\n" + b"".join(line + b"\r\n" for line in lines), sorted(flags), at))
    writer.close()
    found = read(root)["Work/2024"]
    assert [(one.octets[8:], set(one.flags), one.seconds) for one in found] == [
        (b"".join(line + b"\r\n" for line in lines), flags, at) for lines, flags, at in letters
    ]


def test_no_name_leads_out_of_the_directory(tmp_path: Path) -> None:
    for name in ("../x", "/x", "..", "a/../../x", "~/x"):
        assert mbox.Writer(tmp_path, name).path.resolve().is_relative_to(tmp_path)
