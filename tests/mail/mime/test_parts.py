# SPDX-License-Identifier: MIT
"""Sections of a message from the stored offsets: those of RFC 3501's own example, and what does not exist."""

import pytest

from imapd.mail.mime import parts
from imapd.mail.mime.structure import scan

# The message of RFC 3501, section 6.4.5.
INNER = (
    b"Subject: 3\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n"
    b"--i\r\n\r\n3.1\r\n"
    b"--i\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nMy4y\r\n"
    b"--i--\r\nepilogue"
)
IN_4_2 = b"Content-Type: multipart/alternative; boundary=j\r\n\r\n--j\r\n\r\n4.2.2.1\r\n--j\r\n\r\n4.2.2.2\r\n--j--"
FOURTH = (
    b"Content-Type: multipart/mixed; boundary=k\r\n\r\n"
    b"--k\r\nContent-Type: image/gif\r\n\r\n4.1\r\n"
    b"--k\r\nContent-Type: message/rfc822\r\n\r\nSubject: 4.2\r\nContent-Type: multipart/mixed; boundary=l\r\n\r\n"
    b"--l\r\n\r\n4.2.1\r\n--l\r\n" + IN_4_2 + b"\r\n--l--\r\n--k--"
)
EXAMPLE = (
    b"Subject: all\r\nContent-Type: multipart/mixed; boundary=h\r\n\r\npreamble\r\n"
    b"--h\r\nX: 1\r\n\r\n1\r\n"
    b"--h\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: 8bit\r\n\r\n2\r\n"
    b"--h\r\nContent-Type: message/rfc822\r\n\r\n" + INNER + b"\r\n"
    b"--h\r\n" + FOURTH + b"\r\n"
    b"--h--\r\n"
)


def section(octets, name):
    """The octets of a section by its name in FETCH."""
    path, _, kind = name.partition("/")
    numbers = tuple(map(int, path.split("."))) if path else ()
    span = parts.section(parts.encode(scan(octets)), numbers, kind.encode())
    return None if span is None else octets[span[0] : span[0] + span[1]]


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        ("", EXAMPLE),
        ("/HEADER", EXAMPLE[: EXAMPLE.index(b"preamble")]),
        ("/TEXT", EXAMPLE[EXAMPLE.index(b"preamble") :]),
        ("1", b"1"),
        ("1/MIME", b"X: 1\r\n\r\n"),
        ("2", b"2"),
        ("3", INNER),
        ("3/MIME", b"Content-Type: message/rfc822\r\n\r\n"),
        ("3/HEADER", INNER[: INNER.index(b"--i")]),
        ("3/TEXT", INNER[INNER.index(b"--i") :]),
        ("3.1", b"3.1"),
        ("3.2", b"My4y"),
        ("4", FOURTH[FOURTH.index(b"--k") :]),
        ("4.1", b"4.1"),
        ("4.1/MIME", b"Content-Type: image/gif\r\n\r\n"),
        ("4.2/HEADER", b"Subject: 4.2\r\nContent-Type: multipart/mixed; boundary=l\r\n\r\n"),
        ("4.2.1", b"4.2.1"),
        ("4.2.2", IN_4_2[IN_4_2.index(b"--j") :]),
        ("4.2.2.1", b"4.2.2.1"),
        ("4.2.2.2", b"4.2.2.2"),
        *(
            (name, None)
            for name in ("5", "1.1", "1/HEADER", "1/TEXT", "3.3", "4/HEADER", "4.2.3", "4.2.1.1", "999999999")
        ),
    ],
)
def test_example_of_the_rfc(name, octets):
    assert section(EXAMPLE, name) == octets


def test_the_only_part_is_part_1():
    octets = b"Subject: s\r\n\r\ntext"
    assert section(octets, "1") == b"text"
    assert section(octets, "1/MIME") == b"Subject: s\r\n\r\n"
    assert section(octets, "2") is section(octets, "1.1") is section(octets, "1/HEADER") is None


def test_a_message_that_is_a_message():
    octets = b"Content-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\ntext"
    assert section(octets, "1.1/HEADER") == b"Subject: in\r\n\r\n"
    assert section(octets, "1.1.1") == section(octets, "1.1/TEXT") == b"text"
    assert section(octets, "1/HEADER") == b"Content-Type: message/rfc822\r\n\r\n"
    assert section(octets, "1.1.1.1") is None


@pytest.mark.parametrize("encoding", [b"", b"Content-Transfer-Encoding: 8bit\r\n"])
def test_a_message_global(encoding):
    octets = b"Content-Type: message/global\r\n" + encoding + b"\r\nSubject: in\r\n\r\ntext"
    assert section(octets, "1/HEADER") == b"Subject: in\r\n\r\n"
    assert section(octets, "1/TEXT") == section(octets, "1.1") == b"text"


def test_a_message_global_that_is_encoded():
    octets = b"Content-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogaW4NCg0KdGV4dA=="
    assert section(octets, "1") == b"U3ViamVjdDogaW4NCg0KdGV4dA=="
    assert section(octets, "1/HEADER") is section(octets, "1.1") is None
    assert parts.is_leaf(parts.encode(scan(octets)), 0)


def test_header_and_text_are_the_whole():
    assert section(EXAMPLE, "/HEADER") + section(EXAMPLE, "/TEXT") == EXAMPLE
    assert section(EXAMPLE, "3/HEADER") + section(EXAMPLE, "3/TEXT") == section(EXAMPLE, "3")


def test_stored_form_is_small_and_says_its_format():
    stored = parts.encode(scan(b"Subject: s\r\n\r\ntext"))
    assert stored[0] == parts.FORMAT
    assert len(stored) == 17


def test_transfer_encodings():
    stored = parts.encode(scan(EXAMPLE))
    found = parts.find(stored, (3, 2))
    assert parts.transfer_encoding(stored, found) == parts.BASE64
    assert parts.transfer_encoding(stored, parts.find(stored, (2,))) == parts.IDENTITY
    assert parts.is_leaf(stored, found)
    assert not parts.is_leaf(stored, 0)
