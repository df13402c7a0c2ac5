# SPDX-License-Identifier: MIT
"""mbox: a file for each folder, with a line "From …" before each message. Read in all its kinds, written as mboxrd.

Flags stand in header fields of their own (Status, X-Status, X-Keywords, and Mozilla's), which do not belong to the
message: they are taken out when it is read, and put in when it is written.
"""

import re
import time
from calendar import timegm
from collections.abc import Iterable, Iterator
from pathlib import Path

from imapd.exchange.letters import INBOX, Folder, Letter, Unreadable, unreadable, with_crlf
from imapd.exchange.names import inbox_or

SUFFIX = ".mbox"
BELOW = ".sbd"  # where Thunderbird keeps the folders below a folder

_FROM = re.compile(rb"From (?:.*[ \t])?\d{1,2}:\d\d(?::\d\d)?[ \t].*\d{4}|From - ")
_DATE = re.compile(
    rb"([A-Z][a-z]{2})[ \t]+(\d{1,2})[ \t]+(\d\d?):(\d\d)(?::(\d\d))?[ \t]+(?:[A-Z]{2,5}[ \t]+|[+-]\d{4}[ \t]+)?(\d{4})"
)
_MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_TO_QUOTE = re.compile(rb"^(>*From )", re.MULTILINE)
_OWN_FIELD = re.compile(
    rb"(Status|X-Status|X-Keywords|X-Mozilla-Status2?|X-Mozilla-Keys|X-UID|X-IMAP|X-IMAPbase):[ \t]*([^\r\n]*)\r?\n",
    re.IGNORECASE,
)
STATUS = {"R": "\\Seen", "A": "\\Answered", "F": "\\Flagged", "T": "\\Draft", "D": "\\Deleted"}
MOZILLA = {0x0001: "\\Seen", 0x0002: "\\Answered", 0x0004: "\\Flagged", 0x1000: "$Forwarded"}
MOZILLA_EXPUNGED = 0x0008
PSEUDO = b"FOLDER INTERNAL DATA"


def folders(path: Path) -> list[Folder]:
    """The folder of a file, or all below a directory. Raises Unreadable where there is none."""
    if path.is_file():
        files = [(_without(path.name), path)]
    else:
        files = [(name_of(file.relative_to(path)), file) for file in sorted(path.rglob("*")) if _is_mbox(file)]
    if not files:
        raise Unreadable(f"There is no mbox in {path}: none of its files begins with a line From.")
    for _, file in files:
        if not _is_mbox(file):
            raise Unreadable(f"{file} is no mbox: it does not begin with a line From.")
    return [Folder(inbox_or(name), lambda _, file=file: letters(file)) for name, file in files]  # type: ignore[misc]


def _is_mbox(file: Path) -> bool:
    """An empty file may be an mbox without messages, but just as well anything else."""
    if not file.is_file() or file.name.startswith(".") or file.suffix == ".msf":
        return False
    try:
        with file.open("rb") as opened:
            return bool(_FROM.match(opened.readline()))
    except OSError:
        return True  # nobody knows; letters() says why


def name_of(path: Path) -> str:
    """Work.sbd/2024 (Thunderbird), Work/2024.mbox and Work.mbox/2024.mbox/mbox (Apple Mail) are all Work/2024."""
    parts = path.parts[:-1] if path.name == "mbox" and len(path.parts) > 1 else path.parts
    return "/".join(_without(part) for part in parts)


def _without(part: str) -> str:
    return part.removesuffix(BELOW).removesuffix(SUFFIX) or part


def letters(file: Path) -> Iterator[Letter]:
    """The messages of a file, one in memory at a time; the last one says so where the rest cannot be read."""
    try:
        with file.open("rb") as opened:
            yield from _parted(opened)
    except OSError as error:
        yield unreadable(file, error)


def _parted(opened: Iterable[bytes]) -> Iterator[Letter]:
    lines: list[bytes] = []
    begin = b""
    after_empty = True
    for line in opened:
        if after_empty and line.startswith(b"From ") and _FROM.match(line):
            if begin and (letter := _letter(begin, lines)):
                yield letter
            begin, lines = line, []
        else:
            lines.append(line)
        after_empty = line in (b"\n", b"\r\n")
    if begin and (letter := _letter(begin, lines)):
        yield letter


def _letter(begin: bytes, lines: list[bytes]) -> Letter | None:
    """None for what is no message: deleted but not yet compacted, or a program's notes."""
    if lines and lines[-1] in (b"\n", b"\r\n"):
        lines = lines[:-1]  # it stands between two messages and belongs to neither
    end = next((at for at, line in enumerate(lines) if line in (b"\n", b"\r\n")), len(lines))
    own = [found for line in lines[:end] if (found := _OWN_FIELD.fullmatch(line))]
    kept = [line for line in lines[:end] if not _OWN_FIELD.fullmatch(line)]
    fields = {found[1].lower(): found[2].decode("utf-8", "replace").strip() for found in own}
    flags = _flags(fields)
    if flags is None or any(PSEUDO in line for line in kept if line.lower().startswith(b"subject:")):
        return None
    octets = b"".join(kept) + _QUOTED.sub(rb"\1", b"".join(lines[end:]))
    return Letter(with_crlf(octets), flags, moment(begin))


def _flags(fields: dict[bytes, str]) -> list[str] | None:
    letters = fields.get(b"status", "") + fields.get(b"x-status", "")
    found = [flag for letter, flag in STATUS.items() if letter in letters]
    found += f"{fields.get(b'x-keywords', '')} {fields.get(b'x-mozilla-keys', '')}".split()
    try:
        bits = int(fields.get(b"x-mozilla-status", "0"), 16)
    except ValueError:
        bits = 0
    if bits & MOZILLA_EXPUNGED:
        return None
    return list(dict.fromkeys(found + [flag for bit, flag in MOZILLA.items() if bits & bit]))


def moment(begin: bytes) -> int | None:
    """When a message came, by its line From; the zone is taken for UTC, as it does not stand there."""
    found = _DATE.search(begin)
    if not found or found[1] not in _MONTHS:
        return None
    month, day, hour, minute, second, year = found.groups()
    return timegm((int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second or 0)))


class Writer:
    """Writes one folder. After the last letter: close()."""

    def __init__(self, root: Path, name: str):
        self.path = root.joinpath(*_safe(name).split("/"))
        self.path = self.path.with_name(self.path.name + SUFFIX)
        while self.path.exists():  # of two names that are one to a file system
            self.path = self.path.with_name("_" + self.path.name)
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = self.path.open("xb")

    def write(self, letter: Letter) -> None:
        octets = letter.octets.replace(b"\r\n", b"\n")
        head, _, body = octets.partition(b"\n\n")
        date = time.asctime(time.gmtime(letter.seconds or 0))
        self._file.write(f"From MAILER-DAEMON {date}\n".encode())
        self._file.write(head + (b"" if head.endswith(b"\n") else b"\n") + _status(letter.flags))
        self._file.write(b"\n" + _TO_QUOTE.sub(rb">\1", body))
        self._file.write(b"\n" if not body or body.endswith(b"\n") else b"\n\n")

    def close(self) -> None:
        self._file.close()


def _status(flags: Iterable[str]) -> bytes:
    names = {flag.lower(): flag for flag in flags}
    letters = {letter for letter, flag in STATUS.items() if flag.lower() in names}
    system = {flag.lower() for flag in STATUS.values()}
    keywords = " ".join(flag for low, flag in names.items() if low not in system)
    lines = [f"Status: {'R' if 'R' in letters else ''}O"]
    if marks := "".join(letter for letter in "AFTD" if letter in letters):
        lines.append(f"X-Status: {marks}")
    if keywords:
        lines.append(f"X-Keywords: {keywords}")
    return "".join(line + "\n" for line in lines).encode()


def _safe(name: str) -> str:
    """No level leads anywhere else, or cannot be a file."""
    return "/".join(level.replace("\\", "_").lstrip(".") or "_" for level in name.split("/")) or INBOX
