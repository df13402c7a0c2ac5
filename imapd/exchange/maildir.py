# SPDX-License-Identifier: MIT
"""Maildir: a file for each message, its flags in the name. Folders as in Maildir++, or as directories in directories.

Also read are Dovecot's dovecot-keywords and dovecot-uidlist, for keywords and the order; they are written, too.
"""

import gzip
import os
import re
import secrets
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from imapd.exchange.letters import INBOX, Folder, Letter, Unreadable, unreadable, with_crlf, with_lf
from imapd.exchange.names import decoded, encoded, inbox_or

FLAGS = {"D": "\\Draft", "F": "\\Flagged", "R": "\\Answered", "S": "\\Seen", "T": "\\Deleted", "P": "$Forwarded"}
LETTERS = {flag.lower(): letter for letter, flag in FLAGS.items()}
KEYWORDS = "abcdefghijklmnopqrstuvwxyz"
KEYWORDS_FILE = "dovecot-keywords"
UIDS_FILE = "dovecot-uidlist"
GZIP = b"\x1f\x8b"
_UID_LINE = re.compile(r"(\d+)\s[^:]*:(\S+)")


def folders(root: Path) -> list[Folder]:
    """All folders below a maildir. Raises Unreadable where there is none."""
    found = [path for path in _directories(root) if (path / "cur").is_dir()]
    if not found:
        raise Unreadable(f"{root} is no maildir: there is no directory cur in it.")
    return [_folder(name_of(path.relative_to(root)), path) for path in sorted(found)]


def _directories(root: Path) -> Iterator[Path]:
    for path, below, _ in os.walk(root):
        yield Path(path)
        below[:] = [name for name in below if name not in ("cur", "new", "tmp")]


def name_of(path: Path) -> str:
    """.Work.2024 (Maildir++) and Work/2024 (directories) are both Work/2024."""
    levels = []
    for part in path.parts:
        levels += part[1:].split(".") if part.startswith(".") else [part]
    return inbox_or("/".join(decoded(level) for level in levels)) if levels else INBOX


def _folder(name: str, path: Path) -> Folder:
    files = [entry for part in ("cur", "new") for entry in _files(path / part)]
    return Folder(name, lambda most: _letters(path, files, most), len(files))


def _files(path: Path) -> list[Path]:
    """What is a directory holds no message, and for a FIFO we would wait for ever."""
    if not path.is_dir():
        return []
    return [each for each in path.iterdir() if not each.name.startswith(".") and each.is_file()]


def _letters(path: Path, files: list[Path], most: int) -> Iterator[Letter]:
    keywords, uids = _keywords(path), _uids(path)

    def order(file: Path) -> tuple[float, float, str]:
        return uids.get(unique(file), float("inf")), _modified(file), file.name

    for file in sorted(files, key=order):
        try:
            octets, modified = _read(file, most), file.stat().st_mtime
        except FileNotFoundError:
            continue  # a mail program has renamed or removed it meanwhile
        except (OSError, EOFError, zlib.error) as error:
            yield unreadable(file, error)
            continue
        uid = uids.get(unique(file), 0)
        yield Letter(with_crlf(octets), _flags(file.name, keywords), int(modified), uid=uid)


def _read(file: Path, most: int) -> bytes:
    """All of it, or one octet more than `most`: a compressed file may become a thousand times as large."""
    with file.open("rb") as opened:
        if opened.peek(len(GZIP)).startswith(GZIP):
            return gzip.GzipFile(fileobj=opened).read(most + 1)
        return opened.read(most + 1)


def _modified(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0


def unique(file: Path) -> str:
    """The part of a file's name that stays while the flags change."""
    return file.name.partition(":")[0]


def _flags(name: str, keywords: dict[str, str]) -> list[str]:
    letters = name.partition(":2,")[2]
    found = [FLAGS[letter] for letter in letters if letter in FLAGS]
    return found + [keywords[letter] for letter in letters if letter in keywords]


def _keywords(path: Path) -> dict[str, str]:
    """Which letter stands for which keyword in this folder."""
    found = {}
    for line in _lines(path / KEYWORDS_FILE):
        number, _, keyword = line.partition(" ")
        if number.isdecimal() and int(number) < len(KEYWORDS) and keyword:
            found[KEYWORDS[int(number)]] = keyword
    return found


def _uids(path: Path) -> dict[str, int]:
    """The UID of each file."""
    found = {}
    for line in _lines(path / UIDS_FILE)[1:]:
        if match := _UID_LINE.match(line):
            found[match[2].partition(":")[0]] = int(match[1])
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


class Known(NamedTuple):
    """What clients know of a folder."""

    uid_validity: int
    uid_next: int


class Writer:
    """Writes one folder of a Maildir++. After the last letter: close()."""

    def __init__(self, root: Path, name: str, known: Known):
        levels = [] if name == INBOX else ["", *(encoded(level) for level in name.split("/"))]
        self.path = root / ".".join(levels) if levels else root
        self._known = known
        self._keywords: dict[str, str] = {}
        self._uids: list[str] = []
        self.dropped: set[str] = set()
        """Keywords beyond the 26 that a maildir has letters for."""
        for part in ("tmp", "new", "cur"):
            (self.path / part).mkdir(parents=True, exist_ok=True, mode=0o700)
        if levels:
            (self.path / "maildirfolder").touch()

    def write(self, letter: Letter) -> None:
        octets = with_lf(letter.octets)
        name = f"{letter.seconds}.M{letter.uid}P{os.getpid()}.imapd,S={len(octets)}"
        temporary = self.path / "tmp" / name
        temporary.write_bytes(octets)
        moment = letter.seconds or 0
        os.utime(temporary, (moment, moment))
        full = f"{name}:2,{''.join(sorted(filter(None, map(self._letter, letter.flags))))}"
        temporary.rename(self.path / "cur" / full)
        self._uids.append(f"{letter.uid} :{full}")

    def _letter(self, flag: str) -> str:
        known = LETTERS.get(flag.lower()) or self._keywords.get(flag)
        if known is None and len(self._keywords) < len(KEYWORDS):
            known = self._keywords[flag] = KEYWORDS[len(self._keywords)]
        if known is None:
            self.dropped.add(flag)
        return known or ""

    def close(self) -> None:
        head = f"3 V{self._known.uid_validity} N{self._known.uid_next} G{secrets.token_hex(16)}"
        (self.path / UIDS_FILE).write_text("\n".join([head, *self._uids]) + "\n", "utf-8")
        if self._keywords:
            lines = [f"{KEYWORDS.index(letter)} {keyword}\n" for keyword, letter in self._keywords.items()]
            (self.path / KEYWORDS_FILE).write_text("".join(lines), "utf-8")
