# SPDX-License-Identifier: MIT
"""The mail that the demo begins with: what people get in a week, in the forms that mail clients must cope with."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

USER = "user@example.com"
USER_AT_WORK = "user@company.org"
COLLEAGUE = "colleague@example.com"

HOME = timezone(timedelta(hours=1))

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC"
)
INVOICE = b"""%PDF-1.1
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 100]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj
4 0 obj<</Length 44>>stream
BT /F 18 Tf 20 50 Td (Invoice 2042: 99.00 EUR) Tj ET
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
"""


@dataclass(frozen=True)
class Sample:
    """A message, and where it goes."""

    mailbox: str  # address
    folder: str
    octets: bytes
    sent: datetime
    flags: tuple[str, ...] = ()


class Writer:
    """Composes messages around a point in time. Hours are counted back from it."""

    def __init__(self, now: datetime):
        self._now = now.replace(minute=12, second=0, microsecond=0)
        self._number = 0

    def message(
        self, hours: float, sender: str, to: str, subject: str, text: str, reply_to: EmailMessage | None = None
    ) -> EmailMessage:
        self._number += 1
        sent = (self._now - timedelta(hours=hours)).astimezone(HOME)
        name, _, address = sender.rpartition(" ")
        local, _, domain = address.strip("<>").partition("@")
        made = EmailMessage(policy=SMTP)
        made["Return-Path"] = f"<{local}@{domain}>"
        made["Received"] = (
            f"from mail.{domain} (mail.{domain} [192.0.2.{self._number}]) by mx.example.com with ESMTPS "
            f"id {self._number:06X}; {sent:%a, %d %b %Y %H:%M:%S %z}"
        )
        made["From"] = Address(name.strip('"'), local, domain)
        made["To"] = to
        made["Subject"] = subject
        made["Date"] = sent
        made["Message-ID"] = f"<{sent:%Y%m%d%H%M}.{self._number}@{domain}>"
        if reply_to is not None:
            earlier = f"{reply_to['References'] or ''} {reply_to['Message-ID']}".strip()
            made["In-Reply-To"] = reply_to["Message-ID"]
            made["References"] = earlier
        made.set_content(text)
        return made


def samples(now: datetime) -> Iterator[Sample]:
    """In the order in which they arrived, folder by folder."""
    writer = Writer(now)
    for mailbox, folder, made, flags in (*_inbox(writer), *_others(writer), *_at_work(writer), *_colleague(writer)):
        yield Sample(mailbox, folder, made.as_bytes(), made["Date"].datetime, flags)


Placed = tuple[str, str, EmailMessage, tuple[str, ...]]


def _inbox(writer: Writer) -> Iterator[Placed]:
    seen = ("\\Seen",)
    yield USER, "INBOX", writer.message(
        160, "Welcome Team <welcome@example.com>", USER, "Welcome to your new mailbox",
        "Hello,\n\nthis mailbox is yours. It is reachable as user@example.com and user@company.org,\n"
        "with one password. Have a look at the folders, and at Shared/colleague@example.com/INBOX.\n\nHave fun!\n",
    ), seen  # fmt: skip
    lunch = writer.message(
        120, "Grace Gallagher <grace@example.com>", f"{USER}, {COLLEAGUE}", "Lunch on Thursday?",
        "Hi both,\n\nshall we try the new place at the harbour on Thursday, 12:30?\n\nGrace\n",
    )  # fmt: skip
    yield USER, "INBOX", lunch, ("\\Seen", "\\Answered")
    answer = writer.message(
        117, f"Colin League <{COLLEAGUE}>", "Grace Gallagher <grace@example.com>", "Re: Lunch on Thursday?",
        "> shall we try the new place at the harbour on Thursday, 12:30?\n\nCount me in. I'll book a table.\n\nColin\n",
        reply_to=lunch,
    )  # fmt: skip
    answer["Cc"] = USER
    yield USER, "INBOX", answer, seen
    yield USER, "INBOX", _newsletter(writer), seen
    yield USER, "INBOX", writer.message(
        90, "Jürgen Müller <juergen@company.org>", USER, "Besprechung am Montag – Änderung der Uhrzeit",
        "Hallo,\n\nwir müssen die Besprechung auf 15 Uhr verschieben. Passt das für dich?\n\nSchöne Grüße\nJürgen\n",
    ), ("\\Seen", "\\Flagged")  # fmt: skip
    yield USER, "INBOX", _invoice(writer), ("\\Flagged", "$Forwarded")
    yield USER, "INBOX", writer.message(
        49, "山田 太郎 <taro@example.jp>", USER, "次回の打ち合わせについて",
        "お世話になっております。\n\n次回の打ち合わせは金曜日の10時でいかがでしょうか。\n\n山田\n"
    ), ()  # fmt: skip
    yield USER, "INBOX", _photos(writer), ()
    yield USER, "INBOX", _forward(writer, lunch), ()
    yield USER, "INBOX", _bounce(writer), ()
    yield USER, "INBOX", writer.message(
        7, "Build Server <builds@example.com>", USER, "[builds] #481 passed",
        "Pipeline #481 of main passed in 3 min 12 s.\n\n  lint      ok\n  tests     2,314 passed\n  package   ok\n",
    ), ()  # fmt: skip
    yield USER, "INBOX", writer.message(
        1, f"Colin League <{COLLEAGUE}>", USER, "Numbers for the report",
        "Hi,\n\ncould you send me the figures of last quarter by tomorrow? I have put the draft into my INBOX,\n"
        "which I have shared with you.\n\nThanks\nColin\n",
    ), ()  # fmt: skip


def _newsletter(writer: Writer) -> EmailMessage:
    made = writer.message(
        100, "The Weekly Harbour <news@harbour.example>", USER, "This week: seven ways to tie a bowline",
        "This week at the harbour\n\n1. Seven ways to tie a bowline\n2. The tide table for the month\n",
    )  # fmt: skip
    made["List-Id"] = "The Weekly Harbour <weekly.harbour.example>"
    made["List-Unsubscribe"] = "<https://harbour.example/unsubscribe>"
    made.add_alternative(
        "<html><body><h1>This week at the harbour</h1><ol><li>Seven ways to tie a <b>bowline</b></li>"
        "<li>The tide table for the month</li></ol></body></html>\n",
        subtype="html",
    )
    return made


def _invoice(writer: Writer) -> EmailMessage:
    made = writer.message(
        60, '"Accounts, Paper & Ink Ltd" <billing@paper-and-ink.example>', USER, "Invoice 2042",
        "Dear customer,\n\nplease find our invoice attached. It is due within 14 days.\n",
    )  # fmt: skip
    made.add_attachment(INVOICE, maintype="application", subtype="pdf", filename="invoice 2042 – März.pdf")
    return made


def _photos(writer: Writer) -> EmailMessage:
    made = writer.message(30, "Maria Moreau <maria@example.org>", USER, "Photos 📷", "Look at these!\n")
    made.add_alternative('<html><body><p>Look at these!</p><img src="cid:one"></body></html>\n', subtype="html")
    html = made.get_payload()[1]  # type: ignore[index]
    html.add_related(PIXEL, "image", "png", cid="<one>")  # type: ignore[union-attr]
    made.add_attachment(PIXEL, maintype="image", subtype="png", filename="harbour.png")
    return made


def _forward(writer: Writer, forwarded: EmailMessage) -> EmailMessage:
    made = writer.message(
        26, "Pedro Pereira <pedro@company.org>", USER, "Fwd: Lunch on Thursday?", "Am I invited, too? ;-)\n"
    )
    made.add_attachment(forwarded)
    return made


def _bounce(writer: Writer) -> EmailMessage:
    made = writer.message(
        20, "Mail Delivery System <mailer-daemon@example.com>", USER, "Undelivered Mail Returned to Sender",
        "Your message could not be delivered to <nobody@example.net>: no such user.\n",
    )  # fmt: skip
    made.make_mixed()
    status = EmailMessage(policy=SMTP)
    status["Content-Type"] = "message/delivery-status"
    of_server, of_recipient = EmailMessage(policy=SMTP), EmailMessage(policy=SMTP)
    of_server["Reporting-MTA"] = "dns; mx.example.com"
    of_recipient["Final-Recipient"] = "rfc822; nobody@example.net"
    of_recipient["Status"] = "5.1.1"
    status.set_payload([of_server, of_recipient])
    made.attach(status)
    made.replace_header("Content-Type", made["Content-Type"].replace("multipart/mixed", "multipart/report"))
    made.set_param("report-type", "delivery-status")
    return made


def _others(writer: Writer) -> Iterator[Placed]:
    yield USER, "Sent", writer.message(
        119, f"A. User <{USER}>", "Grace Gallagher <grace@example.com>", "Re: Lunch on Thursday?", "With pleasure!\n"
    ), ("\\Seen",)  # fmt: skip
    yield USER, "Sent", writer.message(
        80, f"A. User <{USER}>", "Jürgen Müller <juergen@company.org>", "Re: Besprechung am Montag", "15 Uhr passt.\n"
    ), ("\\Seen",)  # fmt: skip
    yield USER, "Drafts", writer.message(
        3, f"A. User <{USER}>", COLLEAGUE, "Re: Numbers for the report", "Hi Colin,\n\nhere they are:\n"
    ), ("\\Seen", "\\Draft")  # fmt: skip
    yield USER, "Archive", writer.message(
        900, "Grace Gallagher <grace@example.com>", USER, "Minutes of the meeting", "1. Decisions\n2. Open points\n"
    ), ("\\Seen",)  # fmt: skip
    yield USER, "Spam", writer.message(
        40, "Prize Department <win@lucky.example>", USER, "YOU HAVE WON!!!", "Send us your bank details to claim it.\n"
    ), ("$Junk",)  # fmt: skip


def _at_work(writer: Writer) -> Iterator[Placed]:
    for hours, name, subject, text, flags in (
        (
            150,
            "Human Resources <hr@company.org>",
            "Holiday calendar",
            "Please enter your holidays by Friday.\n",
            ("\\Seen",),
        ),
        (
            70,
            "Pedro Pereira <pedro@company.org>",
            "Release plan",
            "Version 2 goes out on the 1st. Objections?\n",
            ("\\Seen",),
        ),
        (22, "Facility <house@company.org>", "Lift out of order", "The lift in house B is being repaired today.\n", ()),
        (2, "Pedro Pereira <pedro@company.org>", "Re: Release plan", "No objections, so it is settled.\n", ()),
    ):
        yield USER_AT_WORK, "INBOX", writer.message(hours, name, USER_AT_WORK, subject, text), flags


def _colleague(writer: Writer) -> Iterator[Placed]:
    for hours, name, subject, text, flags in (
        (120, "Grace Gallagher <grace@example.com>", "Lunch on Thursday?", "Shall we?\n", ("\\Seen",)),
        (
            28,
            "Controlling <controlling@company.org>",
            "Figures of last quarter",
            "See the draft below.\n\n4,211 / 3,998\n",
            (),
        ),
        (
            4,
            f"Colin League <{COLLEAGUE}>",
            "Draft of the report",
            "My notes so far. Please add your numbers.\n",
            ("\\Flagged",),
        ),
    ):
        yield COLLEAGUE, "INBOX", writer.message(hours, name, COLLEAGUE, subject, text), flags
