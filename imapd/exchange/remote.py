# SPDX-License-Identifier: MIT
"""Another IMAP server, read through the library's client. Nothing is changed there: mailboxes are only examined."""

import imaplib
import re
import ssl
from collections.abc import Iterator
from typing import Any, NamedTuple

from imapd.errors import AuthenticationFailed, Unavailable
from imapd.exchange.letters import INBOX, Folder, Letter, Unreadable
from imapd.exchange.names import decoded, inbox_or
from imapd.wire.dates import parse_date_time

PATIENCE_SECONDS = 60
AT_ONCE_OCTETS = 4 << 20
AT_ONCE = 200
NO_TLS = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}  # how versions of OpenSSL say that what came is none

_LISTED = re.compile(rb'\((?P<flags>[^)]*)\) (?:"(?P<delimiter>\\?.)"|NIL) (?P<name>.*)', re.DOTALL)
_NAMESPACE = re.compile(rb'\("((?:[^"\\]|\\.)*)" (?:"|NIL)')
_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")
_FLAGS = re.compile(rb"\bFLAGS \(([^)]*)\)")
_DATE = re.compile(rb'\bINTERNALDATE "([^"]+)"')
USES = {b"\\drafts": "\\Drafts", b"\\sent": "\\Sent", b"\\junk": "\\Junk", b"\\trash": "\\Trash",
        b"\\archive": "\\Archive"}  # fmt: skip
NO_MAILBOX = {b"\\noselect", b"\\nonexistent"}


class Server(NamedTuple):
    """Where it is. security: tls, starttls or none; verify: its certificate must be one that this machine trusts."""

    host: str
    port: int
    security: str
    verify: bool


class Remote:
    """A session of a user there. Raises errors.Unavailable, AuthenticationFailed, Unreadable."""

    def __init__(self, server: Server, user: str, password: str):
        self._where = f"{server.host}:{server.port}"
        try:
            self._imap = self._connected(server)
        except ssl.SSLCertVerificationError as error:
            raise Unavailable(
                f"{self._where} has a certificate that this machine does not trust ({error.verify_message}). "
                "Give --no-verify to take it all the same."
            ) from None
        except UnicodeError:  # of what looks the name up
            raise Unavailable(f"{server.host!r} cannot be the name of a host.") from None
        except (OSError, imaplib.IMAP4.error) as error:
            if server.security == "tls" and getattr(error, "reason", "") in NO_TLS:
                raise Unavailable(f"{self._where} does not begin with TLS: give --security starttls.") from None
            raise Unavailable(f"{self._where} cannot be reached: {error}") from None
        try:
            self._log_in(user, password)
        except imaplib.IMAP4.error as error:
            raise AuthenticationFailed(f"{self._where} refuses {user}: {_said(error)}") from None
        except OSError as error:
            raise Unavailable(f"{self._where} cannot be reached: {error}") from None

    def _connected(self, server: Server) -> imaplib.IMAP4:
        context = ssl.create_default_context()
        if not server.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if server.security == "tls":
            return imaplib.IMAP4_SSL(server.host, server.port, ssl_context=context, timeout=PATIENCE_SECONDS)
        made = imaplib.IMAP4(server.host, server.port, timeout=PATIENCE_SECONDS)
        if server.security == "starttls":
            made.starttls(context)
        return made

    def _log_in(self, user: str, password: str) -> None:
        """LOGIN has room for ASCII alone, PLAIN for UTF-8; what was typed as something else goes as it was typed."""
        if (user + password).isascii():
            self._imap.login(user, password)
        else:
            message = f"\0{user}\0{password}".encode("utf-8", "surrogateescape")
            self._imap.authenticate("PLAIN", lambda _: message)

    def close(self) -> None:
        try:
            self._imap.logout()
        except (OSError, imaplib.IMAP4.error):
            pass

    def folders(self) -> list[Folder]:
        """What can be selected in the user's first namespace. Others show it again, or are not the user's."""
        own, *others = self._namespaces()
        found = []
        for line in self._asked("list", '""', "*"):
            if folder := self._folder(line, own, others):
                found.append(folder)
        return found

    def _namespaces(self) -> list[bytes]:
        """Prefixes of names, that of the user's own first: `INBOX.` on some servers."""
        capabilities = b" ".join(self._asked("capability"))  # those before the login may have been fewer
        if b"NAMESPACE" not in capabilities.upper().split():
            return [b""]
        lines = [line for line in self._asked("namespace") if isinstance(line, bytes)]
        return [_unquoted(b'"' + prefix + b'"') for prefix in _NAMESPACE.findall(b" ".join(lines))] or [b""]

    def _folder(self, line: Any, own: bytes, others: list[bytes]) -> Folder | None:
        head, literal = line if isinstance(line, tuple) else (line, None)
        match = _LISTED.match(head or b"")
        if not match:
            return None
        flags = {flag.lower() for flag in match["flags"].split()}
        spelled = literal if literal is not None else _unquoted(match["name"])
        if flags & NO_MAILBOX or any(prefix and spelled.startswith(prefix) for prefix in others):
            return None
        delimiter = (match["delimiter"] or b"")[-1:]
        path = spelled if spelled.upper() == b"INBOX" else spelled.removeprefix(own)
        levels = path.split(delimiter) if delimiter else [path]
        name = "/".join(decoded(level.decode("ascii", "replace")).replace("/", "_") for level in levels)
        use = next((USES[flag] for flag in flags if flag in USES), None)
        return Folder(inbox_or(name) or INBOX, lambda _: self._letters(spelled), None, use)

    def _letters(self, spelled: bytes) -> Iterator[Letter]:
        (count, *_) = self._asked("select", _quoted(spelled), True)
        if not int(count):
            return
        sizes = [
            (int(uid[1]), int(size[1]))
            for line in self._asked("uid", "FETCH", "1:*", "(UID RFC822.SIZE)")
            if isinstance(line, bytes) and (uid := _UID.search(line)) and (size := _SIZE.search(line))
        ]
        for batch in _batches(sorted(sizes)):
            yield from self._some(batch)

    def _some(self, uids: list[int]) -> Iterator[Letter]:
        """The letters of these UIDs. Where the server cannot give one of them, the others all the same."""
        named = ",".join(map(str, uids))
        try:
            lines = self._asked("uid", "FETCH", named, "(UID FLAGS INTERNALDATE BODY.PEEK[])")
        except Unreadable as error:
            if len(uids) == 1:
                yield Letter(b"", uid=uids[0], problem=str(error))
                return
            for uid in uids:
                yield from self._some([uid])
            return
        for head, octets in _fetched(lines):
            yield _letter(head, octets)

    def _asked(self, command: str, *arguments: Any) -> list[Any]:
        try:
            status, lines = getattr(self._imap, command)(*arguments)
        except imaplib.IMAP4.abort as error:
            raise Unavailable(f"{self._where} has ended the session: {_said(error)}") from None
        except imaplib.IMAP4.error as error:
            raise Unreadable(f"{self._where} refuses {command.upper()}: {_said(error)}") from None
        except OSError as error:
            raise Unavailable(f"{self._where} does not answer: {error}") from None
        if status != "OK":
            raise Unreadable(f"{self._where} refuses {command.upper()}: {_said(lines[0] if lines else '')}")
        return [line for line in lines if line is not None]


def _batches(sizes: list[tuple[int, int]]) -> Iterator[list[int]]:
    """As many UIDs at once as fit into memory easily."""
    batch: list[int] = []
    octets = 0
    for uid, size in sizes:
        if batch and (octets + size > AT_ONCE_OCTETS or len(batch) == AT_ONCE):
            yield batch
            batch, octets = [], 0
        batch.append(uid)
        octets += size
    if batch:
        yield batch


def _fetched(lines: list[Any]) -> Iterator[tuple[bytes, bytes]]:
    """What the library gives for one FETCH: what stands before and after the octets, and the octets."""
    head, octets = b"", None
    for line in lines:
        if isinstance(line, tuple):
            if octets is not None:
                yield head, octets
            head, octets = line
        else:
            head += b" " + line
    if octets is not None:
        yield head, octets


def _letter(head: bytes, octets: bytes) -> Letter:
    flags = _FLAGS.search(head)
    names = flags[1].decode("ascii", "replace").split() if flags else []
    uid, date = _UID.search(head), _DATE.search(head)
    seconds, zone = None, 0
    if date:
        try:
            seconds, zone = parse_date_time(date[1])
        except ValueError:
            pass
    kept = [name for name in names if name.lower() != "\\recent"]
    return Letter(octets, kept, seconds, zone, int(uid[1]) if uid else 0)


def _quoted(name: bytes) -> str:
    return '"' + name.decode("ascii", "replace").replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unquoted(name: bytes) -> bytes:
    return re.sub(rb"\\(.)", rb"\1", name[1:-1]) if name.startswith(b'"') else name


def _said(error: Any) -> str:
    """What a server said, in one line."""
    text = error.args[0] if isinstance(error, Exception) and error.args else error
    octets = text if isinstance(text, bytes) else str(text).encode()
    return " ".join(octets.decode("utf-8", "replace").split())[:200]
