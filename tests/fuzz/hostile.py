# SPDX-License-Identifier: MIT
"""Input that no client should send, and what it gets. The tests play each whole, in single octets, and cut short."""

import base64
import re
import zlib
from dataclasses import dataclass

BAD = rb"^a1 BAD"
NO = rb"^a1 NO"
REFUSED = rb"^a1 (BAD|NO)"
OK = rb"^a1 OK"
BYE = rb"^\* BYE"
REFUSED_OR_BYE = rb"^(a1 BAD|a1 NO|\* BYE)"
BAD_OR_BYE = rb"^(a1 BAD|\* BAD|\* BYE)"


@dataclass(frozen=True)
class Hostile:
    """octets are sent as they are; what comes back must match `answer`, and never match `never`."""

    name: str
    octets: bytes
    answer: bytes
    before_login: bool = False
    lives: bool = True  # the session goes on
    never: bytes | None = None
    within_seconds: float = 5.0


def _bad(prefix: str, commands: list[bytes], answer: bytes = BAD) -> list[Hostile]:
    names = (re.sub(rb"[^ -~]+", b"?", command)[:40].decode() for command in commands)
    return [
        Hostile(f"{prefix}: {number} {name}", b"a1 " + command + b"\r\n", answer)
        for number, (name, command) in enumerate(zip(names, commands, strict=True), 1)
    ]


WIRE = [
    Hostile("W: three empty lines", b"\r\n" * 3, rb"^\* BAD[^\r]*\r\n\* BAD[^\r]*\r\n(\* BAD[^\r]*\r\n)?\* BYE", True, False),
    Hostile("W: twenty-one empty lines", b"\r\n" * 21, BYE, lives=False),
    Hostile("W: tag only", b"a1\r\n", BAD),
    Hostile("W: tag and space", b"a1 \r\n", BAD),
    Hostile("W: two spaces", b"a1  NOOP\r\n", BAD),
    Hostile("W: space before the tag", b" a1 NOOP\r\n", BAD_OR_BYE),
    Hostile("W: tab", b"a1\tNOOP\r\n", BAD_OR_BYE),
    Hostile("W: tag with +", b"a+1 NOOP\r\n", rb"^(a\+1|\*) BAD"),
    Hostile("W: tag of 10,000 letters", b"A" * 10_000 + b" NOOP\r\n", rb"^\* (BAD|BYE)", lives=False, never=b"A{129}"),
    Hostile("W: tag with 8 bits", b"\xff\xfe NOOP\r\n", rb"^\* BAD", never=b"\xff"),
    Hostile("W: line too long", b"a1 NOOP " + b"x" * 65_537 + b"\r\n", rb"^(a1 BAD|a1 NO|\* BAD|\* BYE)", lives=False),
    Hostile("W: line without end", b"a1 SEARCH " + b"x" * 70_000, rb"^(a1 BAD|a1 NO|\* BAD|\* BYE)", lives=False),
    Hostile("W: line too long before login", b"a1 NOOP " + b"x" * 9_000 + b"\r\n", rb"^(a1 BAD|\* BAD|\* BYE)", True, False),
    Hostile("W: NUL in a quoted string", b'a1 SELECT "a\x00b"\r\n', BAD, never=b"\x00"),
    Hostile("W: NUL in an atom", b"a1 SELECT a\x00b\r\n", BAD, never=b"\x00"),
    Hostile("W: NUL in the tag", b"a\x001 NOOP\r\n", rb"BAD|BYE", never=b"\x00"),
    Hostile("W: NUL in the word", b"a1 NO\x00OP\r\n", BAD, never=b"\x00"),
    Hostile("W: NUL after CRLF", b"a1 NOOP\r\n\x00\r\n", rb"^a1 OK[^\r]*\r\n\* BAD", never=b"\x00"),
    Hostile("W: bare LF", b"a1 NOOP\n", rb"^a1 (OK|BAD)"),
    Hostile("W: bare CR inside", b"a1 SELECT a\rb\r\n", BAD),
    Hostile("W: quote left open", b'a1 SELECT "abc\r\n', BAD),
    Hostile("W: quote escapes nothing", b'a1 SELECT "\\q"\r\n', BAD),
    Hostile("W: quote escapes itself", b'a1 SELECT "abc\\"\r\n', BAD),
    Hostile("W: quote and more", b'a1 SELECT "abc"x\r\n', BAD),
    Hostile("W: bracket too many", b"a1 FETCH 1 (FLAGS))\r\n", BAD),
    Hostile("W: bracket too few", b"a1 FETCH 1 (FLAGS\r\n", BAD),
    Hostile("W: brackets, 10,000", b"a1 SEARCH " + b"(" * 10_000 + b"\r\n", REFUSED),
    Hostile("W: nots, 10,000", b"a1 SEARCH " + b"NOT " * 10_000 + b"ALL\r\n", REFUSED),
    Hostile("W: ors, 5,000", b"a1 SEARCH " + b"OR ALL " * 5_000 + b"ALL\r\n", REFUSED),
    Hostile("W: search keys, 10,000", b"a1 SEARCH " + b"SEEN " * 10_000 + b"ALL\r\n", rb"^a1 (BAD|NO|OK)"),
    Hostile("W: list of 20,000 flags", b"a1 STORE 1 FLAGS.SILENT (" + b"a " * 20_000 + b"b)\r\n", rb"^a1 (BAD|NO|OK)"),
    Hostile("W: items, 5,000", b"a1 FETCH 1 (" + b"BODY.PEEK[] " * 5_000 + b"UID)\r\n", rb"^a1 (BAD|NO|OK)"),
    Hostile("W: section deep", b"a1 FETCH 1 BODY.PEEK[" + b"1." * 20_000 + b"1]\r\n", rb"^a1 (BAD|NO|OK)"),
    Hostile("W: dotless i", "a1 SELECT ınbox\r\n".encode(), REFUSED),
    Hostile("W: long s", "a1 ſelect INBOX\r\n".encode(), BAD),
    Hostile("W: Kelvin", "a1 CHEC\u212a\r\n".encode(), BAD),
    Hostile("W: HTTP", b"GET / HTTP/1.1\r\nHost: x\r\nCookie: secret=1\r\n\r\n", BYE, True, False, never=b"secret"),
    Hostile("W: SMTP", b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n", BYE, True, False),
    Hostile("W: TLS hello in clear", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500 + b"\r\n\r\n\r\n", BYE, True, False),
    Hostile("W: HTML in the tag", b"<script>alert(1)</script> NOOP\r\n", rb"BAD|OK"),
    Hostile("W: escape sequences", b"a1 \x1b[2J\x07\r\n", BAD, never=b"\x1b"),
    Hostile("W: forged line in LOGIN", b"a1 LOGIN {22+}\r\nbob\r\n* 3 EXISTS\r\nA9 pw x\r\n", rb"^a1 (NO|BAD)", True, never=rb"3 EXISTS"),
    Hostile("W: continuation out of place", b"+ a1\r\n", BAD_OR_BYE),
    Hostile("W: DONE out of place", b"DONE\r\n", rb"^(\*|DONE) BAD"),
    Hostile("W: format strings", b'a1 SELECT "%s%n{0.__class__}${jndi:x}%{user}"\r\n', NO),
]  # fmt: skip

LITERALS = [
    *_bad("L", [
        b"SELECT {18446744073709551616}", b"SELECT {" + b"9" * 5000 + b"}", b"SELECT {+5}", b"SELECT {1_0}", b"SELECT { 5 }",
        b"SELECT {0x10}", "SELECT {٥}".encode(), b"SELECT {}", b"SELECT {-1}", b"SELECT {5} ", b"SELECT{5}",
        b"SELECT {5}x", b"SELECT {5-}", b"SELECT {5", b"NOOP {5}x",
    ], rb"^(a1 BAD|a1 NO|\* BYE)"),
    Hostile("L: negative, not asked", b"a1 SELECT {-100+}\r\n", REFUSED_OR_BYE, lives=False),
    Hostile("L: two plus signs", b"a1 SELECT {5++}\r\n", REFUSED_OR_BYE, lives=False),
    Hostile("L: literal8 where none may be", b"a1 SELECT ~{5+}\r\nINBOX\r\n", BAD),
    Hostile("L: too large, asked first", b"a1 SELECT {131073}\r\n", rb"^a1 (NO \[TOOBIG\]|BAD)", never=rb"^\+"),
    Hostile("L: 4 GB, asked first", b"a1 SELECT {4294967295}\r\n", rb"^a1 (NO|BAD)", never=rb"^\+"),
    Hostile("L: 4 GB before login", b"a1 LOGIN {4294967295}\r\n", rb"^(a1 (NO|BAD)|\* BYE)", True, False, never=rb"^\+"),
    Hostile("L: 4 GB before login, not asked", b"a1 LOGIN {4294967295+}\r\nxx", rb"^(a1 (NO|BAD)|\* BYE)", True, False),
    Hostile("L: too large before login", b"a1 LOGIN {8193}\r\n", rb"^(a1 (NO|BAD)|\* BYE)", True, False, never=rb"^\+"),
    Hostile("L: not asked, too large, holds a command", b'a1 SELECT {200021+}\r\nA2 DELETE "Sent"\r\n' + b"x" * 200_002 + b"\r\n",
            rb"^(a1 (NO|BAD)|\* BYE)", lives=False, never=rb"^A2"),
    Hostile("L: refused mailbox, holds a command", b'a1 APPEND Nowhere {17+}\r\nA2 DELETE "Sent"\r\n', rb"^a1 NO", never=rb"^A2"),
    Hostile("L: sum of literals", b"a1 SEARCH " + b" ".join([b"HEADER X {100000+}\r\n" + b"x" * 100_000] * 30) + b"\r\n",
            rb"^(a1 (NO|BAD)|\* BYE)", lives=False),
    Hostile("L: 1,000 small ones", b"a1 SEARCH " + b" ".join([b"SUBJECT {1+}\r\nx"] * 900) + b"\r\n", rb"^(a1 (OK|NO|BAD)|\* BYE)", lives=False),
    Hostile("L: of no octets", b"a1 APPEND INBOX {0+}\r\n\r\n", rb"^a1 (OK|NO|BAD)"),
    Hostile("L: more than announced", b"a1 LIST {0+}\r\n \x01\r\n", BAD),
    Hostile("L: NUL inside", b"a1 SELECT {3+}\r\na\x00b\r\n", rb"^a1 (NO|BAD)", never=b"\x00"),
    Hostile("L: NUL in a message", b"a1 APPEND INBOX {12+}\r\nA: b\r\n\r\nx\x00y\r\n\r\n", rb"^a1 (OK|NO|BAD)", never=b"\x00"),
    Hostile("L: message of CRs", b"a1 APPEND INBOX {2000+}\r\n" + b"\r" * 2000 + b"\r\n", OK),
    Hostile("L: header that never ends", b"a1 APPEND INBOX {300000+}\r\nX: " + b"y " * 149_998 + b"\r\n", rb"^a1 (OK|NO)"),
    Hostile("L: 20,000 header lines", b"a1 APPEND INBOX {120000+}\r\n" + b"X: y\r\n" * 20_000 + b"\r\n", rb"^a1 (OK|NO)"),
    Hostile("L: quoted, then literal", b'a1 LIST "" "a{5}\r\n', BAD),
]  # fmt: skip

_DEEP = b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n'
_NESTED = b"".join(_DEEP % (level, level) for level in range(2_000))
_LETTERS = b"Content-Type: message/rfc822\r\n\r\n" * 2_000
_PARTS = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nx\r\n" * 20_000
_ADDRESSES = b"To: " + b", ".join(b"a%d@example.com" % number for number in range(20_000)) + b"\r\n\r\n"
_SAME = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n' * 500
_UNCLOSED = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n\r\nx\r\n--%d\r\n' % (n, n, n) for n in range(2_000))
_PREFIX = b'Content-Type: multipart/mixed; boundary="a"\r\n\r\n--a\r\nContent-Type: multipart/mixed; boundary="ab"\r\n\r\n--ab\r\n\r\nx\r\n--a\r\n\r\ny\r\n--ab--\r\n--a--\r\n'
_NULS = b'Sub\x00ject: a\x00b\r\nFrom: "\x00" <a\x00@b>\r\nContent-Type: multipart/mixed; boundary="a\x00b"\r\n\r\n--a\x00b\r\n\r\nx\x00y\r\n--a\x00b--\r\n'
_ZEROS = zlib.compress(b"\x00" * 20_000_000)
_FORGED = b"From: =?UTF-8?Q?A=0D=0A=2A_9_EXISTS=0D=0A?= <a@b>\r\nSubject: =?UTF-8?B?DQoqIDkgRVhJU1RTDQo=?=\r\n\r\nx\r\n"


MAIL: dict[str, bytes] = {}
"""The messages themselves, by name."""
_LOOKED_AT = (
    b"FETCH * (%s)", b"SORT (SUBJECT DATE DISPLAYFROM) UTF-8 ALL", b"THREAD REFERENCES UTF-8 ALL", b"THREAD ORDEREDSUBJECT UTF-8 ALL",
    b"SEARCH OR SENTBEFORE 1-Jan-2000 TEXT x", b"FETCH * PREVIEW", b"FETCH * BODY.PEEK[1.1.1.MIME]", b"FETCH * BINARY.SIZE[1]",
)  # fmt: skip


def _message(name: str, octets: bytes, items: bytes = b"ENVELOPE BODYSTRUCTURE", never: bytes | None = None) -> Hostile:
    """It comes into the selected mailbox, and everything that looks into messages looks into it."""
    MAIL[name] = octets
    append = b"a0 EXAMINE INBOX\r\na0 APPEND INBOX {%d+}\r\n%s\r\n" % (len(octets), octets)
    looks = [b"a0 " + (look % items if b"%s" in look else look) + b"\r\n" for look in _LOOKED_AT]
    return Hostile(f"M: {name}", append + b"".join(looks) + b"a1 NOOP\r\n", rb"^a1 OK", never=never, within_seconds=10)


MESSAGES = [
    _message("2,000 multiparts in each other", _NESTED),
    _message("2,000 letters in each other", _LETTERS),
    _message("20,000 parts", _PARTS),
    _message("20,000 addresses", _ADDRESSES),
    _message("line forged by an encoded word", _FORGED, never=rb"^\* 9 EXISTS"),
    _message("charset from nowhere", b'Content-Type: text/plain; charset="../../x"\r\n\r\nx\r\n'),
    _message("charset with NUL", b'Content-Type: text/plain; charset="a\x00b"\r\n\r\nx\r\n', never=b"\x00"),
    _message("charset codec of Python", b"Content-Type: text/plain; charset=hex\r\n\r\nzz\r\n"),
    _message("date of the year 4459332", b"Date: Mon, 1 Jan 4459332 00:00:00 +9999\r\n\r\nx\r\n"),
    _message("groups and empty addresses", b"To: undisclosed-recipients:;\r\nFrom:\r\nCc: <@a,@b:u@d>, <\"\"@x>, ;;;,,,\r\n\r\n"),
    _message("boundary missing", b"Content-Type: multipart/mixed\r\n\r\n--\r\n\r\nx\r\n----\r\n"),
    _message("boundary empty", b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\nx\r\n----\r\n'),
    _message("bare line feeds", b"Subject: x\nTo: y@z\n\nbody\nmore\n"),
    _message("nothing but 8 bits", bytes(range(128, 256)) * 20),
    _message("the same boundary in itself, 500 times", _SAME),
    _message("2,000 multiparts that are never closed", _UNCLOSED),
    _message("boundary that another begins with", _PREFIX),
    _message("boundary of 5,000 letters", b"Content-Type: multipart/mixed; boundary=" + b"b" * 5_000 + b"\r\n\r\n--" + b"b" * 5_000 + b"\r\n\r\nx\r\n"),
    _message("boundary of nothing but dashes", b"Content-Type: multipart/mixed; boundary=------\r\n\r\n" + b"-" * 70 + b"\r\n" * 2_000),
    _message("parts of parts that end each other", (_SAME + b"--b--\r\n" * 500)),
    _message("digest of 2,000 letters", b"Content-Type: multipart/digest; boundary=b\r\n\r\n" + b"--b\r\n\r\nSubject: x\r\n\r\ny\r\n" * 2_000),
    _message("10,000 To lines", b"To: a@example.com\r\n" * 10_000 + b"\r\nx\r\n"),
    _message("100,000 addresses of a letter", b"To: " + b"a," * 100_000 + b"\r\n\r\n"),
    _message("comments in comments in an address", b"From: " + b"(" * 20_000 + b")" * 20_000 + b" <a@b>\r\n\r\n"),
    _message("quotes that do not end", b'From: "' + b"a" * 50_000 + b"\r\nTo: \"\\\r\n\r\n"),
    _message("a route of a thousand hosts", b"From: <" + b",".join([b"@h"] * 1_000) + b":a@b>\r\n\r\n"),
    _message("group in a group", b"To: " + b"a:" * 5_000 + b";" * 5_000 + b"\r\n\r\n"),
    _message("NUL everywhere", _NULS, never=b"\x00"),
    _message("20,000 encoded words", b"Subject: " + b"=?utf-8?q?=C3=A4?= " * 20_000 + b"\r\n\r\nx\r\n"),
    _message("encoded words that are none", b"Subject: =?utf-8?q?=?= =?utf-8?b?=?= =?x?x?x?= =?=?=?=?=\r\nFrom: =?utf-8?q?<a@b>\r\n\r\n"),
    _message("encoded word of a name with quotes", b'From: =?utf-8?q?=22=5C=29_=28?= <a@b>\r\n\r\n', never=rb'\(\("""'),
    *(_message(f"charset {name[:20].decode()!r}", b'Content-Type: text/plain; charset="%s"\r\nSubject: =?%s?q?x?=\r\n\r\nx\xff\r\n' % (name, name))
      for name in (b"punycode", b"idna", b"utf-7", b"zlib", b"unicode_escape", b"rot13", b"undefined", b"../../../etc/passwd", b"x" * 100_000)),
    _message("parameters in 1,000 pieces", b"Content-Type: text/plain" + b"".join(b"; name*%d=x" % n for n in range(1_000)) + b"\r\n\r\nx"),
    _message("parameters of odd numbers", b"Content-Type: text/plain; name*99999999999999999999=x; name*-1=y; name**=z; charset*0*=utf-8''\r\n\r\nx"),
    _message("no type, no subtype", b"Content-Type: /\r\n\r\nx\r\n"),
    _message("type of 1,000 slashes", b"Content-Type: " + b"/" * 1_000 + b"\r\n\r\nx\r\n"),
    _message("date of a megabyte", b"Date: " + b"1 " * 500_000 + b"\r\n\r\nx\r\n"),
    *(_message(f"date {date.decode()}", b"Date: " + date + b"\r\n\r\nx\r\n") for date in (
        b"99 Jan 2024 00:00:00 +0000", b"1 Jan 0000 00:00:00 +0000", b"31 Dec 9999 23:59:60 -9999", b"1 Jan 2024 99:99:99 +0000",
        b"Mon, 1 Jan 2024 00:00:00 (((((", b"1 Jan 999999999999999999999 00:00 +0000")),
    _message("bare carriage returns", b"Subject: x\rTo: y@z\r\rbody\r"),
    _message("line ends of all kinds", b"Subject: x\r\nTo: y@z\n\r\nbody\nmore\rand\r\n\n\r"),
    _message("nothing but a line end", b"\r\n"),
    _message("one octet", b"x"),
    _message("header without an end", b"Subject: x"),
    _message("100,000 times Re", b"Subject: " + b"Re: " * 100_000 + b"\r\n\r\nx\r\n"),
    _message("50,000 blobs in a subject", b"Subject: " + b"[a]" * 50_000 + b" x\r\n\r\nx\r\n"),
    _message("50,000 trailers of a subject", b"Subject: x" + b" (fwd)" * 50_000 + b"\r\n\r\nx\r\n"),
    _message("5,000 forwards in each other", b"Subject: " + b"[fwd: " * 5_000 + b"x" + b"]" * 5_000 + b"\r\n\r\nx\r\n"),
    _message("5,000 references", b"Message-ID: <a@b>\r\nReferences: " + b" ".join(b"<%d@x>" % n for n in range(5_000)) + b"\r\n\r\nx\r\n"),
    _message("references to itself", b"Message-ID: <loop@b>\r\nReferences: <loop@b> <loop@b>\r\nIn-Reply-To: <loop@b>\r\n\r\nx\r\n"),
    _message("identifiers that are none", b"Message-ID: <<<>>@@>\r\nReferences: <\"a b\"@c> <> < > <@> " + b"<" * 10_000 + b"\r\n\r\nx\r\n"),
    _message("what would be 20 MB unpacked", b"Content-Type: application/zip; name=a.docx\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(_ZEROS)),
    _message("quoted-printable that never ends", b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\r\n" * 50_000 + b"="),
    _message("HTML of 20,000 open tags", b"Content-Type: text/html\r\n\r\n" + b"<div><!--" * 20_000),
    _message("HTML of entities", b"Content-Type: text/html\r\n\r\n" + b"&#99999999999999;&#xD800;&#0;&amp" * 5_000),
    _message("broken base64", b"Content-Transfer-Encoding: base64\r\nContent-Type: text/plain\r\n\r\n====A=B!!\r\n"),
]  # fmt: skip

NAMES = [
    *_bad("N", [
        b'CREATE "../../../etc/x"', b'CREATE "a/../b"', b'CREATE "."', b'CREATE ".."', b'CREATE "/abs"', b'CREATE "a//b"',
        b"CREATE iNbOx", b'CREATE "a%b"', b'CREATE "a*b"', b'CREATE ""', b'CREATE "/"', b'CREATE "a\tb"', b'CREATE "a\x7fb"',
        b'CREATE "' + b"x" * 1_001 + b'"', b'CREATE "' + b"x" * 10_000 + b'"', b'CREATE "' + b"a/" * 500 + b'a"',
        b'CREATE "&"', b'CREATE "&AAA-"', b'CREATE "&2ADYAA-"', b'CREATE "&Jjo!"', b'CREATE "\xff\xfe"', b"DELETE INBOX",
        b"RENAME Sent INBOX", b'RENAME Sent "a//b"', b'RENAME Sent "' + b"y" * 1_001 + b'"', b'RENAME Nowhere "x"', b"DELETE Nowhere",
        b"RENAME Sent Sent/Sent", b'SELECT "Shared"', b'CREATE "Shared/x"', b'CREATE "Shared/nobody@example.com/x"',
        b'DELETE "Shared/nobody@example.com/INBOX"', b'STATUS "' + b"z" * 20_000 + b'" (MESSAGES)',
    ], REFUSED),
    Hostile("N: pattern of stars", b'a1 LIST "" "*' + b"a*" * 30 + b'"\r\n', OK, within_seconds=1),
    Hostile("N: pattern of 5,000 percents", b'a1 LIST "" "' + b"%" * 5_000 + b'"\r\n', rb"^a1 (OK|NO|BAD)", within_seconds=1),
    Hostile("N: pattern of a thousand stars", b'a1 LIST "" "' + b"*x" * 500 + b'"\r\n', rb"^a1 (OK|NO|BAD)", within_seconds=1),
    Hostile("N: quote in a name", b'a1 LIST "" "a\\"b\\\\c"\r\n', OK),
    *_bad("N: flags", [
        b"STORE 1 +FLAGS (\\Recent)", b"STORE 1 +FLAGS (\\*)", b"STORE 1 +FLAGS (a\\b)", b'STORE 1 +FLAGS ("x")', b"STORE 1 +FLAGS (a",
        b"STORE 1 ++FLAGS (a)", b"STORE 1 +FLAGS", b"STORE 1 +FLAGS (a(b))", "STORE 1 +FLAGS (ü)".encode(), b"STORE 1 FLAGS ]",
        b"STORE 1 +FLAGS ()x",
    ]),
    Hostile("N: keyword of 10,000 letters", b"a1 STORE 1 +FLAGS.SILENT (" + b"k" * 10_000 + b")\r\n", rb"^a1 (NO|BAD|OK)"),
]  # fmt: skip

SETS = [
    *_bad("S", [
        b"FETCH 0 UID", b"FETCH 0:5 UID", b"FETCH -1 UID", b"FETCH 1,,2 UID", b"FETCH 1: UID", b"FETCH :1 UID", b"FETCH , UID",
        b"FETCH 1:2:3 UID", b"FETCH 1 :2 UID", b"FETCH 1:*:* UID", "FETCH ٣ UID".encode(), "FETCH ² UID".encode(), b"FETCH +1 UID",
        b"FETCH 1_0 UID", b"FETCH 1, UID", b"FETCH ** UID", b"FETCH 4294967296 UID", b"UID FETCH 99999999999999999999 FLAGS",
        b"UID FETCH 4294967296 FLAGS", b"UID STORE 0 FLAGS ()", b"UID COPY 1: Sent", b"COPY 1000 Sent", b"FETCH 11 UID",
        b"SEARCH 0", b"SEARCH UID 0:1", b"SEARCH 1:", b"UID SEARCH UID", b"UID", b"UID NOOP", b"UID FETCH",
    ]),
    Hostile("S: to the largest", b"a1 UID FETCH 1:4294967295 FLAGS\r\n", rb"(?s)^\* 10 FETCH.*^a1 OK"),
    Hostile("S: from the largest", b"a1 UID FETCH 4294967295:* FLAGS\r\n", rb"(?s)^\* 10 FETCH.*^a1 OK", never=rb"^\* 9 FETCH"),
    Hostile("S: last to last", b"a1 UID FETCH *:* FLAGS\r\n", rb"(?s)^\* 10 FETCH.*^a1 OK", never=rb"^\* 9 FETCH"),
    Hostile("S: 60 KB of odd numbers", b"a1 UID FETCH " + b",".join(b"%d" % n for n in range(1, 22_001, 2)) + b" FLAGS\r\n",
            rb"(?s)^\* 9 FETCH.*^a1 OK", never=rb"(?s)\* 9 FETCH.*\* 9 FETCH", within_seconds=2),
    Hostile("S: 10,000 times everything", b"a1 FETCH " + b",".join([b"1:*"] * 10_000) + b" UID\r\n",
            rb"(?s)^\* 10 FETCH.*^a1 OK", never=rb"(?s)\* 9 FETCH.*\* 9 FETCH", within_seconds=2),
    *_bad("S: partial", [
        b"FETCH 1 BODY.PEEK[]<0.0>", b"FETCH 1 BODY.PEEK[]<-1.5>", b"FETCH 1 BODY.PEEK[]<1>", b"FETCH 1 BODY.PEEK[]<1.2.3>",
        b"FETCH 1 BODY.PEEK[]<99999999999999999999999.1>", b"FETCH 1 BODY.PEEK[]<0.1", b"FETCH 1 BODY.PEEK[", b"FETCH 1 BODY.PEEK[1..2]",
        b"FETCH 1 BODY.PEEK[0]", b"FETCH 1 BODY.PEEK[HEADER.FIELDS]", b"FETCH 1 BODY.PEEK[1.HEADER.FIELDS (]", b"FETCH 1 RFC822.NOPE",
    ]),
    Hostile("S: partial far away", b"a1 FETCH 1 BODY.PEEK[]<4294967294.4294967295>\r\n", rb"^a1 (OK|BAD)"),
    *_bad("S: dates", [
        b"SEARCH BEFORE 31-Feb-2024", b"SEARCH ON 1-Foo-2024", b"SEARCH SINCE 1-Jan-99999", b"SEARCH ON 00-Jan-2024", b"SEARCH ON",
        b'APPEND INBOX "99-Jan-2024 00:00:00 +0000" {1+}\r\nx', b'APPEND INBOX "01-Jan-2024 25:00:00 +0000" {1+}\r\nx',
        b'APPEND INBOX "01-Jan-2024 00:00:00 +9999" {1+}\r\nx', b'APPEND INBOX "01-Jan-2024 00:00:00" {1+}\r\nx',
    ], REFUSED),
    Hostile("S: year nought", b"a1 SEARCH BEFORE 1-Jan-0000\r\n", rb"^a1 (OK|BAD|NO)"),
    Hostile("S: year 9999", b"a1 SEARCH OR SINCE 31-Dec-9999 BEFORE 1-Jan-0001\r\n", rb"^a1 (OK|BAD|NO)"),
    *_bad("S: charset", [b"SEARCH CHARSET X-NOPE TEXT a", b"SEARCH CHARSET " + b"x" * 10_000 + b" ALL", b'SEARCH CHARSET "a" ALL'], NO),
    Hostile("S: text that is not in the charset", b"a1 SEARCH CHARSET UTF-8 SUBJECT {2+}\r\n\xff\xfe\r\n", rb"^a1 (OK|NO|BAD)"),
]  # fmt: skip

_QRESYNC = b"a0 UNSELECT\r\na0 ENABLE QRESYNC\r\na1 SELECT Sent (QRESYNC (%s))\r\n"

SYNCHRONISATION = [
    *(Hostile(f"S: qresync {known.decode()[:40]}", _QRESYNC % known, answer) for known, answer in (
        (b"1 1", OK), (b"1 9223372036854775807", OK), (b"4294967295 1 1:4294967295 (1:1000000 1:1000000)", OK),
        (b"1 1 4294967295,1:4294967295,1", OK), (b"1 1 " + b",".join(b"%d" % n for n in range(1, 20_000, 2)), OK),
        (b"0 1", BAD), (b"1 0", BAD), (b"1 9223372036854775808", BAD), (b"4294967296 1", BAD), (b"1", BAD), (b"", BAD), (b"1 1 1:*", BAD),
        (b"1 1 *", BAD), (b"1 1 0:5", BAD), (b"1 1 1 (1:3 1:2)", BAD), (b"1 1 1 (1:1000000 1:999999)", BAD), (b"1 1 1 (* *)", BAD),
        (b"1 1 1 ()", BAD), (b"1 1 1 (1)", BAD), (b"1 1 1 (1 1) 1", BAD), (b"-1 1", BAD), (b"1 1 1 (1 1", BAD), (b"1 1 $", BAD), ("١ ١".encode(), BAD),
    )),
    *_bad("S: condstore", [
        b"FETCH 1 FLAGS (CHANGEDSINCE 0)", b"FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775808)", b"FETCH 1 FLAGS (CHANGEDSINCE -1)",
        b"FETCH 1 FLAGS (CHANGEDSINCE 1 CHANGEDSINCE 1 X)", b"FETCH 1 FLAGS ()", b"FETCH 1 FLAGS (VANISHED)", b"UID FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)",
        b"STORE 1 (UNCHANGEDSINCE 18446744073709551616) FLAGS ()", b"STORE 1 (UNCHANGEDSINCE) FLAGS ()", b"STORE 1 () FLAGS ()",
        b"SEARCH MODSEQ", b"SEARCH MODSEQ -1", b'SEARCH MODSEQ "/flags/\\x" all', b'SEARCH MODSEQ "x" all 1', b"SELECT Sent (CONDSTORE 1)",
        b"SELECT Sent (QRESYNC (1 1))", b"SELECT Sent (X)", b"STATUS Sent (HIGHESTMODSEQ HIGHESTMODSEQS)",
    ]),
    Hostile("S: modseq far away", b"a1 UID FETCH 1:* FLAGS (CHANGEDSINCE 9223372036854775807)\r\n", OK, never=rb"FETCH \("),
    Hostile("S: modseq of the future in SEARCH", b"a1 SEARCH MODSEQ 9223372036854775807\r\n", rb"(?s)^\* SEARCH\r\n.*^a1 OK"),
    *_bad("S: partial", [
        b"SEARCH RETURN (PARTIAL -1:-4294967296) ALL", b"SEARCH RETURN (PARTIAL 0:1) ALL", b"SEARCH RETURN (PARTIAL 1:0) ALL",
        b"SEARCH RETURN (PARTIAL 1:-1) ALL", b"SEARCH RETURN (PARTIAL -1:1) ALL", b"SEARCH RETURN (PARTIAL 1:*) ALL", b"SEARCH RETURN (PARTIAL) ALL",
        b"SEARCH RETURN (PARTIAL 1) ALL", b"SEARCH RETURN (PARTIAL 1:2:3) ALL", b"SEARCH RETURN (PARTIAL 1:2 ALL) ALL",
        b"SEARCH RETURN (PARTIAL 1:4294967296) ALL", b"SEARCH RETURN (PARTIAL 1:99999999999999999999) ALL", b"UID FETCH 1:* FLAGS (PARTIAL 1:2 PARTIAL x)",
        b"UID FETCH 1:* FLAGS (PARTIAL 0:2)", b"SEARCH RETURN (MIN (MAX)) ALL", b"SEARCH RETURN (NOPE) ALL", b"SEARCH RETURN (MIN", b"SEARCH RETURN () ",
    ]),
    Hostile("S: partial beyond the end", b"a1 SEARCH RETURN (PARTIAL 4294967295:4294967295) ALL\r\n", rb"PARTIAL \(4294967295:4294967295 NIL\)\r\na1 OK"),
    Hostile("S: partial from its end", b"a1 SEARCH RETURN (PARTIAL 5:1) ALL\r\n", rb"(PARTIAL \(\d:\d 1:5\)\r\na1 OK|^a1 BAD)"),
    Hostile("S: saved set that is not there", b"a1 FETCH $ FLAGS\r\n", OK, never=rb"FETCH \("),
    Hostile("S: saved set in a set", b"a1 FETCH $,1 FLAGS\r\n", BAD),
]  # fmt: skip

SEARCHES = [
    *_bad("Q", [
        b"SORT () UTF-8 ALL", b"SORT (SUBJECT) ALL", b"SORT (REVERSE) UTF-8 ALL", b"SORT (REVERSE REVERSE DATE) UTF-8 ALL", b"SORT (NOPE) UTF-8 ALL",
        b"SORT SUBJECT UTF-8 ALL", b"SORT (SUBJECT UTF-8 ALL", b"THREAD FOO UTF-8 ALL", b"THREAD REFERENCES ALL", b"THREAD (REFERENCES) UTF-8 ALL",
        b"SORT (" + b"DATE " * 10_000 + b"DATE) UTF-8 ALL", b"SEARCH", b"SEARCH CHARSET", b"SEARCH CHARSET UTF-8", b"SEARCH NOT", b"SEARCH OR ALL", b"SEARCH ()",
        b"SEARCH HEADER", b"SEARCH HEADER Subject", b"SEARCH LARGER -1", b"SEARCH LARGER 9223372036854775808", b"SEARCH SMALLER x", b"SEARCH YOUNGER 0",
        b"SEARCH OLDER 4294967296", b"SEARCH KEYWORD", b"SEARCH KEYWORD \\Seen", b"SEARCH EMAILID", b'SEARCH EMAILID "!"', b"SEARCH THREADID {1+}\r\n!",
        b"SEARCH SAVEDBEFORE 99-Jan-2024", b"SEARCH UID", b"SEARCH FUZZY SUBJECT x", b"SEARCH RETURN (SAVE", b"SEARCH $$",
    ]),
    *_bad("Q: charset", [
        b"SORT (SUBJECT) X-NOPE ALL", b"THREAD REFERENCES X-NOPE ALL", b"SEARCH CHARSET ../../x TEXT a", b"SEARCH CHARSET zlib TEXT a",
        b"SEARCH CHARSET {3+}\r\nx\x01y TEXT a", b"SORT (SUBJECT) " + b"y" * 10_000 + b" ALL",
    ], rb"^a1 NO \[BADCHARSET \(UTF-8 US-ASCII\)\]"),
    Hostile("Q: charset with a NUL", b'a1 SEARCH CHARSET "a\x00b" TEXT a\r\n', REFUSED, never=b"\x00"),
    Hostile("Q: charset that is echoed", b"a1 SEARCH CHARSET forged]-EXISTS ALL\r\n", REFUSED, never=b"forged"),
    Hostile("Q: NUL in a text", b"a1 SEARCH TEXT {3+}\r\na\x00b\r\n", rb"^a1 (OK|NO|BAD)", never=b"\x00"),
    Hostile("Q: text that is none", b"a1 SEARCH TEXT {4+}\r\n\xff\xfe\xc3\x28\r\n", rb"^a1 (OK|NO|BAD)"),
    Hostile("Q: empty text", b'a1 SEARCH TEXT "" BODY "" SUBJECT "" HEADER "" ""\r\n', rb"^a1 (OK|NO|BAD)"),
    Hostile("Q: text of 100 KB", b"a1 SEARCH TEXT {100000+}\r\n" + b"x" * 100_000 + b"\r\n", rb"^\* SEARCH\r\na1 OK"),
    Hostile("Q: 400 texts", b"a1 SEARCH " + b" ".join(b"NOT TEXT t%d" % n for n in range(400)) + b"\r\n", rb"^a1 (OK|NO|BAD)", within_seconds=5),
    Hostile("Q: 60 nots", b"a1 SEARCH " + b"NOT " * 60 + b"ALL\r\n", OK),
    Hostile("Q: header as a pattern", b'a1 SEARCH HEADER "Sub.*" "(a+)+$" HEADER "[" "\\\\"\r\n', rb"^a1 (OK|NO|BAD)"),
    Hostile("Q: text as a pattern", b'a1 SEARCH TEXT "%" TEXT "_" SUBJECT "\\\\%"\r\n', OK, never=rb"SEARCH 1"),
    Hostile("Q: the same body, 1,000 times", b"a1 FETCH 1:* (" + b"BODY.PEEK[] " * 999 + b"BODY.PEEK[])\r\n", rb"^a1 (OK|NO|BAD)",
            never=rb"BODY\[\][^*]*BODY\[\]"),
    Hostile("Q: ors without end", b"a1 SEARCH " + b"OR " * 200 + b"ALL\r\n", REFUSED),
    Hostile("Q: every field, 1,000 times", b"a1 FETCH 1 (BODY.PEEK[HEADER.FIELDS (" + b"Subject " * 5_000 + b"From)])\r\n", rb"^a1 (OK|NO|BAD)"),
    Hostile("Q: sorted by everything", b"a1 SORT (ARRIVAL REVERSE CC DATE FROM SIZE SUBJECT REVERSE TO DISPLAYFROM DISPLAYTO) UTF-8 ALL\r\n", OK),
    Hostile("Q: saved over and over", b"a0 SEARCH RETURN (SAVE) ALL\r\n" * 200 + b"a1 FETCH $ UID\r\n", rb"(?s)^\* 10 FETCH.*^a1 OK"),
    Hostile("Q: 100 searches at once", b"a0 SEARCH TEXT body NOT TEXT nothing\r\n" * 100 + b"a1 NOOP\r\n", OK, within_seconds=10),
]  # fmt: skip

_VALUE = b"SETMETADATA INBOX (/private/x {%d+}\r\n"

METADATA = [
    *_bad("N: metadata", [
        b'GETMETADATA "\xff*" (/private/comment)', b"GETMETADATA INBOX", b"GETMETADATA INBOX ()", b"GETMETADATA INBOX comment", b"GETMETADATA INBOX /comment",
        b"GETMETADATA INBOX /private/*", b"GETMETADATA INBOX /private/%", b"GETMETADATA INBOX /private//x", b"GETMETADATA INBOX /private/x/",
        b"GETMETADATA INBOX /private/../x", b'GETMETADATA INBOX "/private/\xc3\xa4"', b'GETMETADATA INBOX "/private/\x01"', b"GETMETADATA INBOX /PUBLIC/x",
        b"GETMETADATA (DEPTH 2) INBOX /private", b"GETMETADATA (DEPTH -1) INBOX /private", b"GETMETADATA (MAXSIZE x) INBOX /private",
        b"GETMETADATA (MAXSIZE 99999999999999999999) INBOX /private", b"GETMETADATA (DEPTH 1 DEPTH 1) INBOX /private", b"GETMETADATA (NOPE 1) INBOX /private",
        b"GETMETADATA INBOX (" + b" ".join(b"/private/%d" % n for n in range(2_000)) + b")", b"GETMETADATA INBOX /private/" + b"x" * 2_000,
        b"GETMETADATA INBOX /private" + b"/x" * 2_000, b"SETMETADATA INBOX /private/x y", b"SETMETADATA INBOX ()", b"SETMETADATA INBOX (/private/x)",
        b"SETMETADATA INBOX (/private/x y)", b"SETMETADATA INBOX (/private/../x NIL)", b"SETMETADATA INBOX (/private NIL)", b"SETMETADATA INBOX (/private/x NIL",
        b'SETMETADATA INBOX (/private/x "a" /private/x "b")', b'SETMETADATA INBOX (/PRIVATE/X "a" /private/x "b")', b'SETMETADATA "" (/shared/admin "x")',
        b'SETMETADATA Nowhere (/private/x "a")', b'SETMETADATA "Shared/nobody@example.com/INBOX" (/private/x "a")', b"GETMETADATA Shared/nobody@example.com/INBOX /private/x",
    ], REFUSED),
    Hostile("N: annotation of 10 MB, asked first", b"a1 SETMETADATA INBOX (/private/x {10485760}\r\n", rb"^a1 NO \[METADATA MAXSIZE \d+\]", never=rb"^\+"),
    Hostile("N: annotation of 200 KB, not asked", b"a1 " + _VALUE % 200_000 + b"x" * 200_000 + b")\r\n", rb"^a1 NO \[METADATA MAXSIZE \d+\]"),
    Hostile("N: annotation with NUL", b"a1 SETMETADATA INBOX (/private/x ~{3+}\r\na\x00b)\r\n", rb"^a1 (OK|NO|BAD)", never=b"\x00"),
    Hostile("N: annotation that forges a line", b"a0 " + _VALUE % 14 + b"x\r\n* 9 EXISTS\n)\r\na1 GETMETADATA INBOX /private/x\r\n", rb"(?s)\{14\}\r\nx\r\n\* 9 EXISTS\n\)\r\na1 OK"),
    Hostile("N: entry with a quote", b'a0 SETMETADATA INBOX ("/private/a\\"b" "x")\r\na1 GETMETADATA (DEPTH 1) INBOX /private\r\n', rb"^a1 (OK|NO|BAD)", never=rb'/a"b'),
    Hostile("N: 600 annotations", b"".join(b'a0 SETMETADATA "" (/private/n%d "x")\r\n' % n for n in range(150)) + b"a1 NOOP\r\n", rb"(?s)^a0 NO \[METADATA TOOMANY\].*^a1 OK", within_seconds=20),
    Hostile("N: everything below", b"a1 GETMETADATA (DEPTH INFINITY) INBOX (/private /shared /private/x /PRIVATE)\r\n", rb"^a1 (OK|BAD)"),
]  # fmt: skip

NOTIFICATIONS = [
    *_bad("E: notify", [
        b"NOTIFY", b"NOTIFY SET (", b"NOTIFY SET (selected", b"NOTIFY SET (mailboxes (((((a))))) NONE)", b"NOTIFY SET (mailboxes (a b NONE)",
        b"NOTIFY SET (selected (MessageNew (BODY[) MessageExpunge))", b"NOTIFY SET (selected (MessageNew (" + b"UID " * 5_000 + b"UID) MessageExpunge)) x",
        b"NOTIFY SET (mailboxes {3+}\r\na\x00b NONE)", b"NOTIFY SET STATUS STATUS (inboxes NONE)", b"NOTIFY SET (inboxes (\x01))",
    ]),
    Hostile("E: 10,000 mailboxes", b"a1 NOTIFY SET (mailboxes (" + b" ".join(b"f%d" % n for n in range(10_000)) + b") NONE)\r\n", rb"^a1 NO \[LIMIT\]"),
    Hostile("E: a name that is none", b'a1 NOTIFY SET (mailboxes "\xff*" NONE)\r\n', NO),
    Hostile("E: 1,200 groups", b"a1 NOTIFY SET" + b" (inboxes NONE)" * 1_200 + b"\r\n", rb"^a1 NO \[LIMIT\]"),
    Hostile("E: 10,000 events that there are not", b"a1 NOTIFY SET (inboxes (" + b" ".join(b"e%d" % n for n in range(10_000)) + b"))\r\n", rb"^a1 NO \[BADEVENT"),
    Hostile("E: mailboxes that are not", b"a1 NOTIFY SET STATUS (mailboxes (Shared/nobody@example.com/INBOX Shared .. / nowhere) (MessageNew MessageExpunge))\r\n", OK),
    Hostile("E: asked 30 times", b"a0 NOTIFY SET STATUS (personal (MessageNew MessageExpunge))\r\n" * 30 + b"a1 NOOP\r\n", OK, within_seconds=20),
]  # fmt: skip

SASL = [
    Hostile("A: response is no base64", b"a1 AUTHENTICATE PLAIN\r\n!!!\r\n", rb"^a1 (BAD|NO)", True),
    Hostile("A: junk inside base64", b"a1 AUTHENTICATE PLAIN AGJv\x01YgBw\r\n", rb"^a1 (BAD|NO)", True),
    Hostile("A: padding in the middle", b"a1 AUTHENTICATE PLAIN YQ==YQ==\r\n", rb"^a1 (BAD|NO)", True),
    Hostile("A: empty response", b"a1 AUTHENTICATE PLAIN =\r\n", rb"^a1 (BAD|NO)", True),
    Hostile("A: response too long", b"a1 AUTHENTICATE PLAIN\r\n" + b"A" * 9_000 + b"\r\n", rb"^(a1 (BAD|NO)|\* B)", True, False),
    Hostile("A: mechanism too long", b"a1 AUTHENTICATE " + b"X" * 5_000 + b"\r\n", rb"^a1 (BAD|NO)", True),
    Hostile("A: other identity", b"a1 AUTHENTICATE PLAIN Ym9iAGFsaWNlAHB3\r\n", NO, True),
    Hostile("A: cancelled", b"a1 AUTHENTICATE PLAIN\r\n*\r\n", BAD, True),
    Hostile("A: ID that says too much", b"a1 ID (" + b'"k" "v" ' * 31 + b'"k" "v")\r\n', BAD, True),
    Hostile("A: ID with a long key", b'a1 ID ("' + b"k" * 31 + b'" "v")\r\n', BAD, True),
    Hostile("A: ID with a long value", b'a1 ID ("k" "' + b"v" * 1_025 + b'")\r\n', BAD, True),
]  # fmt: skip

ALL = [*WIRE, *LITERALS, *MESSAGES, *NAMES, *METADATA, *NOTIFICATIONS, *SETS, *SYNCHRONISATION, *SEARCHES, *SASL]
