# SPDX-License-Identifier: MIT
"""Values of fields: dates, encoded words, parameters, base subjects, charsets, and text without its markup."""

import pytest

from imapd.mail.mime import charsets, html
from imapd.mail.mime.dates import sent
from imapd.mail.mime.parameters import decoded, split, transfer_encoding
from imapd.mail.mime.subjects import base_subject, extracted
from imapd.mail.mime.words import text_of

JULY = 837595405  # Wed, 17 Jul 1996 09:23:25 UTC


class TestDates:
    @pytest.mark.parametrize(
        ("value", "found"),
        [
            (b"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)", (JULY, -420)),
            (b"17 Jul 96 9:23:25 GMT", (JULY, 0)),
            (b"Wed, 17 July 1996 09:23:25 UT", (JULY, 0)),
            (b"Wed,17 Jul 1996 04:23:25 EST", (JULY, -300)),
            (b"Wed Jul 17 09:23:25 1996", (JULY, 0)),
            (b"Wed (day), 17 (x) Jul 1996 (y) 09:23:25 +0000", (JULY, 0)),
            (b"17-Jul-1996 09:23:25 +0000", (JULY, 0)),
            (b"17 Jul 1996 09:23 +0000", (JULY - 25, 0)),
            (b"17 Jul 096 09:23:25", (JULY, 0)),
            (b"17 Jul 1996 09:23:25 Z", (JULY, 0)),
            (b"31 Dec 1998 23:59:60 +0000", (915148800, 0)),
            (b"1 Jan 0001 00:00:00 +0000", (-62135596800, 0)),
        ],
    )
    def test_read(self, value, found):
        assert sent(value) == found

    @pytest.mark.parametrize(
        "value",
        [
            b"", b"today", b"Mon, 1 Jan 4459332 00:00:00 +0000", b"17 Jul 1996", b"17 Jul 1996 24:00:00 +0000",
            b"31 Feb 1996 00:00:00 +0000", b"0 Jul 1996 00:00:00 +0000", b"17 Xxx 1996 00:00:00 +0000",
            b"17 Jul 1996 09:23:25 +9999", b"17 Jul 1996 09:61:25 +0000", b"1 Jan 0000 00:00:00 +0000",
            b"1" * 1_000_000, b" (" * 500_000, b"17 Jul " * 100_000, "١٧ Jul 1996 09:23:25 +0000".encode(),
        ],
    )  # fmt: skip
    def test_not_read(self, value):
        assert sent(value) is None


class TestWords:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (b"plain", "plain"),
            (b"=?UTF-8?B?w7xiZXI=?=", "über"),
            (b"=?utf-8?q?a_b=C3=BC?= c", "a bü c"),
            (b"x =?utf-8?q?a?= =?utf-8?q?b?= y", "x ab y"),
            (b"=?utf-8?B?w7w=?=\t=?utf-8?Q?w?=", "üw"),
            (b"=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "ü"),
            (b"=?iso-8859-1*en?q?=FC?=", "ü"),
            (b"=?iso-2022-jp?B?GyRCJCIbKEI=?=", "あ"),
            (b"=?utf-8?q?with space?=", "with space"),
            (b"=?utf-8?q?=zz?=", "=zz"),
            (b"=?nope?q?=C3=BC?=", "ü"),
            (b"=?utf-8?b?w7xiZXI?=", "über"),
            (b"=?utf-8?b?!w7-xiZXI=?=", "über"),
            (b"=?utf-8?x?a?=", "=?utf-8?x?a?="),
            (b"=?utf-8?q?never", "=?utf-8?q?never"),
            (b"\xc3\xbc", "ü"),
            (b"\xfc", "ü"),
            (b"a\0b", "ab"),
        ],
    )
    def test_decoded(self, value, text):
        assert text_of(value) == text


class TestCharsets:
    @pytest.mark.parametrize(
        "name", ["../../x", "\0", "hex", "punycode", "idna", "utf-7", "rot13", "zlib", "x" * 10**6, ""]
    )
    def test_others_than_listed_are_guessed(self, name):
        assert charsets.codec(name) is None
        assert charsets.decode(b"\xc3\xbc+AGE-", name) == "ü+AGE-"
        assert charsets.decode(b"\xfc", name) == "ü"

    def test_all_listed_exist_and_never_fail(self):
        octets = bytes(range(256)) * 3
        for name in charsets._CODECS:
            assert "\0" not in charsets.decode(octets, name)
            charsets.decode(octets, name).encode("utf-8")

    @pytest.mark.parametrize(
        ("octets", "charset", "text"),
        [
            (b'\x1b$B$"\x1b(B', "iso-2022-jp", "あ"),
            (b"a\0b\0", "utf-16le", "ab"),
            (b"\x93x\x94", "us-ascii", "“x”"),
            (b"\xd6\xd0", "GB2312", "中"),
            (b"\xa4\xa4", "Big5", "中"),
            (b"\x83\x36\xc7\x38", "gb18030", None),
        ],
    )
    def test_text(self, octets, charset, text):
        decoded = charsets.decode(octets, charset)
        decoded.encode("utf-8")
        assert text is None or decoded == text


class TestParameters:
    @pytest.mark.parametrize(
        ("value", "found"),
        [
            (b"text/plain", (b"text", b"plain", [])),
            (b"TEXT / PLAIN; Charset=UTF-8", (b"text", b"plain", [(b"charset", b"UTF-8")])),
            (b'a/b; n="x;y\\"z"; m = 1', (b"a", b"b", [(b"n", b'x;y"z'), (b"m", b"1")])),
            (b"a/b; n=my file.pdf ;m=2 (note)", (b"a", b"b", [(b"n", b"my file.pdf"), (b"m", b"2")])),
            (b'a/b; n="never closed', (b"a", b"b", [(b"n", b"never closed")])),
            (b"a/b; n=; ;; =x; m", (b"a", b"b", [(b"n", b"")])),
            (b"attachment; filename=x", (b"attachment", None, [(b"filename", b"x")])),
            (b"", (b"", None, [])),
            (b"; n=x", (b"", None, [])),
            (b"(c) a/b; n=1", (b"a", b"b", [(b"n", b"1")])),
            (b"a/b; (c) n=1; (d)m(e) =2", (b"a", b"b", [(b"n", b"1"), (b"m", b"2")])),
            (b"a (c) / (d) b (; n=1); n=2", (b"a", b"b", [(b"n", b"2")])),
            (b"(a (b) c) (d)a/b", (b"a", b"b", [])),
            (b"a/b; n=report (1).pdf", (b"a", b"b", [(b"n", b"report (1).pdf")])),
            (b"(a/b", (b"", None, [])),
            (b"a/b; (n=1; m=2", (b"a", b"b", [(b"m", b"2")])),
        ],
    )
    def test_split(self, value, found):
        assert split(value) == found

    @pytest.mark.parametrize(
        ("value", "encoding"),
        [
            (None, b"7bit"),
            (b"", b"7bit"),
            (b"BASE64", b"base64"),
            (b"base64 (as usual)", b"base64"),
            (b"(as usual) quoted-printable", b"quoted-printable"),
            (b"8bit;", b"8bit"),
            (b'"base64"', b'"base64"'),
            (b"x-own", b"x-own"),
        ],
    )
    def test_transfer_encoding(self, value, encoding):
        first = {} if value is None else {b"content-transfer-encoding": value}
        assert transfer_encoding(first) == encoding

    def test_no_more_than_128(self):
        assert len(split(b"a/b" + b"; n=1" * 1000)[2]) == 128

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (b"a; n=plain", "plain"),
            (b'a; n="=?utf-8?q?=C3=BC?="', "ü"),
            (b"a; n*=utf-8'en'%C3%BCber", "über"),
            (b"a; n*0=one; n*1=two", "onetwo"),
            (b"a; n*1*=%BCx; n*0*=utf-8''%C3; n*2=%20", "üx%20"),
            (b"a; n*x=1; n*9999=2; other*0=3", ""),
            (b"a; n*=%FC", "ü"),
        ],
    )
    def test_decoded(self, value, text):
        assert decoded(split(value)[2], b"n") == text


class TestBaseSubject:
    @pytest.mark.parametrize(
        ("subject", "base"),
        [
            ("hello", "hello"),
            ("re: hello", "hello"),
            ("re: re[4]: fwd : fw: hello (fwd) (fwd)", "hello"),
            ("[list] re: [list] hello", "hello"),
            ("re: [list] [other] hello", "hello"),
            ("[only]", "[only]"),
            ("[a] [b]", "[b]"),
            ("[fwd: hello]", "hello"),
            ("re: [fwd: [list] re: hello (fwd)] (fwd)", "hello"),
            ("  a \t b\n c ", "a b c"),
            ("re:", ""),
            ("", ""),
            ("regards: x", "regards: x"),
            ("re [x] : y", "y"),
            ("[unclosed re: x", "[unclosed re: x"),
            ("re: " * 16000 + "x", "x"),
            ("[a]" * 20000 + "x", "x"),
            ("[a]" * 20000, "[a]"),
            ("[fwd: " * 10000 + "x" + "]" * 10000, "x"),
        ],
    )
    def test_extracted(self, subject, base):
        assert base_subject(subject) == base

    @pytest.mark.parametrize("subject", ["re: x", "fwd:x", "[l] fw : x", "x (fwd)", "[fwd: x]", "[a] [fwd: x]", "re:"])
    def test_a_reply(self, subject):
        assert extracted(subject)[1]

    @pytest.mark.parametrize("subject", ["x", "", "[l] x", " x ", "regards: x", "[fwd: x", "x [fwd: y]", "(fwd) x"])
    def test_no_reply(self, subject):
        assert not extracted(subject)[1]


class TestHtml:
    @pytest.mark.parametrize(
        ("markup", "text"),
        [
            ("plain & simple", "plain & simple"),
            ("<p>a</p><p>b</p>", "a\nb"),
            ("a<b>b</b>c <a href='x'>d</a>", "abc d"),
            ("&lt;x&gt; &uuml;&nbsp;&#8364;", "<x> ü €"),
            ("<HEAD><title>t</title></HEAD><style>p{}</style>x<SCRIPT>y</Script >z", "xz"),
            ("a<!-- <p> -->b", "ab"),
            ("a<script>never closed <p>", "a"),
            ("a <!-- never closed", "a"),
            ("1 < 2 <3 >", "1 < 2 <3 >"),
            ("a<br/>\r\n  b<unclosed", "a\nb"),
            ("&#0;&#xd800;&#x110000;", "\ufffd\ufffd\ufffd"),
            ("\u0130<STYLE>x</STYLE>y", "\u0130y"),
        ],
    )
    def test_text(self, markup, text):
        assert html.text_of(markup) == text


@pytest.mark.parametrize(
    ("token", "value"),
    [
        (b"utf-8 (what a person wrote)", b"utf-8"),
        (b"utf-8(a)", b"utf-8"),
        (b"a (b) (c)  ", b"a (b)"),
        (b"a (b", b"a (b"),
        (b"a b)", b"a b)"),
        (b"a (b))", b"a (b))"),
        (b"(b)", b""),
        (b"my file (1).pdf", b"my file (1).pdf"),
    ],
)
def test_a_comment_behind_a_value_is_none_of_it(token, value):
    assert split(b"text/plain; charset=" + token)[2] == [(b"charset", value)]
