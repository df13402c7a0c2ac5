# SPDX-License-Identifier: MIT
"""Paths and parameters, and the end of DATA: which octets are a message, wherever they are cut."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.lmtp import syntax
from imapd.lmtp.syntax import Address, Dots, Wrong
from tests.running.lmtp import stuffed


def fed(octets: bytes, *cuts: int) -> tuple[bytes, bytes | None]:
    """What comes out where it goes in in these pieces."""
    dots, data, rest = Dots(), b"", None
    for start, end in zip((0, *cuts), (*cuts, len(octets)), strict=True):
        if rest is not None:
            rest += octets[start:end]
        else:
            more, rest = dots.feed(octets[start:end])
            data += more
    return data, rest


@pytest.mark.parametrize(
    ("octets", "data", "rest"),
    [
        (b".\r\n", b"", b""),
        (b"\r\n.\r\n", b"\r\n", b""),
        (b"a\r\n.\r\nQUIT\r\n", b"a\r\n", b"QUIT\r\n"),
        (b"..\r\n.\r\n", b".\r\n", b""),
        (b".a\r\n..b\r\n...\r\n.\r\n", b"a\r\n.b\r\n..\r\n", b""),
        (b"a.\r\n.\r\n", b"a.\r\n", b""),
        (b"a\r\n.\r\r\n.\r\n", b"a\r\n\r\r\n", b""),
        (b"a\r\n.", b"a", None),
        (b"a\r", b"a", None),
        (b"a\r\n.\r", b"a", None),
    ],
)
def test_dots(octets: bytes, data: bytes, rest: bytes | None) -> None:
    assert fed(octets) == (data, rest)
    assert fed(octets, *range(1, len(octets))) == (data, rest)
    for cut in range(1, len(octets)):
        assert fed(octets, cut) == (data, rest)


@pytest.mark.parametrize(
    "not_the_end",
    [
        b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\n\n.\r\n", b".\r\r\n",
        b"\r.\r", b"\n.\r", b"\r\n.\r\r\n", b"\r\n.\n\r\n", b"\r\n. \r\n", b"\r\r\n.\n",
    ],
)  # fmt: skip
def test_nothing_else_ends_a_message(not_the_end: bytes) -> None:
    hidden = b"a" + not_the_end + b"MAIL FROM:<a@b>\r\nDATA\r\n"
    data, rest = fed(hidden + b".\r\nQUIT\r\n")
    assert rest == b"QUIT\r\n"
    assert data == re.sub(rb"\r\n\.", b"\r\n", hidden)


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\0", b"\r\n", b"\r\n."])), st.data())
def test_what_was_stuffed_comes_out(pieces: list[bytes], data: st.DataObject) -> None:
    message = b"".join(pieces)
    message += b"" if message.endswith(b"\r\n") or not message else b"\r\n"
    octets = (stuffed(message) if message else b".\r\n") + b"NOOP\r\n"
    cuts = sorted(data.draw(st.sets(st.integers(1, len(octets) - 1))))
    assert fed(octets, *cuts) == (message, b"NOOP\r\n")


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("ann@example.com", Address("ann", "example.com")),
        ("Ann.O+x@Example.COM", Address("Ann.O+x", "Example.COM")),
        ("ann@example.com.", Address("ann", "example.com")),
        ('"ann"@example.com', Address("ann", "example.com")),
        (r'"a\"n \\ n"@example.com', Address('a"n \\ n', "example.com")),
        ("ann+../../x@example.com", Address("ann+../../x", "example.com")),
        ("ann@[IPv6:::1]", Address("ann", "[IPv6:::1]")),
        ("käthe@exämple.com", Address("käthe", "exämple.com")),
    ],
)
def test_recipients(path: str, address: Address) -> None:
    assert syntax.recipient(path, utf8=True) == address


@pytest.mark.parametrize(
    "path",
    [
        "", "ann", "@example.com", '""@example.com', "@a,@b:ann@example.com", "@a:b@c", "a b@example.com", "ann@",
        "ann@-a.example", "ann@a..example", "a\rn@example.com", "a@b@c",
        "x" * 65 + "@example.com", "ann@" + "x" * 256, "x" * 10_000 + "@example.com", "ann@[ ]", "\x00@example.com",
    ],
)  # fmt: skip
def test_no_recipients(path: str) -> None:
    with pytest.raises(Wrong, match=r"^553 5\.1\.3 "):
        syntax.recipient(path, utf8=True)


@pytest.mark.parametrize("path", ["käthe@example.com", "k\udce4the@example.com"])
def test_letters_need_smtputf8(path: str) -> None:
    with pytest.raises(Wrong, match=r"^553 5\.6\.7 "):
        syntax.recipient(path, utf8=False)
    with pytest.raises(Wrong, match=r"^553 5\.6\.7 "):
        syntax.sender("\udce4@example.com", utf8=True)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("FROM:<>", ("", {})),
        ("from: <ann@example.com>", ("ann@example.com", {})),
        ("FROM:<a@b> size=5 BODY=8BITMIME SMTPUTF8", ("a@b", {"SIZE": "5", "BODY": "8BITMIME", "SMTPUTF8": None})),
        ('FROM:<"a b>"@c>', ('"a b>"@c', {})),
        ("FROM:<prvs=1234=a.b/c@d>", ("prvs=1234=a.b/c@d", {})),
    ],
)
def test_paths(given: str, found: object) -> None:
    assert syntax.path("FROM:", given) == found


@pytest.mark.parametrize(
    "given",
    [
        None, "", "FROM", "FROM:", "FROM:ann@example.com", "FROM:<ann@example.com", "FROM:<a@b>SIZE=1", "FROM:<a@b> =1",
        "FROM:<a@b> SIZE=1 SIZE=2", "FROM:<a@b> SIZE=\x01", "FROM:<a\x00b@c>", "TO:<a@b>", "FROM:<a b@c>", "FROM:<<a@b>>",
    ],
)  # fmt: skip
def test_no_paths(given: str | None) -> None:
    with pytest.raises(Wrong, match=r"^501 5\.[15]\.[47] "):
        syntax.path("FROM:", given)
