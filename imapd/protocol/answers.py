# SPDX-License-Identifier: MIT
"""How IMAP says what mail/ raises: the response code of every error. The one place that knows both vocabularies."""

from __future__ import annotations

from imapd import errors
from imapd.wire.responses import No, Ok

CODES: dict[type[BaseException], bytes] = {
    errors.NotFound: b"NONEXISTENT",
    errors.NoTarget: b"TRYCREATE",
    errors.AlreadyExists: b"ALREADYEXISTS",
    errors.NoPermission: b"NOPERM",
    errors.Cannot: b"CANNOT",
    errors.UseTaken: b"USEATTR",
    errors.HasChildren: b"HASCHILDREN",
    errors.OverQuota: b"OVERQUOTA",
    errors.LimitReached: b"LIMIT",
    errors.TooBig: b"TOOBIG",
    errors.Expunged: b"EXPUNGEISSUED",
    errors.Corrupt: b"CORRUPTION",
    errors.UnknownEncoding: b"UNKNOWN-CTE",
    errors.InUse: b"INUSE",
    errors.Unavailable: b"UNAVAILABLE",
    errors.AuthenticationFailed: b"AUTHENTICATIONFAILED",
    errors.AuthorizationFailed: b"AUTHORIZATIONFAILED",
    errors.PrivacyRequired: b"PRIVACYREQUIRED",
}


class Refused(Exception):
    """A NO that is no error of mail/: a response code (or None) and the text."""

    def __init__(self, code: bytes | None, text: str):
        super().__init__(text)
        self.code = code


class Interrupted(ConnectionError):
    """A response was begun and cannot be finished, in the middle of a literal for one. Whatever followed, the client
    would take for the rest of it, so the connection ends."""


def quota_reached(root: str, percent: int, *, selected: bool) -> Ok:
    """A warning that so much of a quota is used, which the client shows to the user (RFC 3501 section 7.1). OVERQUOTA
    is for who has a mailbox selected (RFC 9208 section 4.3.1)."""
    said = f"The quota {root} is used up." if percent >= 100 else f"{percent} % of the quota {root} is used."
    if percent >= 100 and selected:
        return Ok(said, b"OVERQUOTA")
    return No(said, b"ALERT")


def code(error: errors.MailError) -> bytes | None:
    """The response code of an error: that of its class, or of the nearest class above."""
    for kind in type(error).__mro__:
        if kind in CODES:
            return CODES[kind]
    return None
