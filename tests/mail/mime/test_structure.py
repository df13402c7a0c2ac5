# SPDX-License-Identifier: MIT
"""The tree of parts and where they lie, in good and in bad messages."""

import mmap
import tempfile

import pytest

from imapd.mail.mime import limits
from imapd.mail.mime.structure import LEAF, MESSAGE, MULTIPART, scan


def outline(octets):
    """(type/subtype, header, body) of each part, indented by its depth."""
    return [
        (
            ". " * part.depth + (part.type + b"/" + part.subtype).decode(),
            octets[part.header_start : part.body_start],
            octets[part.body_start : part.end],
        )
        for part in scan(octets)
    ]


def bodies(octets):
    return [octets[part.body_start : part.end] for part in scan(octets) if part.kind == LEAF]


def mixed(*parts, boundary=b"b", end=b"--b--\r\n"):
    head = b'Content-Type: multipart/mixed; boundary="%b"\r\n\r\n' % boundary
    return head + b"".join(b"--" + boundary + b"\r\n" + part for part in parts) + end


def test_one_part():
    assert outline(b"A: 1\r\n\r\nbody") == [("text/plain", b"A: 1\r\n\r\n", b"body")]


def test_nested():
    inner = b"Content-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\n1\r\n--c\r\n\r\n2\r\n--c--\r\n"
    octets = mixed(b"\r\nfirst\r\n", inner, b"X: y\r\n\r\nlast\r\n") + b"epilogue"
    assert [line[0] for line in outline(octets)] == [
        "multipart/mixed", ". text/plain", ". multipart/alternative", ". . text/plain", ". . text/plain", ". text/plain",
    ]  # fmt: skip
    assert bodies(octets) == [b"first", b"1", b"2", b"last"]


def test_message_in_message():
    octets = mixed(b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\ntext\r\n")
    assert outline(octets)[1:] == [
        (". message/rfc822", b"Content-Type: message/rfc822\r\n\r\n", b"Subject: in\r\n\r\ntext"),
        (". . text/plain", b"Subject: in\r\n\r\n", b"text"),
    ]


def test_digest_holds_messages():
    octets = mixed(b"\r\nSubject: in\r\n\r\ntext\r\n").replace(b"mixed", b"digest")
    assert [part.kind for part in scan(octets)] == [MULTIPART, MESSAGE, LEAF]


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_line_ends(line_end):
    octets = mixed(b"\r\none\r\n", b"A: b\r\n\r\ntwo\r\n\r\n").replace(b"\r\n", line_end)
    assert bodies(octets) == [b"one", b"two" + line_end]


def test_mixed_line_ends():
    octets = b"Content-Type: multipart/mixed;\n boundary=b\r\nX: y\n\r\n--b\n\r\none\r\n--b\r\n\ntwo\n--b--"
    assert bodies(octets) == [b"one", b"two"]


def test_a_bare_carriage_return_ends_no_line():
    octets = b"A: 1\r\rbody\r--b\r"
    assert outline(octets) == [("text/plain", octets, b"")]


@pytest.mark.parametrize("octets", [b"", b"\r\n", b"\n", b"x", b"A: b", b"A: b\r\n", b"\0", b"\r", b"--\r\n"])
def test_hardly_a_message(octets):
    (part,) = scan(octets)
    assert (part.header_start, part.end) == (0, len(octets))


def test_a_line_that_is_no_field_does_not_end_the_header():
    assert outline(b"From x\r\nA: 1\r\n\r\nbody")[0][2] == b"body"


def test_a_delimiter_ends_a_header():
    octets = mixed(b"Content-Type: text/html\r\n", b"\r\ntwo\r\n")
    assert outline(octets)[1:] == [
        (". text/html", b"Content-Type: text/html\r\n", b""),
        (". text/plain", b"\r\n", b"two"),
    ]


def test_empty_parts():
    assert bodies(mixed(b"\r\n", b"", b"\r\n\r\n")) == [b"", b"", b""]


class TestBoundaries:
    def test_may_have_spaces_behind_them(self):
        assert bodies(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b \t\r\n\r\n1\r\n--b--  \r\nx") == [b"1"]

    def test_may_be_folded_in_quotes(self):
        octets = b'Content-Type: multipart/mixed; boundary="foo\r\n bar"\r\n\r\n--foo bar\r\n\r\n1\r\n--foo bar--\r\n'
        assert bodies(octets) == [b"1"]

    def test_the_same_on_every_level(self):
        inner = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n1\r\n--b--\r\n"
        assert bodies(mixed(inner, b"\r\n2\r\n")) == [b"1", b"2"]

    def test_one_that_another_begins_with(self):
        inner = b"Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n\r\n1\r\n--bb--\r\n"
        assert bodies(mixed(inner, b"\r\n2\r\n")) == [b"1", b"2"]
        inner = b"Content-Type: multipart/mixed; boundary=b--\r\n\r\n--b--\r\n\r\n1\r\n--b----\r\n"
        assert bodies(mixed(inner, b"\r\n2\r\n")) == [b"1", b"2"]

    def test_begin_a_line_that_goes_on(self):
        assert bodies(mixed(b"\r\n1\r\n--bxyz\r\n\r\n2\r\n", end=b"--b--xyz\r\n\r\n--b\r\n\r\n3")) == [b"1", b"2"]

    def test_outer_one_closes_the_inner(self):
        inner = b"Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n1\r\n"
        assert bodies(mixed(inner, b"\r\n--c\r\n\r\n2\r\n")) == [b"1", b"--c\r\n\r\n2"]

    def test_never_closed(self):
        assert bodies(mixed(b"\r\n1\r\n", b"\r\n2", end=b"")) == [b"1", b"2"]

    def test_never_seen(self):
        parts = scan(mixed(end=b"text"))
        assert [part.kind for part in parts] == [MULTIPART]

    @pytest.mark.parametrize("boundary", [b"", b' ; boundary=""', b'; boundary="' + b"x" * 10_000 + b'"'])
    def test_none(self, boundary):
        (part,) = scan(b"Content-Type: multipart/mixed" + boundary + b"\r\n\r\n--\r\n\r\ntext")
        assert (part.kind, part.type, part.subtype) == (LEAF, b"text", b"plain")

    def test_of_5000_characters(self):
        assert bodies(mixed(b"\r\n1\r\n", boundary=b"x" * 5000, end=b"--" + b"x" * 5000 + b"--")) == [b"1"]

    def test_with_nul(self):
        assert bodies(mixed(b"\r\n1\r\n", boundary=b"a\0b", end=b"--a\0b--")) == [b"1"]


class TestBounds:
    def test_depth_of_messages(self):
        parts = scan(b"Content-Type: message/rfc822\r\n\r\n" * 1000 + b"A: b\r\n\r\n")
        assert len(parts) == limits.DEPTH + 1
        assert (parts[-1].type, parts[-1].kind) == (b"application", LEAF)

    @pytest.mark.parametrize("boundary", [b"b", b"b%d"])
    def test_depth_of_multiparts(self, boundary):
        names = [boundary % n if b"%" in boundary else boundary for n in range(1000)]
        octets = b"".join(b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n--%b\r\n" % (n, n) for n in names)
        parts = scan(octets)
        assert max(part.depth for part in parts) == limits.DEPTH
        assert len(parts) <= limits.PARTS

    @pytest.mark.parametrize(
        "part", [b"--b\r\n", b"--b\r\n\r\nx\r\n", b"--b\r\nContent-Type: message/rfc822\r\n\r\n\r\n"]
    )
    def test_number(self, part):
        octets = mixed(end=part * 20_000)
        parts = scan(octets)
        assert len(parts) == limits.PARTS
        assert parts[-1].end == len(octets)

    def test_lines_of_dashes(self):
        dashes = b"--\r\n" * (3 * limits.DASHED_LINES)
        inner = b"Content-Type: multipart/mixed; boundary=cde\r\n\r\n" + dashes + b"--cde\r\n\r\n1\r\n"
        assert bodies(mixed(inner, b"\r\n2\r\n")) == [b"1", b"2"]
        assert bodies(mixed(dashes + b"\r\n1\r\n", b"\r\n2\r\n"))[1:] == [b"2"]


def test_mapped_files_are_read_as_octets_are():
    octets = mixed(b"\r\none\r\n", b"Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\ntwo\r\n")
    with tempfile.TemporaryFile() as file:
        file.write(octets)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            assert outline(mapped) == outline(octets)
