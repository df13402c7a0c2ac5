# SPDX-License-Identifier: MIT
"""A mail layer in memory, and a client that speaks to a real session over it. What mail/ decides is tested there."""

from array import array
from dataclasses import dataclass, field
from types import SimpleNamespace

from imapd import errors
from imapd.mail.account import Appended, Status
from imapd.mail.mailbox import Copied, StoredFlags
from imapd.mail.namespaces import Namespaces
from imapd.mail.tracker import Told
from imapd.protocol import dispatch
from imapd.protocol.session import Session
from imapd.settings import Limits, Settings

NUMBERS = Status(231, 1, 44292, 3857529045, 12, 99999, 3, 777, 715194045007, "F7")


class Connection:
    """Octets in, octets out; the client has left when all of its octets are read."""

    is_tls = True
    is_loopback = True
    is_compressed = False
    in_command = False
    received_at = 1.0

    def __init__(self):
        self.incoming = []
        self.sent = b""

    def receive(self):
        return self.incoming.pop(0) if self.incoming else b""

    def send(self, octets):
        self.sent += octets

    def authenticated(self):
        pass

    def report(self, line, left=None):
        pass


class Spool:
    def __init__(self):
        self.octets = b""
        self.closed = False

    def write(self, octets):
        self.octets += octets

    def finish(self):
        pass

    def close(self):
        self.closed = True


@dataclass
class Row:
    """What LIST shows of a mailbox; like mail.listing.Listed, without folders behind it."""

    name: str
    special_use: str | None = None
    has_children: bool = False
    selectable: bool = True
    nonexistent: bool = False
    subscribed: bool = False
    apart: bool = False


class Mailbox:
    """A selected mailbox whose messages have UIDs and flags and nothing else."""

    uid_validity = 3857529045
    uid_next = 4392
    mailbox_id = "F7"
    modseq = 9
    first_unseen = None
    may_expunge = True
    quota_warned = 0
    progress = (None, None)

    def __init__(self, name, uids=(), read_only=False):
        self.name = name
        self.read_only = read_only
        self.flags = ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"]
        self.recent_uids = set()
        self.view = SimpleNamespace(
            uids=array("I", uids), flag_numbers=array("I", [0] * len(uids)), flag_bytes=[b"()"], modseq=9,
            modseqs=array("Q", [9] * len(uids)),
        )  # fmt: skip
        self.told = Told()
        self.calls = []
        self.found = []
        self.closed = False

    @property
    def permanent_flags(self):
        return [] if self.read_only else [*self.flags, "\\*"]

    @property
    def recent(self):
        return len(self.recent_uids)

    def flags_at(self, position):
        rendered = self.view.flag_bytes[self.view.flag_numbers[position]]
        return b"(\\Recent " + rendered[1:] if self.view.uids[position] in self.recent_uids else rendered

    def pending(self, may_expunge, past_expunges=False):
        if not may_expunge and self.told.expunged:
            return Told()
        told, self.told = self.told, Told()
        for number in told.expunged:
            self.view.uids.pop(number - 1)
            self.view.flag_numbers.pop(number - 1)
        return told

    def refresh(self, received_at=None):
        self.calls.append(("refresh", received_at))

    def store(self, positions, op, flags, unchanged_since=None):
        if self.read_only:
            raise errors.NoPermission("The mailbox is selected read-only.")
        self.calls.append(("store", positions, op, list(flags)))
        self.view.flag_bytes.append(b"(" + " ".join(flags).encode() + b")")
        for span in positions:
            for at in span:
                self.view.flag_numbers[at] = len(self.view.flag_bytes) - 1
        return StoredFlags(list(positions), [], 10)

    def expunge(self, uids=None):
        self.calls.append(("expunge", uids))

    def copy(self, positions, to):
        self.calls.append(("copy", positions, to))
        if to == "Nowhere":
            raise errors.NoTarget
        source = [self.view.uids[at] for span in positions for at in span]
        return Copied(38505, source, range(3956, 3956 + len(source)))

    def move(self, positions, to):
        moved = self.copy(positions, to)
        self.told.expunged = [at + 1 for span in reversed(positions) for at in reversed(span)]
        return moved

    def search(self, criteria):
        self.calls.append(("search", criteria))
        return self.found

    def close(self):
        self.closed = True


@dataclass
class Account:
    """rows: what LIST shows. fails: what the next call raises."""

    rows: list = field(default_factory=list)
    gone: list = field(default_factory=list)
    mailboxes: dict = field(default_factory=dict)
    spaces: Namespaces = field(default_factory=lambda: Namespaces([""], [], ["Shared/"]))
    fails: Exception | None = None
    calls: list = field(default_factory=list)

    def _called(self, *call):
        self.calls.append(call)
        if self.fails:
            raise self.fails

    def namespaces(self):
        return self.spaces

    def list_folders(self, subscribed_only=False):
        self._called("list_folders", subscribed_only)
        if subscribed_only:
            return sorted([row for row in self.rows if row.subscribed] + self.gone, key=lambda row: row.name)
        return self.rows

    def create(self, name, special_use=None):
        self._called("create", name, special_use)

    def delete(self, name):
        self._called("delete", name)

    def rename(self, old, new):
        self._called("rename", old, new)

    def subscribe(self, name):
        self._called("subscribe", name)

    def unsubscribe(self, name):
        self._called("unsubscribe", name)

    def status(self, name):
        self._called("status", name)
        return NUMBERS

    def status_of(self, row):
        return NUMBERS

    def open(self, name, read_only=False, counts_recent=True):
        self._called("open", name, read_only)
        if name not in self.mailboxes:
            raise errors.NotFound
        self.mailboxes[name].read_only |= read_only
        return self.mailboxes[name]

    def check_append(self, name, size, before=0):
        self._called("check_append", name, size, *([before] if before else []))

    def append(self, name, drafts):
        self._called("append", name, drafts)
        return Appended(38505, range(3955, 3955 + len(drafts)))


class Client:
    """A logged-in session and what it said last."""

    def __init__(self, account=None, limits=None):
        self.account = account or Account()
        self.spools = []
        node = SimpleNamespace(
            settings=Settings(limits=limits or Limits()),
            metrics=SimpleNamespace(command=lambda name, seconds: None),
            blobs=SimpleNamespace(spool=self._spool),
            session_began=lambda session: None,
            session_ended=lambda session: None,
        )
        self.connection = Connection()
        self.session = Session(self.connection, node)
        self.session.log_in(self.account)

    def _spool(self):
        self.spools.append(Spool())
        return self.spools[-1]

    def selected(self, mailbox):
        self.session.select(mailbox)
        return self

    def say(self, *octets):
        """Sends octets, in as many pieces as there are arguments, and gives the lines that come back."""
        self.connection.sent = b""
        self.connection.incoming = [each if isinstance(each, bytes) else each.encode() for each in octets]
        dispatch.serve(self.session)
        return self.connection.sent.decode().split("\r\n")[:-1]

    def do(self, command):
        """One command without its tag: the untagged lines, and the tagged one without its tag."""
        *untagged, tagged = self.say(f"a1 {command}\r\n")
        assert tagged.startswith("a1 "), tagged
        return untagged, tagged.removeprefix("a1 ")
