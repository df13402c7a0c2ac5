# SPDX-License-Identifier: MIT
"""What the message says that warns of a quota."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from imapd.mail.quota_letter import TEMPLATE, message, octets_said, template
from imapd.settings import Quota
from imapd.storage.quotas import Crossing, Usage

USAGE = Usage("m7", 0, None, 0, None, 6, None, 80, "ann@example.com", "example.com", 7, 3, 1)


def crossing(root: str = "m7", **changed: Any) -> Crossing:
    made = Crossing(1, 2, root, 80, 8_590_010_122, 10 << 30, 41022, None, datetime.now(UTC))
    return made._replace(**changed)


def written(text: str, root: str = "m7", to: str = "ann@example.com", **changed: Any) -> Any:
    octets = message(text, crossing(root, **changed), USAGE, to)
    assert b"\n" not in octets.replace(b"\r\n", b"")
    return message_from_bytes(octets.replace(b"\r\n", b"\n"), policy=policy.default)


def test_the_letter_that_comes_along() -> None:
    letter = written(TEMPLATE)
    assert letter["Subject"] == "80 % of the quota of ann@example.com are used"
    assert (letter["To"], letter["From"]) == ("ann@example.com", "postmaster@example.com")
    assert letter["Auto-Submitted"] == "auto-generated" and letter["Date"] and letter["Message-ID"]
    assert "storage:  8 GiB of 10 GiB" in letter.get_content()
    assert "messages: 41022 of unlimited" in letter.get_content()


@pytest.mark.parametrize(
    ("root", "what"),
    [("m7", "ann@example.com"), ("u3", "all mailboxes of ann@example.com"), ("d1", "the domain example.com")],
)
def test_what_is_full_is_named(root: str, what: str) -> None:
    assert written("Subject: x\n\n$what, $address", root, "bob@example.com").get_content() == f"{what}, bob@example.com\n"


def test_a_template_may_hold_whatever_it_likes() -> None:
    letter = written("Subject: ¡Ojo!\n  $percent\n\n$address $unknown 5 $ ${what} — ñ\r\nlast")
    assert letter["Subject"] == "¡Ojo! 80"
    assert letter.get_content() == "ann@example.com $unknown 5 $ ann@example.com — ñ\nlast\n"
    assert written("no empty line")["Subject"] == "no empty line"
    assert written("Subject: a\r\nBcc: x@example.net\r\n\r\nb")["Bcc"] is None


def test_a_template_that_cannot_be_read_is_not_missed(tmp_path: Path) -> None:
    assert template(Quota()) == TEMPLATE
    (tmp_path / "own").write_text("Subject: own\n\nñ", encoding="utf-8")
    (tmp_path / "other").write_bytes(b"Subject: \xff")
    assert template(Quota(message_template=str(tmp_path / "own"))) == "Subject: own\n\nñ"
    for name in ("other", "none"):
        assert template(Quota(message_template=str(tmp_path / name))) == TEMPLATE


def test_octets_for_people() -> None:
    said = [octets_said(octets) for octets in (0, 1023, 1024, 78_000, 1 << 20, 1023 << 30, 5 << 50, None)]
    assert said == ["0 octets", "1023 octets", "1 KiB", "76.17 KiB", "1 MiB", "1023 GiB", "5120 TiB", "unlimited"]
