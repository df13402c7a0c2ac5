# SPDX-License-Identifier: MIT
"""Messages made to hurt. Each is parsed at several sizes: the time must grow as the size does, and what comes out of it
must be valid and bounded."""

import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imapd.mail.mime import limits, parts
from imapd.mail.mime.parse import parse
from imapd.mail.mime.structure import scan
from imapd.storage.contents import TYPES
from tests.mail.mime.imap_syntax import depth, read


def multiparts(names):
    return b"".join(b'Content-Type: multipart/mixed; boundary="%b"\r\n\r\n--%b\r\n' % (name, name) for name in names)


def text(kind, content):
    return b"Content-Type: text/%b\r\n\r\n%b" % (kind, content)


# Each makes a message of about n octets.
HOSTILE = {
    "messages in messages": lambda n: b"Content-Type: message/rfc822\r\n\r\n" * (n // 32) + b"A: b\r\n\r\n",
    "messages in messages, then lines": lambda n: b"Content-Type: message/rfc822\r\n\r\n" * 99 + b"\n" * n,
    "multiparts in multiparts": lambda n: multiparts(b"b%d" % i for i in range(n // 56)),
    "one boundary on every level": lambda n: multiparts([b"b"] * (n // 50)),
    "never closed": lambda n: multiparts([b"b"]) + b"--b\r\n\r\nx\r\n" * (n // 10),
    "parts without anything": lambda n: multiparts([b"b"]) + b"--b\r\n" * (n // 5),
    "prefixes": lambda n: multiparts([b"b" * i for i in range(1, 99)]) + b"--c\r\n--" * (n // 7),
    "lines of dashes": lambda n: multiparts(bytes([65 + i % 50]) * (i + 1) for i in range(99)) + b"--\n" * (n // 3),
    "headers of dashes": lambda n: multiparts([b"b"]) + b"--\n" * (n // 3),
    "headers without end": lambda n: multiparts([b"b"]) + b"--b\r\nX: y\r\n" * (n // 11),
    "addresses": lambda n: b"To: " + b", ".join(b"u%d@example.com" % i for i in range(n // 20)) + b"\r\n\r\n",
    "address fields": lambda n: b"To: user@example.com\r\n" * (n // 22) + b"\r\n",
    "addresses of parentheses": lambda n: b"To: " + b"(" * n + b"\r\n\r\n",
    "addresses of brackets": lambda n: b"To: " + b"<<,@:;" * (n // 6) + b"\r\n\r\n",
    "addresses of quotes": lambda n: b"To: " + b'"\\' * (n // 2) + b"\r\n\r\n",
    "addresses of spaces": lambda n: b"To: " + b" " * n + b"x\r\n\r\n",
    "replies": lambda n: b"Subject: " + b"Re: " * (n // 4) + b"\r\n\r\n",
    "blobs": lambda n: b"Subject: " + b"[a]" * (n // 3) + b"\r\n\r\n",
    "forwards": lambda n: b"Subject: " + b"[fwd: " * (n // 7) + b"x" + b"]" * (n // 7) + b"\r\n\r\n",
    "encoded words": lambda n: b"Subject: " + b"=?utf-8?q?=41?= " * (n // 16) + b"\r\n\r\n",
    "beginnings of encoded words": lambda n: b"Subject: " + b"=?a?q?" * (n // 6) + b"\r\n\r\n",
    "fields": lambda n: b"X: y\r\n" * (n // 6) + b"\r\n",
    "lines that are no fields": lambda n: b"XXXX\r\n" * (n // 6) + b"\r\n",
    "one field": lambda n: b"X: " + b"y" * n + b"\r\n\r\n",
    "folds": lambda n: b"X: y" + b"\r\n y" * (n // 4) + b"\r\n\r\n",
    "parameters": lambda n: b"Content-Type: text/plain; " + b"a*0=b; " * (n // 7) + b"\r\n\r\n",
    "parameters of quotes": lambda n: b"Content-Type: text/plain; " + b'a="b\\; ' * (n // 8) + b"\r\n\r\n",
    "spaces before a bracket": lambda n: b"Content-Type: text/plain; name=x" + b" " * n + b"(\r\n\r\n",
    "comments without end": lambda n: b"Content-Type: text/plain; " + b"(a; " * (n // 4) + b"\r\n\r\n",
    "comments in comments": lambda n: b"Content-Type: " + b"((a)" * (n // 4) + b"\r\n\r\n",
    "comments before nothing": lambda n: b"Content-Type: text/plain;" + b"(a) " * (n // 4) + b"=\r\n\r\n",
    "comments of escapes": lambda n: b"Content-Transfer-Encoding: (" + b"\\)" * (n // 2) + b"\r\n\r\n",
    "comments and semicolons": lambda n: b"Content-Type: text/plain" + b";\\(" * (n // 3) + b"\r\n\r\n",
    "languages": lambda n: b"Content-Language: " + b"a," * (n // 2) + b"\r\n\r\n",
    "references": lambda n: b"References: " + b"<a@b> " * (n // 6) + b"\r\n\r\n",
    "dates": lambda n: b"Date: " + b"1 (" * (n // 3) + b"\r\n\r\n",
    "tags": lambda n: text(b"html", b"<" * n),
    "tags that are never closed": lambda n: text(b"html", b"<a " * (n // 3)),
    "scripts": lambda n: text(b"html", b"<script" * (n // 7)),
    "comments": lambda n: text(b"html", b"<!--" * (n // 4)),
    "entities": lambda n: text(b"html", b"&amp" * (n // 4)),
    "spaces": lambda n: text(b"html", b" \t" * (n // 4) + b"x" + b" \n" * (n // 4)),
    "soft line ends": lambda n: b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\r\n=" * (n // 4),
    "base64 of nothing": lambda n: b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=" * n,
    "escapes": lambda n: text(b"plain; charset=iso-2022-jp", b"\x1b$B\x1b(B" * (n // 6)),
    "NUL": lambda n: b"\0" * n,
    "carriage returns": lambda n: b"\r" * n,
    "line feeds": lambda n: b"Content-Type: message/rfc822\r\n\r\n" + b"a\n" * (n // 2),
}


def check(octets):
    """Whatever the message: the columns are valid, bounded, and lie within it."""
    content = parse(octets, sha256=b"")
    read(content.envelope)
    assert depth(read(content.body)) <= 2 * limits.DEPTH + 10
    read(content.body_structure)
    for name, kind in TYPES.items():
        if kind == "text":
            value = getattr(content, name)
            assert "\0" not in value
            value.encode("utf-8")
    assert len(content.envelope) < 1 << 20
    assert len(content.body_structure) < 3 << 20
    assert len(content.body_text) < 2 * limits.TEXT_CHARACTERS
    check_offsets(octets)
    return content


def check_offsets(octets):
    found = scan(octets)
    assert 1 <= len(found) <= limits.PARTS
    for part in found:
        assert part.depth <= limits.DEPTH
        assert 0 <= part.header_start <= part.body_start <= part.end <= len(octets)
        if part.parent:
            assert part.parent.body_start <= part.header_start
            assert part.end <= part.parent.end
        for one, next_one in zip(part.children, part.children[1:], strict=False):
            assert one.end <= next_one.header_start
    stored = parts.encode(found)
    header, body = parts.section(stored, (), b"HEADER"), parts.section(stored, (), b"TEXT")
    assert header == (0, body[0])
    assert sum(body) == len(octets)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name):
    recursion_limit = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    try:
        parse(HOSTILE[name](40_000), sha256=b"")
    finally:
        sys.setrecursionlimit(recursion_limit)
    check(HOSTILE[name](200_000))


def duration(octets):
    began = time.perf_counter()
    parse(octets, sha256=b"")
    return time.perf_counter() - began


@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_linear(name):
    small, large = HOSTILE[name](100_000), HOSTILE[name](1_600_000)
    # Sixteen times the size, and whatever else the machine is doing: quadratic would be 256 times.
    assert duration(large) < 0.3 + 64 * min(duration(small) for _ in range(2))


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_within_all_bounds_takes_no_time(name):
    """What is cut off at 64 KiB hides how its time grows up to there."""
    octets = HOSTILE[name](60_000)
    began = time.process_time()
    parse(octets, sha256=b"")
    assert time.process_time() - began < 1


def test_no_more_than_the_first_addresses_are_told():
    to = read(check(HOSTILE["addresses"](2_000_000)).envelope)[5]
    assert len(to) == limits.ADDRESSES
    assert len(read(check(HOSTILE["address fields"](2_000_000)).envelope)[5]) == limits.ADDRESSES


PIECES = st.sampled_from(
    [
        b"\r\n", b"\n", b"\r", b"\0", b"\r\n\r\n", b"--", b"--b", b"--b--", b"--bb", b" ", b"\t", b"x", b"=", b'"', b"\\", b"(",
        b")", b"<", b">", b"@", b",", b";", b":", b"[", b"]", b"{3}", b"Content-Type: multipart/mixed; boundary=b\r\n",
        b'Content-Type: multipart/digest; boundary="bb"\r\n', b"Content-Type: message/rfc822\r\n\r\n",
        b"Content-Type: text/html; charset=", b"utf-16", b"iso-2022-jp", b"hz", b"gb18030", b"\xff\xfe", b"\x83\x36\xc7\x38",
        b"Content-Transfer-Encoding: base64\r\n", b"Content-Transfer-Encoding: quoted-printable\r\n", b"=C3", b"<script>",
        b"Content-Disposition: attachment; filename*=", b"utf-8''%00", b"From: ", b"To: ", b"Subject: ", b"Date: ", b"=?utf-8?q?",
        b"=?utf-8?b?", b"?=", b"Re:", b"[fwd:", b"&#xd800;", b"Message-ID: ", b"Wed, 17 Jul 1996 02:23:25 -0700",
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(PIECES, st.binary(max_size=6)), max_size=60).map(b"".join))
def test_any_octets_are_a_message(octets):
    check(octets)
