# SPDX-License-Identifier: MIT
"""The message that warns of a quota: the operator's template, or the one that comes along, filled in. Who gets it, and
when, is in mail/quota_warnings.py.
"""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from string import Template

from imapd import log
from imapd.settings import Quota
from imapd.storage.quotas import Crossing, Usage

TEMPLATE = """Subject: $percent % of the quota of $what are used

$percent % of what $what may hold are used:

    storage:  $storage_used of $storage_limit
    messages: $messages_used of $message_limit

When it is full, new mail for it is refused. Delete what is not needed any more, and empty the trash.
"""


def template(settings: Quota) -> str:
    """The text of the message; the one that comes along where the operator's own cannot be read."""
    if settings.message_template is None:
        return TEMPLATE
    try:
        return Path(settings.message_template).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        log.error("the template of quota warnings cannot be read", error=str(error))
        return TEMPLATE


def message(text: str, crossing: Crossing, usage: Usage, to: str) -> bytes:
    """The message that warns, as octets."""
    what = {"m": usage.address, "u": f"all mailboxes of {usage.address}", "d": f"the domain {usage.domain}"}
    filled = Template(text).safe_substitute(
        what=what[crossing.root[0]], address=to, percent=crossing.threshold,
        storage_used=octets_said(crossing.storage_used), storage_limit=octets_said(crossing.storage_limit),
        messages_used=crossing.messages_used, message_limit=_said(crossing.message_limit),
    )  # fmt: skip
    first, _, body = filled.replace("\r\n", "\n").partition("\n\n")
    domain = to.rpartition("@")[2]
    made = EmailMessage()
    made["From"] = f"postmaster@{domain}"
    made["To"] = to
    made["Subject"] = " ".join(first.removeprefix("Subject:").split())
    made["Date"] = format_datetime(datetime.now(UTC))
    made["Message-ID"] = make_msgid(domain=domain)
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(body)
    return made.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def octets_said(octets: int | None) -> str:
    """For people, in a unit of 1024s."""
    if octets is None:
        return "unlimited"
    size, unit = float(octets), "octets"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.4g} {unit}" if size < 1000 else f"{size:.0f} {unit}"


def _said(limit: int | None) -> str:
    return "unlimited" if limit is None else str(limit)
