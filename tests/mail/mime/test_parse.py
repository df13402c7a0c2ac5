# SPDX-License-Identifier: MIT
"""A whole message to the columns of `contents`."""

from dataclasses import fields

import pytest

from imapd.mail.folding import fold
from imapd.mail.mime import limits
from imapd.mail.mime.parse import ParsedContent, parse
from imapd.storage.contents import TYPES
from tests.mail.mime.imap_syntax import read

LETTER = (
    b"Return-Path: <bounce@example.com>\r\n"
    b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
    b"From: =?utf-8?q?J=C3=BCrgen?= Gray <Gray@cac.washington.edu>\r\n"
    b"Subject: Re: [list] =?utf-8?b?w5xiZXI=?= WG mtg\r\n\tsummary\r\n"
    b"To: imap@cac.washington.edu\r\n"
    b'To: "Second, One" <second@x>\r\n'
    b"cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
    b"Bcc: hidden@x\r\n"
    b"In-Reply-To: <parent@x>\r\n"
    b"References: <root@x>\r\n <parent@x>\r\n"
    b"Message-Id: <B27397@cac.washington.edu>\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n"
    b"\r\n"
    b"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"> quoted\r\nGr=FC=DFe\r\nand   a =\r\nlong line\r\n"
    b"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"PHA+SMOkbGxvPC9wPg==\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: =?utf-8?q?=C3=84?= inside\r\n\r\nInner TEXT\r\n"
    b"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename*=utf-8''%C3%9Cber.pdf\r\n\r\n"
    b"never searched\r\n"
    b"--b--\r\n"
)


def parsed(octets):
    return parse(octets, sha256=b"")


def test_it_fills_the_columns_that_are_stored():
    assert [field.name for field in fields(ParsedContent)] == list(TYPES)


def test_what_is_known_of_a_letter():
    content = parse(LETTER, sha256=b"hash")
    assert (content.sha256, content.size, content.parsed_by) == (b"hash", len(LETTER), limits.PARSER_VERSION)
    assert content.header == LETTER[: LETTER.index(b"--b")]
    assert content.header_size == len(content.header)
    assert content.message_id == "B27397@cac.washington.edu"
    assert content.refs == "root@x parent@x"
    assert (content.sent_at, content.sent_zone) == (837595405, -420)
    assert content.subject == fold("re: [list] über wg mtg\tsummary")
    assert (content.base_subject, content.is_reply) == (fold("über wg mtg summary"), True)
    assert (content.sort_from, content.sort_to, content.sort_cc) == ("gray", "imap", "minutes")
    assert (content.display_from, content.display_to) == (fold("jürgen gray"), "imap@cac.washington.edu")
    assert content.from_text == fold("jürgen gray <gray@cac.washington.edu>")
    assert content.to_text == 'imap@cac.washington.edu, "second, one" <second@x>'
    assert content.cc_text == "minutes@cnri.reston.va.us, john klensin <klensin@mit.edu>"
    assert content.bcc_text == "hidden@x"


def test_header_text():
    lines = parsed(LETTER).header_text.split("\n")
    assert lines[0] == lines[-1] == ""
    assert lines[1] == "return-path: <bounce@example.com>"
    assert fold("subject: re: [list] über wg mtg\tsummary") in lines
    assert "references: <root@x> <parent@x>" in lines
    assert len(lines) == 15


def test_body_text():
    text = parsed(LETTER).body_text
    for expected in ("> quoted\ngrüsse\nand   a long line", "hällo", "subject: ä inside", "inner text", "über.pdf"):
        assert fold(expected) in text
    assert "<p>" not in text
    assert "never searched" not in text


def test_preview():
    assert parsed(LETTER).preview == "Grüße and a long line"
    assert parsed(b"Content-Type: text/html\r\n\r\n<p>Some <b>t</b>ext</p>").preview == "Some text"
    assert parsed(b"\r\n> only\r\n> quoted").preview == "> only > quoted"
    assert parsed(b"\r\n" + b"word " * 1000).preview == ("word " * 40)[:200]
    assert parsed(b"Content-Type: image/png\r\n\r\nxyz").preview == ""


def test_comments():
    octets = b"Content-Type: (as) text/html; (usual) charset=utf-8\r\nContent-Transfer-Encoding: base64 (as usual)\r\n"
    content = parsed(octets + b"\r\nPHA+SMOkbGxvPC9wPg==\r\n")
    assert content.body_text == fold("hällo")
    assert content.preview == "Hällo"
    assert content.body == b'("text" "html" ("charset" "utf-8") NIL NIL "base64" 22 1)'


def test_a_message_global():
    """It is looked into as a message/rfc822, and told as RFC 3501 tells of what it does not know."""
    inner = "Subject: für dich\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nWörter\r\n--i--".encode()
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/global\r\n\r\n"
    content = parsed(head + inner + b"\r\n--b--")
    assert content.body == b'(("message" "global" NIL NIL NIL "7bit" %d) "mixed")' % len(inner)
    assert read(content.body_structure)[0] == [b"message", b"global", None, None, None, b"7bit", len(inner), *[None] * 4]
    assert content.preview == "Wörter"
    assert fold("für dich") in content.body_text


def test_structure():
    content = parsed(LETTER)
    plain, html, message, pdf, kind = read(content.body)
    assert plain == [b"text", b"plain", [b"charset", b"iso-8859-1"], None, None, b"quoted-printable", 41, 3]
    assert html[:2] == [b"text", b"html"]
    assert message[:2] == [b"message", b"rfc822"]
    assert message[7][1] == b"=?utf-8?q?=C3=84?= inside"
    assert message[8:] == [[b"text", b"plain", [b"charset", b"us-ascii"], None, None, b"7bit", 10, 0], 2]
    assert pdf == [b"application", b"pdf", None, None, None, b"7bit", 14]
    assert kind == b"mixed"
    assert read(content.body_structure)[3][8] == [b"attachment", [b"filename*", b"utf-8''%C3%9Cber.pdf"]]
    assert read(content.body_structure)[4:] == [b"mixed", [b"boundary", b"b"], None, None, None]


def test_structure_of_rfc_3501():
    # RFC 3501, section 7.4.2
    octets = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain; charset=US-ASCII\r\n\r\n" + b"x" * 46 + b"\r\n" * 22 + b"\r\n"
        b'--b\r\nContent-Type: text/plain; CHARSET=US-ASCII; NAME="cc.diff"\r\n'
        b"Content-ID: <960723163407.20117h@cac.washington.edu>\r\nContent-Description: Compiler diff\r\n"
        b"Content-Transfer-Encoding: BASE64\r\n\r\n" + b"x" * 60 + b"\r\n" * 7 + b"\r\n--b--"
    )
    assert parsed(octets).body == (
        b'(("text" "plain" ("charset" "US-ASCII") NIL NIL "7bit" 90 22)'
        b'("text" "plain" ("charset" "US-ASCII" "name" "cc.diff") "<960723163407.20117h@cac.washington.edu>" '
        b'"Compiler diff" "base64" 74 7) "mixed")'
    )


def test_extension_data():
    octets = (
        b"Content-Type: text/plain\r\nContent-MD5: abc==\r\nContent-Disposition: inline\r\n"
        b"Content-Language: en, de\r\nContent-Location: http://x/\r\n\r\n"
    )
    extension = b'"abc==" ("inline" NIL) ("en" "de") "http://x/"'
    assert parsed(octets).body_structure.endswith(extension + b")")
    assert b'"en" NIL)' in parsed(b"Content-Language: en\r\n\r\n").body_structure


class TestEnvelope:
    def test_of_an_empty_message(self):
        assert parsed(b"").envelope == b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"

    def test_absent_and_empty_are_not_the_same(self):
        assert parsed(b"Subject:\r\n\r\n").envelope.startswith(b'(NIL "" NIL')

    def test_sender_and_reply_to_are_as_from_unless_given(self):
        sender = read(parsed(b"From: a@b\r\nSender:\r\nReply-To: c@d\r\n\r\n").envelope)
        assert sender[2] == sender[3] == [[None, None, b"a", b"b"]]
        assert sender[4] == [[None, None, b"c", b"d"]]

    def test_octets_beyond_ascii_are_a_literal(self):
        assert parsed(b"Subject: \xc3\xbc\r\n\r\n").envelope.startswith(b"(NIL {2}\r\n\xc3\xbc NIL")

    def test_long_strings_are_literals(self):
        assert parsed(b"Subject: " + b"x" * 5000 + b"\r\n\r\n").envelope.startswith(b"(NIL {5000}\r\nxxx")

    def test_quotes_are_escaped(self):
        assert parsed(b'Subject: a "b" \\c\r\n\r\n').envelope.startswith(b'(NIL "a \\"b\\" \\\\c" NIL')


class TestTextOnly:
    """What a message says never becomes a line of the protocol or a field of the header."""

    def test_line_ends_in_an_encoded_word(self):
        octets = b"From: =?UTF-8?Q?A=0D=0A=2A_9_EXISTS=0D=0A?= <a@b>\r\nSubject: =?utf-8?b?eA0KYmNjOiB5?=\r\n\r\n"
        content = parsed(octets)
        assert b"\n" not in content.envelope
        assert "\nbcc:" not in content.header_text
        assert content.header_text.count("\n") == 3

    @pytest.mark.parametrize("octet", [bytes([n]) for n in [*range(32), 127] if n != 10])
    def test_control_characters(self, octet):
        name = b"x" + octet + b"y"
        octets = b'From: %b <a@b>\r\nSubject: %b\r\nContent-Type: a/b; n="%b"\r\nContent-ID: %b\r\n\r\n' % ((name,) * 4)
        content = parsed(octets)
        for rendered in (content.envelope, content.body_structure):
            read(rendered)
            assert all(32 <= each < 127 for each in rendered)

    def test_no_nul_in_any_text(self):
        octets = b"Fr\0om: \0a <\0@b>\r\nSubject: \0s=?utf-8?q?=00?=\r\nX: \0\r\nMessage-ID: <\0>\r\n\r\n\0body &#0;\0"
        content = parsed(octets)
        for name, kind in TYPES.items():
            if kind == "text":
                assert "\0" not in getattr(content, name)
        assert parsed(b"Subject: a\0b\r\n\r\n").subject == "ab"


def test_references():
    assert parsed(b"In-Reply-To: Your message of today <a@b> <c@d>\r\n\r\n").refs == "a@b"
    assert parsed(b"References: none\r\nIn-Reply-To: <a@b>\r\n\r\n").refs == "a@b"
    many = b" ".join(b"<%d@x>" % n for n in range(2000))
    refs = parsed(b"References: " + many + b"\r\n\r\n").refs.split()
    assert len(refs) == limits.REFERENCES
    assert (refs[0], refs[1], refs[-1]) == ("0@x", "1501@x", "1999@x")


def test_group_as_the_first_recipient():
    content = parsed(b"To: Friends: a@b;\r\nFrom: A Person <p@x>\r\n\r\n")
    assert (content.sort_to, content.display_to, content.display_from) == ("friends", "friends", "a person")


def test_an_unreadable_date_is_none():
    content = parsed(b"Date: Mon, 1 Jan 4459332 00:00:00 +9999\r\n\r\n")
    assert (content.sent_at, content.sent_zone) == (None, 0)
    assert content.envelope.startswith(b'("Mon, 1 Jan 4459332')


def test_header_is_stored_up_to_a_limit():
    octets = b"X: " + b"y" * limits.CACHED_HEADER_OCTETS + b"\r\n\r\nbody"
    content = parsed(octets)
    assert len(content.header) == limits.CACHED_HEADER_OCTETS
    assert content.header_size == len(octets) - 4


def test_lines_of_nested_messages_are_counted_each():
    octets = b"Content-Type: message/rfc822\r\n\r\n" * 3 + b"\r\n1\r\n2\r\n3\r\n"
    outer = read(parsed(octets).body)
    assert (outer[6], outer[9]) == (len(octets) - 32, 8)
    assert outer[8][9] == 6
    assert outer[8][8][9] == 4
    assert outer[8][8][8][7] == 3
