# SPDX-License-Identifier: MIT
"""What the client is answered for a recipient after DATA: the table from what became of the message to words of
RFC 5321 and RFC 3463. Where nobody can say whether it is stored, it is deferred: never 250."""

from __future__ import annotations

from imapd import errors

DELIVERED = "250 2.0.0"
DEFERRED = "451 4.3.0 The mail store cannot be reached at the moment"
TOO_LARGE = "552 5.3.4 Message too large"
LOOP = "554 5.4.6 Too many hops"
UNKNOWN = "550 5.1.1 No such mailbox here"
DISABLED = "550 5.2.1 The mailbox is disabled"

#: By lmtp.over_quota.
OVER_QUOTA = {"temporary": "452 4.2.2 The mailbox is full", "permanent": "552 5.2.2 The mailbox is full"}

#: result of a delivery in the metrics, by the reply to it.
RESULTS = {
    DEFERRED: "deferred", TOO_LARGE: "too_large", LOOP: "loop", UNKNOWN: "unknown", DISABLED: "disabled",
    **dict.fromkeys(OVER_QUOTA.values(), "over_quota"),
}  # fmt: skip


def to(error: errors.MailError | None, over_quota: str) -> str:
    """The reply to a recipient whose copy was not stored; None: nobody knows why."""
    if isinstance(error, errors.OverQuota):
        return OVER_QUOTA[over_quota]
    if isinstance(error, errors.TooBig):
        return TOO_LARGE
    return DEFERRED  # also a folder that has gone since RCPT: asked again, RCPT will say what is the matter
