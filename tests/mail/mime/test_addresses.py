# SPDX-License-Identifier: MIT
"""Address lists as ENVELOPE shows them, the broken ones too."""

import pytest

from imapd.mail.mime.addresses import addresses

END = (None, None, None, None)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"", []),
        (b" , ,", []),
        (b"a@b", [(None, None, b"a", b"b")]),
        (b"Fred Foobar <foobar@Blurdybloop.COM>", [(b"Fred Foobar", None, b"foobar", b"Blurdybloop.COM")]),
        (b'"Foo, Bar" <f@b>, "" <c@d>', [(b"Foo, Bar", None, b"f", b"b"), (None, None, b"c", b"d")]),
        (b'"A \\"B\\" C" <a@b>', [(b'A "B" C', None, b"a", b"b")]),
        (b"=?utf-8?q?J=C3=BCrgen?= <j@x>", [(b"=?utf-8?q?J=C3=BCrgen?=", None, b"j", b"x")]),
        (b"A. B. C. <a.b@c>", [(b"A. B. C.", None, b"a.b", b"c")]),
        (b"a@b (Name of (nested) a)", [(b"Name of (nested) a", None, b"a", b"b")]),
        (b"A (comment) <a@b> , c@d", [(b"A", None, b"a", b"b"), (None, None, b"c", b"d")]),
        (b'"john doe"@x, <"l p"@y>', [(None, None, b"john doe", b"x"), (None, None, b"l p", b"y")]),
        (b"<@a,@b:u@d>", [(None, b"@a,@b", b"u", b"d")]),
        (b'<""@x>', [(None, None, b"", b"x")]),
        (b"<>", [(None, None, b"", b"")]),
        (b"a@[192.0.2.1]", [(None, None, b"a", b"[192.0.2.1]")]),
        (b"foo", [(None, None, b"foo", b"MISSING_DOMAIN")]),
        (b"foo@", [(None, None, b"foo", b"MISSING_DOMAIN")]),
        (b"John Doe", [(b"John Doe", None, b"MISSING_MAILBOX", b"MISSING_DOMAIN")]),
        (b"a@b@c", [(None, None, b"a@b", b"c")]),
        (b"undisclosed-recipients:;", [(None, None, b"undisclosed-recipients", None), END]),
        (
            b"g: a@b, C <c@d>;, e@f",
            [
                (None, None, b"g", None),
                (None, None, b"a", b"b"),
                (b"C", None, b"c", b"d"),
                END,
                (None, None, b"e", b"f"),
            ],
        ),
        (b"g: a@b", [(None, None, b"g", None), (None, None, b"a", b"b"), END]),
        (b"<a@b", [(None, None, b"a", b"b")]),
        (b'"never closed <a@b>', [(b"never closed <a@b>", None, b"MISSING_MAILBOX", b"MISSING_DOMAIN")]),
        (b"(never closed", []),
        (b"\xe4 <a@b>", [(b"\xe4", None, b"a", b"b")]),
    ],
)
def test_lists(value, found):
    assert [tuple(address) for address in addresses(value)] == found


def test_limit():
    assert len(addresses(b"a@b, " * 100, limit=10)) == 10
    assert len(addresses(b"(c) a@b, " * 100, limit=10)) == 10
