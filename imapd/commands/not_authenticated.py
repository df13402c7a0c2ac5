# SPDX-License-Identifier: MIT
"""STARTTLS, AUTHENTICATE, LOGIN. Whether a password is right is decided in auth/; here is how it travels."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imapd.auth import sasl
from imapd.errors import AuthenticationFailed, AuthorizationFailed, PrivacyRequired
from imapd.protocol.answers import Refused
from imapd.protocol.capability import advertised
from imapd.protocol.registry import Capability, Done, command
from imapd.protocol.states import NOT_AUTHENTICATED
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.responses import Continue, Output

if TYPE_CHECKING:
    from imapd.protocol.session import Session

LONGEST_CREDENTIAL = 1024
"""Octets of a user name or a password. Hashing more would be work that an attacker gives us for nothing."""


def offers_tls(session: Session) -> bool:
    return not session.connection.is_tls and session.settings.tls.certificate is not None


CAPABILITIES = (
    Capability(b"STARTTLS", rfc=3501, states=NOT_AUTHENTICATED, when=offers_tls, always=True),
    Capability(b"LOGINDISABLED", rfc=3501, states=NOT_AUTHENTICATED, when=lambda s: not s.is_private, always=True),
    *(
        Capability(b"AUTH=" + name, rfc=3501, states=NOT_AUTHENTICATED, when=lambda s: s.is_private, always=True)
        for name in sasl.MECHANISMS
    ),
)


@dataclass(frozen=True, slots=True)
class Authenticate:
    mechanism: bytes
    initial: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Login:
    username: str
    password: str = field(repr=False)


def parse_authenticate(cursor: Cursor) -> Authenticate:
    """authenticate = "AUTHENTICATE" SP auth-type [SP (base64 / "=")], the last by RFC 4959"""
    cursor.sp()
    mechanism = cursor.word()
    initial = cursor.astring() if cursor.take(b" ") else None
    return Authenticate(mechanism, initial)


def parse_login(cursor: Cursor) -> Login:
    """login = "LOGIN" SP userid SP password; both are astrings"""
    cursor.sp()
    username = cursor.astring()
    cursor.sp()
    password = cursor.astring()
    try:
        return Login(username.decode("utf-8"), password.decode("utf-8"))
    except UnicodeDecodeError:
        raise AuthenticationFailed from None


@command("STARTTLS", states=NOT_AUTHENTICATED)
def starttls(session: Session, args: None) -> Generator[Output, None, Done]:
    if not offers_tls(session):
        raise BadSyntax("TLS is active already." if session.connection.is_tls else "TLS is not offered here.")
    yield from ()
    return Done("Begin TLS negotiation now.", then=session.start_tls)


@command("AUTHENTICATE", parse_authenticate, states=NOT_AUTHENTICATED)
def authenticate(session: Session, args: Authenticate) -> Generator[Output, None, Done]:
    """Carries challenges and responses between the mechanism and the client."""
    if args.mechanism not in sasl.MECHANISMS:
        raise Refused(b"CANNOT", "That mechanism is not supported.")
    need_privacy(session)
    exchange = sasl.MECHANISMS[args.mechanism]()
    response: bytes | None = args.initial
    try:
        challenge = next(exchange)
        while True:
            if response is None:
                yield Continue(sasl.encode(challenge).decode("ascii"))
                response = session.read_line()
            if response == b"*":
                raise BadSyntax("Authentication is cancelled.")
            challenge = exchange.send(sasl.decode(response))
            response = None
    except StopIteration as end:
        username, password = end.value
    except sasl.BadResponse as error:
        raise BadSyntax(str(error)) from None
    except (AuthenticationFailed, AuthorizationFailed):
        session.node.metrics.auth_attempt("failure")
        raise
    return logged_in(session, username, password)


@command("LOGIN", parse_login, states=NOT_AUTHENTICATED)
def login(session: Session, args: Login) -> Generator[Output, None, Done]:
    need_privacy(session)
    yield from ()
    return logged_in(session, args.username, args.password)


def need_privacy(session: Session) -> None:
    """A password sent in the clear is not looked at: an answer would tell a listener whether it is right."""
    if not session.is_private:
        raise PrivacyRequired


def logged_in(session: Session, username: str, password: str) -> Done:
    """Logs in, and tells what the server can do from here on."""
    metrics = session.node.metrics
    try:
        if max(len(username), len(password)) > LONGEST_CREDENTIAL:
            raise AuthenticationFailed
        identity = session.node.authenticator.verify(username, password, session.connection.peer[0], session.id)
    except (AuthenticationFailed, AuthorizationFailed):
        metrics.auth_attempt("failure")
        raise
    session.log_in(session.node.open_account(identity))
    metrics.auth_attempt("success")
    return Done("Logged in.", b"CAPABILITY " + b" ".join(advertised(session)))
