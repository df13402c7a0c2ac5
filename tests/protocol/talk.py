# SPDX-License-Identifier: MIT
"""A client in memory: the real session, dispatch and commands, on a connection and a store that are made up here."""

from dataclasses import replace
from types import SimpleNamespace

from imapd import errors
from imapd.mail.account import Appended
from imapd.mail.tracker import Told
from imapd.protocol.session import Session
from imapd.settings import Settings
from tests.commands import fake_mail

DEFAULT = Settings()


class Connection:
    """Gives the pieces it was made with, one a receive(), and keeps what is sent."""

    def __init__(self, pieces, *, tls=True, loopback=True):
        self.pieces = list(pieces)
        self.peer, self.listener = ("192.0.2.1", 40000), "imap"
        self.is_tls, self.is_loopback = tls, loopback
        self.is_compressed = False
        self.received_at = 0.0
        self.in_command = False
        self.sent = []
        self.logged_in = False
        self.waits = 0
        self.patience = []  # how long each wait() was to last
        self.when_waiting = []  # functions called by wait(), before it says "woken"

    def receive(self):
        if not self.pieces:
            return b""
        self.received_at += 1
        piece = self.pieces.pop(0)
        return piece() if callable(piece) else piece

    def listen(self):
        pass

    def wait(self, timeout_seconds=None, deaf_seconds=0.0):
        self.waits += 1
        self.patience.append(timeout_seconds)
        if self.when_waiting:
            self.when_waiting.pop(0)()
            return False
        return True

    def wake(self):
        pass

    def send(self, octets):
        self.sent.append(octets)

    def authenticated(self):
        self.logged_in = True

    def unauthenticated(self):
        self.logged_in = False

    def start_tls(self):
        self.is_tls = True
        self.sent.append(b"<TLS>\r\n")

    def report(self, line, left=None):
        self.reporting = line

    def start_compression(self):
        self.is_compressed = True
        self.sent.append(b"<DEFLATE>\r\n")

    @property
    def lines(self):
        return b"".join(self.sent).split(b"\r\n")[:-1]


class Metrics:
    def __init__(self):
        self.commands, self.auth = [], []

    def command(self, name, seconds=0.0):
        self.commands.append(name)

    def auth_attempt(self, result):
        self.auth.append(result)


class Authenticator:
    """Knows one user. `asked` holds what it was asked, so that a test sees when it was not."""

    def __init__(self):
        self.asked = []

    def verify(self, username, password, peer_ip, session_id):
        self.asked.append((username, password))
        if (username, password) != ("user@example.com", "password"):
            raise errors.AuthenticationFailed
        return SimpleNamespace(organization_id=1, user_id=1, address=username)


class Spool:
    def __init__(self):
        self.size, self.closed, self.largest = 0, False, 0

    def write(self, octets):
        self.size += len(octets)
        self.largest = max(self.largest, len(octets))

    def finish(self):
        pass

    def close(self):
        self.closed = True


class Mailbox(fake_mail.Mailbox):
    """A view whose news a test sets: `news` holds what each following pending() tells."""

    def __init__(self, name, count):
        super().__init__(name, range(1, count + 1))
        self.news = []
        self.refreshed, self.asked_to_expunge = [], []
        self.watching = False

    def refresh(self, received_at=None):
        self.refreshed.append(received_at)

    def pending(self, may_expunge, past_expunges=False):
        self.asked_to_expunge.append(may_expunge)
        return Told(**(self.news.pop(0) if self.news else {}))

    def watch(self, wake):
        self.watching = True

    def unwatch(self):
        self.watching = False


class Account(fake_mail.Account):
    def __init__(self, count=3):
        super().__init__(mailboxes={"INBOX": Mailbox("INBOX", count), "Sent": Mailbox("Sent", count)})
        self.appended = []

    @property
    def deleted(self):
        return [name for call, name, *_ in self.calls if call == "delete"]

    def subscribe(self, name):
        raise RuntimeError("secret inside")

    def check_append(self, name, size, before=0):
        if name not in self.mailboxes:
            raise errors.NoTarget
        if size > 20 << 20:
            raise errors.OverQuota

    def append(self, name, drafts):
        self.check_append(name, 0)
        self.appended += [draft.literal.data for draft in drafts]
        return Appended(1, list(range(10, 10 + len(drafts))))


def settings(**sections):
    """The defaults, with keys of sections replaced: settings(limits={"bad_commands": 5})."""
    return replace(DEFAULT, **{name: replace(getattr(DEFAULT, name), **keys) for name, keys in sections.items()})


def node(**sections):
    account = Account()
    made = SimpleNamespace(
        settings=settings(**sections), metrics=Metrics(), authenticator=Authenticator(), account=account, spools=[], live=[]
    )

    def spool():
        made.spools.append(Spool())
        return made.spools[-1]

    made.blobs = SimpleNamespace(spool=spool)
    made.open_account = lambda identity: account
    made.session_began = lambda session: made.live.append(session)
    made.session_ended = lambda session: made.live.remove(session)
    return made


def talk(*pieces, on=None, tls=True, loopback=True):
    """Sends the pieces, and gives the connection, whose `lines` are what the server said. `on`: a node."""
    connection = Connection(pieces, tls=tls, loopback=loopback)
    connection.session = Session(connection, on or node())
    connection.session.run()
    return connection


LOGIN = b"l LOGIN user@example.com password\r\n"
SELECT = LOGIN + b"s SELECT INBOX\r\n"


def tagged(connection, tag):
    """The lines from the end of the command before to this tag's answer."""
    lines = connection.lines
    at = next(n for n, line in enumerate(lines) if line.startswith(tag + b" "))
    begin = max((n for n in range(at) if lines[n][:1] not in (b"*", b"+")), default=0)
    return lines[begin + 1 : at + 1]
