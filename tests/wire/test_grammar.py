# SPDX-License-Identifier: MIT
"""The rules that commands share: what they take, and what they refuse."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.wire.framing import requests
from imapd.wire.grammar import BadSyntax, Cursor, Literal, head
from imapd.wire.sequence import SequenceSet


def cursor(octets, **options):
    """A cursor at the arguments of a command that was read as a client would send it."""
    (request,) = requests(b"t X " + octets + b"\r\n")
    if request.refused:
        raise request.refused
    return Cursor(request.text, request.literals, 4, **options)


def read(rule, octets, **options):
    at = cursor(octets, **options)
    value = getattr(at, rule)()
    at.end()
    return value


TAKEN = [
    ("atom", b"NOOP", b"NOOP"),
    ("atom", b"a+b.c-1$", b"a+b.c-1$"),
    ("word", b"flags.Silent", b"FLAGS.SILENT"),
    ("astring", b"a]b[", b"a]b["),
    ("astring", b'"a b"', b"a b"),
    ("astring", b'""', b""),
    ("astring", b"{3}\r\na b", b"a b"),
    ("astring", b"{3+}\r\na\r\n", b"a\r\n"),
    ("astring", b"{0}\r\n", b""),
    ("string", b'"a\\"b\\\\c"', b'a"b\\c'),
    ("string", b'"{5}"', b"{5}"),
    ("nstring", b"NIL", None),
    ("nstring", b"nil", None),
    ("nstring", b'"NIL"', b"NIL"),
    ("number", b"0", 0),
    ("number", b"4294967295", 4294967295),
    ("nz_number", b"1", 1),
    ("number64", b"9223372036854775807", 2**63 - 1),
    ("sequence_set", b"1:3", SequenceSet([(1, 3)])),
    ("mailbox", b"inbox", "INBOX"),
    ("mailbox", b'"Entw&APw-rfe"', "Entwürfe"),
    ("mailbox", b"{5}\r\ninBOX", "INBOX"),
    ("list_mailbox", b"%/*", "%/*"),
    ("list_mailbox", b'"a b/%"', "a b/%"),
    ("list_mailbox", b'""', ""),
    ("flag", b"\\sEEN", "\\Seen"),
    ("flag", b"$Forwarded", "$Forwarded"),
    ("flag_list", b"()", []),
    ("flag_list", b"(\\Deleted custom)", ["\\Deleted", "custom"]),
    ("flags", b"\\Seen \\Draft", ["\\Seen", "\\Draft"]),
    ("flags", b"(\\Seen)", ["\\Seen"]),
    ("date", b"1-Feb-1994", datetime.date(1994, 2, 1)),
    ("date", b'"01-Feb-1994"', datetime.date(1994, 2, 1)),
    ("date_time", b'" 1-Jan-1970 01:00:00 +0100"', (0, 60)),
    ("literal", b"{2}\r\n\0\xff", Literal(b"\0\xff", None, 2)),
    ("literal", b"~{2}\r\n\0\xff", Literal(b"\0\xff", None, 2, True)),
]


@pytest.mark.parametrize(("rule", "octets", "value"), TAKEN)
def test_it_takes(rule, octets, value):
    assert read(rule, octets) == value


REFUSED = [
    ("atom", b""), ("atom", b'"a"'), ("atom", b"a]"), ("atom", b"a\x00b"), ("atom", b"\xc4"), ("atom", b"a(b"),
    ("astring", b""), ("astring", b'"abc'), ("astring", b'"\\q"'), ("astring", b'"abc\\"'), ("astring", b'"a\x00b"'),
    ("astring", b'"a\rb"'), ("astring", b"a b"), ("astring", b"a*"), ("astring", b"{3"), ("astring", b"{3}x"), ("astring", b"{x}"),
    ("string", b"abc"), ("string", b"{1}\r\n\0"), ("string", b"~{1}\r\na"),
    ("nstring", b"NILL"), ("nstring", b"NI"),
    ("number", b"-1"), ("number", b"+1"), ("number", b"1_0"), ("number", b"4294967296"), ("number", b"9" * 5000),
    ("number", "٣".encode()), ("number", "²".encode()), ("number", b" 1"), ("nz_number", b"0"), ("nz_number", b"01"),
    ("number64", b"9223372036854775808"), ("sequence_set", b"1,,2"), ("sequence_set", b"$1"),
    ("mailbox", b"Entw\xc3\xbcrfe"), ("mailbox", b'"Entw\xc3\xbcrfe"'), ("mailbox", b"a&b"), ("mailbox", b"\xc4\xb1nbox"),
    ("mailbox", b"a%"), ("flag", b"\\Recent"), ("flag", b"\\Foo"), ("flag", b"\\"), ("flag", b"\\\\Seen"),
    ("flag_list", b"(\\Seen"), ("flag_list", b"(\\Seen  a)"), ("flag_list", b"( )"), ("flag_list", b"\\Seen"),
    ("date", b"1-Feb-94"), ("date", b'"1-Feb-1994'), ("date_time", b"1-Jan-1970 00:00:00 +0000"), ("literal", b'"a"'),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "octets"), REFUSED)
def test_it_refuses(rule, octets):
    with pytest.raises(BadSyntax) as refusal:
        read(rule, octets)
    assert len(str(refusal.value)) < 128


def test_names_are_utf8_once_that_is_enabled():
    assert read("mailbox", '"Entwürfe"'.encode(), utf8=True) == "Entwürfe"
    assert read("mailbox", b'"Entw&APw-rfe"', utf8=True) == "Entw&APw-rfe"
    with pytest.raises(BadSyntax):
        read("mailbox", b'"\xff"', utf8=True)


def test_lists_nest_as_deep_as_a_person_would():
    def nested(at):
        return at.listed(lambda: nested(at) if at.peek(b"(") else at.atom())

    at = cursor(b"(" * 30 + b"a b" + b")" * 30)
    nested(at)
    at.end()
    with pytest.raises(BadSyntax):
        nested(cursor(b"(" * 1000 + b"a" + b")" * 1000))
    for broken in (b"()", b"(a", b"(a )", b"( a)", b"(a  b)", b"a)"):
        with pytest.raises(BadSyntax):
            at = cursor(broken)
            nested(at)
            at.end()


def test_words_are_those_allowed():
    assert cursor(b"seen").word(b"ALL", b"SEEN") == b"SEEN"
    with pytest.raises(BadSyntax):
        cursor(b"seen").word(b"ALL")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"a1 NOOP", (b"a1", b"NOOP", 7)),
        (b"a1 noop", (b"a1", b"NOOP", 7)),
        (b"a1 SELECT INBOX", (b"a1", b"SELECT", 9)),
        (b"a1 uid Fetch 1 x", (b"a1", b"UID FETCH", 12)),
        (b"* NOOP", (None, b"", 0)),
        (b"+ NOOP", (None, b"", 0)),
        (b"a+1 NOOP", (None, b"", 0)),
        (b'a"1 NOOP', (None, b"", 0)),
        (b"", (None, b"", 0)),
        (b" NOOP", (None, b"", 0)),
        (b"a1", (b"a1", b"", 0)),
        (b"a1 ", (b"a1", b"", 0)),
        (b"a1  NOOP", (b"a1", b"", 0)),
        (b"a1 NO\x00OP", (b"a1", b"", 0)),
        (b"\x00a1 NOOP", (None, b"", 0)),
        (b"a\x1b[2J NOOP", (None, b"", 0)),
        (b"A" * 10000 + b" NOOP", (None, b"", 0)),
        ("a1 ſelect INBOX".encode(), (b"a1", b"", 0)),
        ("a1 CHEC\u212a".encode(), (b"a1", b"", 0)),
    ],
)
def test_tag_and_name(text, found):
    assert head(text) == found


@given(st.binary(max_size=60))
def test_no_octets_confuse_it(octets):
    """Every rule either takes or raises BadSyntax, and never moves past the end."""
    for request in requests(octets + b"\r\n"):
        head(request.text)
        for rule in ("atom", "astring", "string", "nstring", "number", "sequence_set", "mailbox", "list_mailbox", "flag",
                     "flag_list", "date", "date_time", "literal"):  # fmt: skip
            at = Cursor(request.text, request.literals, 0)
            try:
                getattr(at, rule)()
            except BadSyntax:
                continue
            assert 0 < at.position <= len(request.text)
