# SPDX-License-Identifier: MIT
"""IMAP URLs of messages: what they mean, and that nothing else is taken for one."""

from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.wire.errors import BadSyntax
from imapd.wire.names import decode_utf8, folded
from imapd.wire.urls import MessageUrl, message_url

NUMBERS = st.integers(1, 4294967295)
NAMES = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1).filter(
    lambda name: not name.endswith("/")
)


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        (b"/INBOX/;UID=20", MessageUrl("INBOX", None, 20, b"", 0, None)),
        (
            b"/inbox;UIDVALIDITY=385759045/;UID=20/;section=HEADER",
            MessageUrl("INBOX", 385759045, 20, b"HEADER", 0, None),
        ),
        (b"/a/b/;uid=1/;SECTION=1.2/;PARTIAL=5.10", MessageUrl("a/b", None, 1, b"1.2", 5, 10)),
        (b";UID=7/;PARTIAL=3", MessageUrl(None, None, 7, b"", 3, None)),
        (b"/;UID=7", MessageUrl(None, None, 7, b"", 0, None)),
        (b"/a%3Bb%2F%25/;UID=7", MessageUrl("a;b/%", None, 7, b"", 0, None)),
    ],
)
def test_meanings(url: bytes, meant: MessageUrl) -> None:
    """shows: RFC 4469 3"""
    assert message_url(url) == meant


@pytest.mark.parametrize(
    "url",
    [
        b"", b"/", b"/INBOX", b"/INBOX/;UID=0", b"/INBOX/;UID=99999999999", b"imap://host/INBOX/;UID=1", b"/INBOX?text",
        b"//INBOX/;UID=1/", b"/%FF/;UID=1", b"/%0d%0a/;UID=1", b"/a b/;UID=1", b"/a%2/;UID=1", b"/a/;UID=1/;PARTIAL=1.0",
        b"/a/;UID=1;UID=2", "/é/;UID=1".encode(),
    ],
)  # fmt: skip
def test_what_is_no_url_of_a_message(url: bytes) -> None:
    with pytest.raises(BadSyntax):
        message_url(url)


@given(NAMES, NUMBERS, NUMBERS)
def test_every_name_can_be_written(name: str, validity: int, uid: int) -> None:
    with suppress(ValueError):
        kept = folded(decode_utf8(name.encode()))
        url = f"/{quote(name)};UIDVALIDITY={validity}/;UID={uid}".encode()
        assert message_url(url) == MessageUrl(kept, validity, uid, b"", 0, None)


@given(st.binary() | st.from_regex(rb"/[a/%;=UID0-9]{0,40}", fullmatch=True))
def test_anything_else_is_refused_and_nothing_worse(url: bytes) -> None:
    with suppress(BadSyntax):
        assert message_url(url).uid > 0
