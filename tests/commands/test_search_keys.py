# SPDX-License-Identifier: MIT
"""Every search key of RFC 3501 as it is read, and what is refused."""

import datetime
import time

import pytest

from imapd.commands.search import parse_search
from imapd.commands.search_keys import Numbers
from imapd.errors import LimitReached
from imapd.mail.criteria import (
    All,
    And,
    HasFlag,
    Header,
    InternalDate,
    Keyword,
    Larger,
    Not,
    Or,
    Recent,
    SentDate,
    Sequence,
    Smaller,
    Text,
)
from imapd.protocol.answers import Refused
from imapd.settings import Limits
from imapd.wire.grammar import BadSyntax, Cursor, Literal
from imapd.wire.sequence import SequenceSet

LIMITS = Limits()
TERMS, DEPTH = LIMITS.search_terms, LIMITS.search_depth
FEB_1 = datetime.date(1994, 2, 1)


def parsed(arguments, *literals, by_uid=False):
    octets = arguments.encode() if isinstance(arguments, str) else arguments
    given = [Literal(data=data, size=len(data)) for data in literals]
    cursor = Cursor(b" " + octets, given, by_uid=by_uid, limits=LIMITS)
    args = parse_search(cursor)
    cursor.end()
    if args.refused:
        raise args.refused
    return args


def numbers(text, by_uid=False):
    messages = SequenceSet.parse(text.encode())
    return Sequence(messages if by_uid else Numbers(messages), by_uid)


@pytest.mark.parametrize(
    ("keys", "criteria"),
    [
        ("ALL", All()),
        ("all", All()),
        ("ANSWERED", HasFlag("\\Answered")),
        ("BCC x", Text("bcc", "x")),
        ("BEFORE 1-Feb-1994", InternalDate("<", FEB_1)),
        ("BODY x", Text("body", "x")),
        ("CC x", Text("cc", "x")),
        ("DELETED", HasFlag("\\Deleted")),
        ("DRAFT", HasFlag("\\Draft")),
        ("FLAGGED", HasFlag("\\Flagged")),
        ('FROM "Smith"', Text("from", "Smith")),
        ('HEADER Message-ID ""', Header("Message-ID", "")),
        ("KEYWORD $Junk", Keyword("$Junk")),
        ("LARGER 4294967296", Larger(4294967296)),
        ("NEW", And((Recent(), Not(HasFlag("\\Seen"))))),
        ("NOT SEEN", Not(HasFlag("\\Seen"))),
        ("OLD", Not(Recent())),
        ('ON "1-Feb-1994"', InternalDate("=", FEB_1)),
        ("OR SEEN ANSWERED", Or(HasFlag("\\Seen"), HasFlag("\\Answered"))),
        ("RECENT", Recent()),
        ("SEEN", HasFlag("\\Seen")),
        ("SENTBEFORE 1-Feb-1994", SentDate("<", FEB_1)),
        ("SENTON 01-feb-1994", SentDate("=", FEB_1)),
        ("SENTSINCE 1-Feb-1994", SentDate(">=", FEB_1)),
        ("SINCE 1-Feb-1994", InternalDate(">=", FEB_1)),
        ("SMALLER 0", Smaller(0)),
        ("SUBJECT NIL", Text("subject", "NIL")),
        ('TEXT ""', Text("text", "")),
        ("TO x", Text("to", "x")),
        ("UID 443:557", numbers("443:557", by_uid=True)),
        ("UNANSWERED", Not(HasFlag("\\Answered"))),
        ("UNDELETED", Not(HasFlag("\\Deleted"))),
        ("UNDRAFT", Not(HasFlag("\\Draft"))),
        ("UNFLAGGED", Not(HasFlag("\\Flagged"))),
        ("UNKEYWORD x", Not(Keyword("x"))),
        ("UNSEEN", Not(HasFlag("\\Seen"))),
        ("2:4,*", numbers("2:4,*")),
        ("*:2", numbers("*:2")),
        ("(SEEN)", HasFlag("\\Seen")),
        ("((1 (SEEN)) 2)", And((And((numbers("1"), HasFlag("\\Seen"))), numbers("2")))),
        ("NOT (1 2)", Not(And((numbers("1"), numbers("2"))))),
        ("OR (1 2) NOT 3", Or(And((numbers("1"), numbers("2"))), Not(numbers("3")))),
        # RFC 3501, section 6.4.4
        (
            'FLAGGED SINCE 1-Feb-1994 NOT FROM "Smith"',
            And((HasFlag("\\Flagged"), InternalDate(">=", FEB_1), Not(Text("from", "Smith")))),
        ),
        ('TEXT "string not in mailbox"', Text("text", "string not in mailbox")),
    ],
)
def test_key(keys, criteria):
    assert parsed(keys).criteria == criteria


def test_literal_in_a_charset():
    assert parsed(b"CHARSET UTF-8 TEXT {6}\r\n", "мир".encode()).criteria == Text("text", "мир")
    assert parsed(b"charset koi8-r SUBJECT {3}\r\n", "мир".encode("koi8-r")).criteria == Text("subject", "мир")
    assert parsed(b'CHARSET "utf-8" OR FROM {1+}\r\n TO {1}\r\n', b"a", b"b").criteria == Or(
        Text("from", "a"), Text("to", "b")
    )


def test_utf_8_needs_no_charset():
    assert parsed(b"SUBJECT {2}\r\n", "ü".encode()).criteria == Text("subject", "ü")


def test_by_uid_is_of_the_result_alone():
    search = parsed("1:3", by_uid=True)
    assert search.by_uid
    assert search.criteria == numbers("1:3", by_uid=False)


@pytest.mark.parametrize("charset", [b"X-NOPE", b"hex", b"punycode", b"idna", b"utf-7", b"A" * 10000, b"../../x"])
def test_bad_charset_is_not_echoed(charset):
    with pytest.raises(Refused) as refused:
        parsed(b"CHARSET " + charset + b" TEXT a")
    assert refused.value.code == b"BADCHARSET (UTF-8 US-ASCII)"
    assert charset.decode() not in str(refused.value)


@pytest.mark.parametrize(
    "keys",
    [
        "",
        " ALL",
        "ALL ",
        "ALL  SEEN",
        "()",
        "(SEEN",
        "SEEN)",
        "(SEEN ) ALL",
        "NOT",
        "OR SEEN",
        "OR",
        "UID",
        "UID x",
        "HEADER x",
        'HEADER "" x',
        "KEYWORD \\Seen",
        'KEYWORD "x"',
        "BEFORE 32-Jan-2000",
        "BEFORE 1-Foo-2000",
        "BEFORE 1-Jan-00",
        "ON 2000-01-01",
        "LARGER -1",
        "LARGER 1x",
        "LARGER",
        "LARGER 9223372036854775808",
        "SMALLER " + "9" * 5000,
        "SUBJECT",
        "SUBJECT a b",
        "NOSUCHKEY",
        "CHARSET UTF-8",
        "CHARSET",
        "RETURN ALL",
        "RETURN (NOSUCH) ALL",
        "SUBJECT a\0b",
        "\u017fEEN",
        *("0", "0:5", "-1", "1,,2", "1:", ":1", ",", "1:2:3", "1 :2", "1:*:*", "\u0663", "\u00b2", "+1", "1_0"),
        *("4294967296", "99999999999", "1:4294967296"),
    ],
)
def test_bad(keys):
    with pytest.raises(BadSyntax) as bad:
        parsed(keys)
    assert len(str(bad.value)) < 128


def test_needle_not_in_its_charset_is_bad():
    with pytest.raises(BadSyntax):
        parsed(b"CHARSET US-ASCII TEXT {2}\r\n", "ü".encode())
    with pytest.raises(BadSyntax):
        parsed(b"TEXT {1}\r\n", b"\xff")
    with pytest.raises(BadSyntax):
        parsed(b"TEXT {3}\r\n", b"a\0b")


def test_number_of_keys_is_bounded():
    parsed(" ".join(["SEEN"] * TERMS))
    with pytest.raises(LimitReached):
        parsed(" ".join(["SEEN"] * (TERMS + 1)))


@pytest.mark.parametrize(
    "nest", [lambda n: "(" * n + "SEEN" + ")" * n, lambda n: "NOT " * n + "SEEN", lambda n: "OR SEEN " * n + "SEEN"]
)
def test_depth_is_bounded(nest):
    parsed(nest(DEPTH - 1))
    with pytest.raises(LimitReached):
        parsed(nest(DEPTH))


def test_a_mebibyte_of_parentheses_is_refused_at_once():
    begun = time.process_time()
    with pytest.raises(LimitReached):
        parsed("(" * (1 << 20))
    with pytest.raises(LimitReached):
        parsed("1 " * (1 << 19))
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1", [range(1)]),
        ("4", []),
        ("2:1000", [range(1, 3)]),
        ("1,1000", [range(1)]),
        ("*", [range(2, 3)]),
        ("1000:*", [range(2, 3)]),
    ],
)
def test_numbers_beyond_the_mailbox_match_nothing(text, found):
    assert Numbers(SequenceSet.parse(text.encode())).positions([7, 8, 9], by_uid=False) == found


@pytest.mark.parametrize("text", ["1", "1:*", "*", "1,5:7"])
def test_numbers_in_an_empty_mailbox(text):
    assert Numbers(SequenceSet.parse(text.encode())).positions([], by_uid=False) == []
