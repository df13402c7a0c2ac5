# SPDX-License-Identifier: MIT
"""Whether somebody is who they say: one query, one argon2id, and the same answer in the same time to all who are not.

How the client said it (LOGIN, SASL) is not known here.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from imapd import settings
from imapd.audit import Audit
from imapd.auth.passwords import LONGEST_PASSWORD, Passwords
from imapd.auth.penalty import Blocked, Counters, Penalties, digest
from imapd.errors import AuthenticationFailed, MailError
from imapd.storage import credentials
from imapd.storage.addresses import in_tables
from imapd.storage.credentials import Credentials, Standing
from imapd.storage.pool import Database

LONGEST_USERNAME = 320  # octets: 64 of the local part, 255 of the domain
CACHED = 10_000

Run = Callable[..., Any]


def directly(function: Callable[..., Any], *arguments: Any) -> Any:
    """The calling thread does it itself, for where nobody else waits."""
    return function(*arguments)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who logged in, and by which of their addresses."""

    organization_id: int
    user_id: int
    address: str
    password_version: int = 0

    @property
    def standing(self) -> Standing:
        """What must stay true for the session to go on."""
        local_part, _, domain = self.address.rpartition("@")
        return Standing(self.organization_id, self.user_id, self.password_version, local_part, domain)


@dataclass(slots=True)
class Login:
    """One call of verify, and what has been found out so far."""

    address: str
    peer_ip: str | None
    session_id: str
    found: Credentials | None = None
    locked: bool = False

    @property
    def user(self) -> str:
        """How the user is named in counters: the same by all addresses. A name of nobody has one of its own."""
        return f"{self.found.organization_id}.{self.found.user_id}" if self.found else "?" + digest(self.address)

    @property
    def reason(self) -> str:
        """For the audit alone."""
        if not self.found:
            return "no such user"
        return "disabled" if self.found.disabled else "locked" if self.locked else "wrong password"


class Verification:
    """A comparison of one password with one hash that is under way; who asks for the same waits for it."""

    __slots__ = ("done", "result")

    def __init__(self) -> None:
        self.done = threading.Event()
        self.result: bool | None = None


class Authenticator:
    """Verifies names and passwords. `run` is where hashing happens: HashingThreads.run in a worker."""

    def __init__(
        self,
        database: Database,
        counters: Counters,
        limits: settings.Auth,
        *,
        run: Run = directly,
        audit: Audit | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._database = database
        self._penalties = Penalties(counters, limits, sleep)
        self._passwords = Passwords(limits)
        self._run = run
        self._audit = audit
        self._clock = clock
        self._cache_seconds = limits.cache_seconds
        self._key = secrets.token_bytes(32)
        self._verified: OrderedDict[bytes, float] = OrderedDict()
        self._under_way: dict[bytes, Verification] = {}

    def verify(self, username: str | bytes, password: str | bytes, peer_ip: str | None, session_id: str) -> Identity:
        """Whose address and password it is. Raises AuthenticationFailed, or Unavailable where it cannot be known."""
        login = Login(_shown(username), peer_ip, session_id)
        try:
            attempt = self._penalties.begin(peer_ip, login.address)
        except Blocked:
            self._record("login", "blocked", login, reason="ip blocked")
            raise AuthenticationFailed from None
        presented = self._look_up(login, username, password)
        login.locked = self._penalties.is_locked(attempt, login.user)
        if self._is_right(login, presented):
            assert login.found
            self._penalties.succeeded(attempt, login.user)
            self._record("login", "ok", login)
            found = login.found
            return Identity(found.organization_id, found.user_id, login.address, found.password_version)
        self._record("login", "fail", login, reason=login.reason)
        for event in self._penalties.failed(attempt, login.user, self._wrong(login.found, presented), login.locked):
            self._record(event, "ok", login)
        raise AuthenticationFailed

    def _look_up(self, login: Login, username: str | bytes, password: str | bytes) -> str:
        """The password as text. What cannot be a name or a password finds nobody, and goes on like any other."""
        try:
            address, presented = folded(_text(username)), _text(password)
        except AuthenticationFailed:
            return secrets.token_hex()
        local_part, _, domain = address.rpartition("@")
        login.address, login.found = address, credentials.find(self._database, local_part, domain)
        return presented

    def _is_right(self, login: Login, password: str) -> bool:
        """Costs one argon2id whoever asks, unless this very password was right a moment ago."""
        found = login.found
        stored = None if not found or found.disabled or login.locked else found.password_hash
        version = found.password_version if found else 0
        key = self._digest(f"{login.user} {version} {stored is None}", password)
        expires = self._verified.get(key)
        if expires is not None and expires > self._clock():
            return True
        if not self._compare(key, stored, password):
            return False
        self._remember(key)
        if found and stored and self._passwords.is_outdated(stored):
            self._renew(found, password)
        return True

    def _compare(self, key: bytes, stored: str | None, password: str) -> bool:
        """A mail program opens several connections at once: they share one comparison."""
        if other := self._under_way.get(key):
            other.done.wait()
            if other.result is not None:
                return other.result
        mine = self._under_way[key] = Verification()
        try:
            mine.result = bool(self._run(self._passwords.verify, stored, password))
            return mine.result
        finally:
            self._under_way.pop(key, None)
            mine.done.set()

    def _remember(self, key: bytes) -> None:
        if self._cache_seconds > 0:
            self._verified[key] = self._clock() + self._cache_seconds
            self._verified.move_to_end(key)
            while len(self._verified) > CACHED:
                self._verified.popitem(last=False)

    def _renew(self, found: Credentials, password: str) -> None:
        """A login does not fail because a better hash could not be made or written: the next one tries again."""
        try:
            credentials.replace_hash(self._database, found, self._run(self._passwords.hash, password))
        except (MailError, ValueError):
            pass

    def _wrong(self, found: Credentials | None, password: str) -> str:
        """Tells a wrong password from another one, and no more: 32 bits, keyed by what only PostgreSQL knows.

        So all workers agree on it, and nobody who reads Redis learns what was nearly the password.
        """
        key = (found.password_hash or "").encode() if found else b""
        return hmac.new(key or self._key, password.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:8]

    def _digest(self, who: str, password: str) -> bytes:
        octets = password.encode("utf-8", "surrogatepass")
        return hmac.new(self._key, f"{who}\0".encode() + octets, hashlib.sha256).digest()

    def _record(self, event: str, outcome: str, login: Login, **detail: str) -> None:
        if self._audit:
            self._audit.record(
                event,
                outcome,
                organization_id=login.found.organization_id if login.found else 0,
                user_id=login.found.user_id if login.found else None,
                address=login.address,
                remote_ip=login.peer_ip,
                session=login.session_id,
                **detail,
            )


def folded(address: str) -> str:
    """An address as it stands in the tables: ASCII in lower case, the rest as it is. Raises AuthenticationFailed."""
    local_part, _, domain = address.rpartition("@")
    if not local_part or not domain or len(address.encode("utf-8", "surrogatepass")) > LONGEST_USERNAME:
        raise AuthenticationFailed
    return in_tables(address)


def _text(given: str | bytes) -> str:
    """Text that PostgreSQL takes. Raises AuthenticationFailed."""
    try:
        octets = given.encode("utf-8") if isinstance(given, str) else given
        text = octets.decode("utf-8")
    except UnicodeError:
        raise AuthenticationFailed from None
    if "\0" in text or len(octets) > LONGEST_PASSWORD:
        raise AuthenticationFailed
    return text


def _shown(username: str | bytes) -> str:
    """A user name that can be counted and recorded, whatever it is."""
    text = username.decode("utf-8", "backslashreplace") if isinstance(username, bytes) else username
    text = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")[:LONGEST_USERNAME]
    return in_tables(text)
