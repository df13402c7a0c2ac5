# SPDX-License-Identifier: MIT
"""Mail to measure with: the same for every server, about 4 KB each, a third of it plain, the rest with parts."""

import base64
import random
from email.utils import formatdate

WORDS = ["harbour", "winter", "engine", "letter", "garden", "market", "silver", "window", "answer", "bridge", "castle", "copper", "doctor", "evening", "family", "forest", "golden", "hammer", "island", "journey", "kitchen", "ladder", "meadow", "number", "orange", "paper", "quarry", "river", "summer", "ticket"]
FIRST_SECOND = 1_600_000_000


def letters(count: int, seed: int = 7) -> list[bytes]:
    """Messages 0 to count - 1; threads among them."""
    chance = random.Random(seed)
    return [_letter(number, chance) for number in range(count)]


def _letter(number: int, chance: random.Random) -> bytes:
    subject = " ".join(chance.choices(WORDS, k=5))
    header = [
        f"Received: from relay{number % 3}.example.net by mx.example.com with ESMTPS id {number:08x};",
        f"\t{formatdate(FIRST_SECOND + 700 * number)}",
        f"From: {chance.choice(WORDS).title()} {chance.choice(WORDS).title()} <sender{number % 40}@example.net>",
        f"To: Reader <reader{number % 5}@example.com>, team@example.com",
        f"Subject: {'Re: ' if number % 3 == 0 else ''}{subject}",
        f"Date: {formatdate(FIRST_SECOND + 700 * number)}",
        f"Message-ID: <{number}.{chance.getrandbits(48):x}@example.net>",
        "MIME-Version: 1.0",
    ]
    if number % 3 == 0 and number:
        header.append(f"In-Reply-To: <{number - 1}.parent@example.net>")
    body = _plain(chance) if number % 3 == 1 else _parts(number, chance)
    return "\r\n".join([*header, *body, ""]).encode()


def _text(chance: random.Random, lines: int) -> list[str]:
    return [" ".join(chance.choices(WORDS, k=9)) + "." for _ in range(lines)]


def _plain(chance: random.Random) -> list[str]:
    return ["Content-Type: text/plain; charset=utf-8", "", *_text(chance, 50)]


def _parts(number: int, chance: random.Random) -> list[str]:
    edge = f"edge-{number}"
    text = ["--" + edge, "Content-Type: text/plain; charset=utf-8", "", *_text(chance, 18)]
    html = ["--" + edge, "Content-Type: text/html", "", *(f"<p>{line}</p>" for line in _text(chance, 14))]
    attached = base64.encodebytes(chance.randbytes(700)).decode().split("\n")
    file = [
        "--" + edge, "Content-Type: application/octet-stream", "Content-Transfer-Encoding: base64",
        'Content-Disposition: attachment; filename="data.bin"', "", *attached,
    ]  # fmt: skip
    return [f'Content-Type: multipart/mixed; boundary="{edge}"', "", *text, *html, *file, f"--{edge}--"]
