# SPDX-License-Identifier: MIT
"""What can go wrong with mail, in neutral words. protocol/answers.py alone knows how IMAP says them.

The text of an error is shown to the user: it names no SQL, no path and nothing of another tenant.
"""


class MailError(Exception):
    """Base of all that mail/ and storage/ raise on purpose. str(error) is fit for the client."""

    text = "It cannot be done."

    def __init__(self, text: str | None = None):
        super().__init__(text or self.text)


class NotFound(MailError):
    """No such mailbox, or none that this user may know of: the two are answered alike."""

    text = "No such mailbox."


class NoTarget(NotFound):
    """The target of COPY, MOVE or APPEND does not exist but could be created (IMAP: TRYCREATE)."""


class AlreadyExists(MailError):
    text = "That mailbox exists already."


class NoPermission(MailError):
    text = "You do not have the right to do that."


class Cannot(MailError):
    """The name or operation can never work, whoever asks."""

    text = "That is not possible."


class UseTaken(Cannot):
    text = "A mailbox cannot be made for that use."


class HasChildren(Cannot):
    text = "The mailbox has inferior names; delete them first."


class OverQuota(MailError):
    """root: which quota has no room, as the store names it: m…, u… or d… for a mailbox, a user or a domain."""

    text = "The quota of this mailbox has no room for that."
    texts = {
        "u": "The quota of all mailboxes of this user together has no room for that.",
        "d": "The quota of this domain has no room for that.",
    }

    def __init__(self, text: str | None = None, root: str = ""):
        super().__init__(text or self.texts.get(root[:1]))
        self.root = root


class LimitReached(MailError):
    text = "A limit of this server is reached."


class TooBig(MailError):
    text = "That is larger than this server takes."


class Expunged(MailError):
    text = "Some of the messages are no longer there."


class Corrupt(MailError):
    text = "A stored message cannot be read."


class UnknownEncoding(MailError):
    text = "How a part of the message is encoded is not known here."


class InUse(MailError):
    text = "Somebody else is working on it; try again."


class Unavailable(MailError):
    text = "The mail store cannot be reached at the moment; try again."


class AuthenticationFailed(MailError):
    text = "Authentication failed."


class AuthorizationFailed(MailError):
    text = "You may not act for that user."


class PrivacyRequired(MailError):
    text = "Start TLS before you log in."
