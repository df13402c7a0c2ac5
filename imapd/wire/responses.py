# SPDX-License-Identifier: MIT
"""What a server says: one frozen value per untagged or continuation response, each of which can write itself.

Hot paths yield ready-made octets in place of these; everything else goes through here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from imapd.wire import encode
from imapd.wire.names import DELIMITER


class Response(Protocol):
    """Anything a handler may yield besides octets."""

    def encode(self, utf8: bool = False) -> bytes: ...


Output = Response | bytes


@dataclass(frozen=True)
class Exists:
    """How many messages the mailbox has."""

    count: int

    def encode(self, utf8: bool = False) -> bytes:
        return b"* %d EXISTS\r\n" % self.count


@dataclass(frozen=True)
class Recent:
    """How many messages are new to all sessions before this one."""

    count: int

    def encode(self, utf8: bool = False) -> bytes:
        return b"* %d RECENT\r\n" % self.count


@dataclass(frozen=True)
class Expunge:
    """The message of this number is gone, and those after it count one less."""

    number: int

    def encode(self, utf8: bool = False) -> bytes:
        return b"* %d EXPUNGE\r\n" % self.number


@dataclass(frozen=True)
class Vanished:
    """Messages that are gone, as a ready uid-set (RFC 7162); earlier: before the mailbox was selected."""

    uids: bytes
    earlier: bool = False

    def encode(self, utf8: bool = False) -> bytes:
        return b"* VANISHED %b%b\r\n" % (b"(EARLIER) " if self.earlier else b"", self.uids)


@dataclass(frozen=True)
class FetchFlags:
    """The flags of a message, told unasked. `flags` is the ready flag-list."""

    number: int
    flags: bytes
    uid: int | None = None
    modseq: int | None = None

    def encode(self, utf8: bool = False) -> bytes:
        uid = b"" if self.uid is None else b"UID %d " % self.uid
        modseq = b"" if self.modseq is None else b" MODSEQ (%d)" % self.modseq
        return b"* %d FETCH (%bFLAGS %b%b)\r\n" % (self.number, uid, self.flags, modseq)


@dataclass(frozen=True)
class Flags:
    """The flags and keywords in use in the mailbox."""

    flags: Sequence[str]

    def encode(self, utf8: bool = False) -> bytes:
        return b"* FLAGS %b\r\n" % encode.flags(self.flags)


@dataclass(frozen=True)
class List:
    """One mailbox of LIST. `extended` is a ready mbox-list-extended, e.g. b'("CHILDINFO" ("SUBSCRIBED"))'."""

    name: str
    attributes: Sequence[bytes] = ()
    extended: bytes = b""

    kind = b"LIST"

    def encode(self, utf8: bool = False) -> bytes:
        line = b'* %b (%b) "%b" %b' % (
            self.kind, b" ".join(self.attributes), DELIMITER.encode(), encode.mailbox(self.name, utf8),
        )  # fmt: skip
        return line + (b" " + self.extended if self.extended else b"") + b"\r\n"


def oldname(old: str, name: str, utf8: bool = True) -> bytes:
    """oldname-extended-item, where a mailbox is called otherwise than it was, or than the client did; else nothing."""
    return b"" if old == name else b'("OLDNAME" (%b))' % encode.mailbox(old, utf8)


@dataclass(frozen=True)
class Lsub(List):
    """One mailbox of LSUB."""

    kind = b"LSUB"


@dataclass(frozen=True)
class Delimiter:
    """The answer to LIST "" "": the delimiter, and the root of the reference."""

    root: str = ""

    def encode(self, utf8: bool = False) -> bytes:
        return b'* LIST (\\Noselect) "%b" %b\r\n' % (DELIMITER.encode(), encode.mailbox(self.root, utf8))


@dataclass(frozen=True)
class Status:
    """STATUS of a mailbox: pairs of an item's name and its number (or its ready octets)."""

    name: str
    items: Sequence[tuple[bytes, int | bytes]]

    def encode(self, utf8: bool = False) -> bytes:
        values = (b"%b %b" % (item, value if isinstance(value, bytes) else b"%d" % value) for item, value in self.items)
        return b"* STATUS %b (%b)\r\n" % (encode.mailbox(self.name, utf8), b" ".join(values))


@dataclass(frozen=True)
class QuotaRoot:
    """The names of the quota roots that bind a mailbox."""

    name: str
    roots: Sequence[str]

    def encode(self, utf8: bool = False) -> bytes:
        names = (encode.mailbox(self.name, utf8), *(encode.quoted(root.encode()) for root in self.roots))
        return b"* QUOTAROOT %b\r\n" % b" ".join(names)


class QuotaResource(NamedTuple):
    """quota-resource = resource-name SP resource-usage SP resource-limit"""

    name: bytes
    used: int
    limit: int


@dataclass(frozen=True)
class Quota:
    """What is used of each limited resource of a quota root, and its limit."""

    root: str
    resources: Sequence[QuotaResource]

    def encode(self, utf8: bool = False) -> bytes:
        listed = b" ".join(b"%b %d %d" % resource for resource in self.resources)
        return b"* QUOTA %b (%b)\r\n" % (encode.quoted(self.root.encode()), listed)


@dataclass(frozen=True)
class Search:
    """Message numbers or UIDs that SEARCH has found, and the highest modseq of these messages where that was asked."""

    numbers: Iterable[int]
    modseq: int | None = None

    kind = b"SEARCH"

    def encode(self, utf8: bool = False) -> bytes:
        found = " ".join(map(str, self.numbers)).encode("ascii")
        modseq = b"" if self.modseq is None else b" (MODSEQ %d)" % self.modseq
        return b"* %b %b%b\r\n" % (self.kind, found, modseq) if found else b"* %b\r\n" % self.kind


@dataclass(frozen=True)
class Sort(Search):
    """The same in the order of SORT."""

    kind = b"SORT"


@dataclass(frozen=True)
class Namespace:
    """The prefixes of the user's own, other users' and shared mailboxes."""

    personal: Sequence[str]
    other: Sequence[str]
    shared: Sequence[str]

    def encode(self, utf8: bool = False) -> bytes:
        return b"* NAMESPACE %b\r\n" % b" ".join(
            _prefixes(prefixes, utf8) for prefixes in (self.personal, self.other, self.shared)
        )


@dataclass(frozen=True)
class Acl:
    """Who has which rights in a mailbox (RFC 4314)."""

    name: str
    entries: Sequence[tuple[str, str]]

    def encode(self, utf8: bool = False) -> bytes:
        words = [encode.astring(word.encode()) for pair in self.entries for word in pair]
        return b"* ACL %b\r\n" % b" ".join([encode.mailbox(self.name, utf8), *words])


@dataclass(frozen=True)
class ListRights:
    """What an identifier always has in a mailbox, and what it can be given."""

    name: str
    identifier: str
    required: str
    optional: Sequence[str]

    def encode(self, utf8: bool = False) -> bytes:
        words = [encode.astring(word.encode()) for word in (self.identifier, self.required, *self.optional)]
        return b"* LISTRIGHTS %b %b\r\n" % (encode.mailbox(self.name, utf8), b" ".join(words))


@dataclass(frozen=True)
class MyRights:
    """What the user may do in a mailbox."""

    name: str
    rights: str

    def encode(self, utf8: bool = False) -> bytes:
        return b"* MYRIGHTS %b %b\r\n" % (encode.mailbox(self.name, utf8), encode.astring(self.rights.encode()))


@dataclass(frozen=True)
class Metadata:
    """Annotations of a mailbox, or of the server where the name is empty; None: there is none (RFC 5464)."""

    name: str
    values: Sequence[tuple[bytes, bytes | None]]

    def encode(self, utf8: bool = False) -> bytes:
        pairs = (b"%b %b" % (encode.astring(entry), encode.nstring8(value)) for entry, value in self.values)
        return b"* METADATA %b (%b)\r\n" % (encode.mailbox(self.name, utf8), b" ".join(pairs))


@dataclass(frozen=True)
class MetadataChanged:
    """The names of annotations that have changed."""

    name: str
    entries: Sequence[bytes]

    def encode(self, utf8: bool = False) -> bytes:
        return b"* METADATA %b %b\r\n" % (encode.mailbox(self.name, utf8), b" ".join(map(encode.astring, self.entries)))


@dataclass(frozen=True)
class Capability:
    """What the server can do."""

    names: Sequence[bytes]

    def encode(self, utf8: bool = False) -> bytes:
        return b"* CAPABILITY %b\r\n" % b" ".join(self.names)


@dataclass(frozen=True)
class Enabled:
    """What ENABLE has switched on."""

    names: Sequence[bytes]

    def encode(self, utf8: bool = False) -> bytes:
        return b" ".join((b"* ENABLED", *self.names)) + b"\r\n"


@dataclass(frozen=True)
class Identity:
    """The server's ID: pairs of a field and its value, or nothing."""

    fields: Sequence[tuple[str, str]]

    def encode(self, utf8: bool = False) -> bytes:
        if not self.fields:
            return b"* ID NIL\r\n"
        strings = (encode.string(word.encode("ascii", "replace")) for field in self.fields for word in field)
        return b"* ID (%b)\r\n" % b" ".join(strings)


@dataclass(frozen=True)
class Ok:
    """Information that may be ignored, usually for its response code."""

    text: str
    code: bytes | None = None

    condition = b"OK"

    def encode(self, utf8: bool = False) -> bytes:
        return b"* %b\r\n" % condition(self.condition, self.code, self.text, utf8)


@dataclass(frozen=True)
class No(Ok):
    """A warning."""

    condition = b"NO"


@dataclass(frozen=True)
class Bye(Ok):
    """The connection ends."""

    condition = b"BYE"


@dataclass(frozen=True)
class Continue:
    """continue-req: the server waits for more of the command. SASL challenges pass their base64 as `text`."""

    text: str

    def encode(self, utf8: bool = False) -> bytes:
        # An empty challenge is "+ " with its space: clients look for both (RFC 3501, section 7.5).
        return b"+ %b\r\n" % (encode.text(self.text, utf8) if self.text else b"")


def condition(word: bytes, code: bytes | None, text: str, utf8: bool = False) -> bytes:
    """resp-cond-state: OK, NO, BAD or BYE with its code and text, without tag and CRLF."""
    if code:
        return b"%b [%b] %b" % (word, code, encode.text(text, utf8))
    return b"%b %b" % (word, encode.text(text, utf8))


def _prefixes(prefixes: Sequence[str], utf8: bool) -> bytes:
    if not prefixes:
        return b"NIL"
    return b"(%b)" % b"".join(b'(%b "%b")' % (encode.mailbox(p, utf8), DELIMITER.encode()) for p in prefixes)
