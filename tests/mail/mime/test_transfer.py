# SPDX-License-Identifier: MIT
"""Transfer encodings taken off in pieces of any size, against the whole; and messages with binary parts."""

import base64
import quopri
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.mail.mime.parse import parse
from imapd.mail.mime.parts import BASE64, IDENTITY, QUOTED_PRINTABLE, section, transfer_encoding
from imapd.mail.mime.transfer import PIECE_OCTETS, decoded, window, without_binary


def off(octets, encoding, *cuts):
    """What comes out when the octets come in pieces."""
    edges = [0, *sorted(min(cut, len(octets)) for cut in cuts), len(octets)]
    pieces = [octets[low:high] for low, high in zip(edges, edges[1:], strict=False)]
    return b"".join(decoded(iter(pieces), encoding))


@pytest.mark.parametrize(
    ("encoded", "plain"),
    [
        (b"aGVsbG8gd29ybGQ=", b"hello world"),
        (b"aGVs\r\nbG8gd29y\r\nbGQ=\r\n", b"hello world"),
        (b" aGVs \t\r\n  bG8g d29ybGQ", b"hello world"),
        (b"aGVs-bG8g!d29ybGQ", b"hello world"),
        (b"aGVsbG8=d29ybGQ=", b"helloworld"),
        (b"aGVsbG8gd29ybGQ====", b"hello world"),
        (b"aGVsb", b"hel"),
        (b"====", b""),
        (b"", b""),
    ],
)
def test_base64(encoded, plain):
    assert off(encoded, BASE64) == plain
    for cut in range(len(encoded)):
        assert off(encoded, BASE64, cut) == plain


@pytest.mark.parametrize(
    ("encoded", "plain"),
    [
        (b"hello  \r\nbar=\r\n\r\n", b"hello\r\nbar\r\n"),
        (b"foo\t=\r\nbar", b"foo\tbar"),
        (b"foo\t \t= \r\n=62", b"foo\t \tb"),
        (b"foo = \t\r\nbar", b"foo bar"),
        (b"bar=\r\nfoo_bar\r\n", b"barfoo_bar\r\n"),
        (b"=c3=BC=0", b"\xc3\xbc=0"),
        (b"a=\nb \nc\n", b"ab\nc\n"),
        (b"=3D=3d=", b"=="),
        (b"=XY = x", b"=XY = x"),
        (b"trailing   ", b"trailing"),
        (b"", b""),
    ],
)
def test_quoted_printable(encoded, plain):
    assert off(encoded, QUOTED_PRINTABLE) == plain
    for cut in range(len(encoded)):
        assert off(encoded, QUOTED_PRINTABLE, cut) == plain


cuts = st.lists(st.integers(0, 400), max_size=4)


@given(st.binary(max_size=300), cuts)
def test_what_was_encoded_comes_back(plain, cuts):
    assert off(base64.encodebytes(plain), BASE64, *cuts) == plain
    encoded = quopri.encodestring(plain.replace(b"\r", b""), quotetabs=True)
    assert off(encoded, QUOTED_PRINTABLE, *cuts) == plain.replace(b"\r", b"")
    assert off(plain, IDENTITY, *cuts) == plain


@given(st.binary(max_size=200), cuts)
def test_pieces_change_nothing(octets, cuts):
    for encoding in (BASE64, QUOTED_PRINTABLE):
        assert off(octets, encoding, *cuts) == off(octets, encoding)


def test_a_line_without_end():
    plain = b"\xc3\xbc " * 100_000
    encoded = b"=C3=BC=20" * 100_000
    steps = range(0, len(encoded), 10_007)
    assert off(encoded, QUOTED_PRINTABLE, *steps) == plain
    assert off(b" " * 1_000_000 + b"x", QUOTED_PRINTABLE, *range(0, 1_000_000, 1000))[-1:] == b"x"


@pytest.mark.parametrize("encoding", [BASE64, QUOTED_PRINTABLE])
@pytest.mark.parametrize("octets", [b"=", b" ", b"\r", b"= ", b"=\n", b"A", b"A=", b"\n"])
def test_cost(octets, encoding):
    """Memory and time go with the size, whatever it is made of."""
    pieces = ((octets * PIECE_OCTETS)[:PIECE_OCTETS] for _ in range(32))
    began = time.process_time()
    for piece in decoded(pieces, encoding):
        assert len(piece) <= 3 * PIECE_OCTETS
    assert time.process_time() - began < 2


@given(st.lists(st.binary(max_size=5), max_size=8), st.integers(0, 30), st.integers(1, 30))
def test_window(pieces, begin, count):
    whole = b"".join(pieces)
    assert b"".join(window(iter(pieces), begin, count)) == whole[begin : begin + count]


def test_a_window_reads_no_further():
    def pieces():
        yield b"abc"
        yield b"def"
        raise AssertionError("read too far")

    assert b"".join(window(pieces(), 1, 4)) == b"bcde"


# Messages with binary parts


def rewritten(octets):
    pieces = without_binary(octets)
    return None if pieces is None else b"".join(pieces)


def body(octets, path):
    """A part, decoded."""
    stored = parse(octets, sha256=b"").parts
    offset, length = section(stored, path, b"")
    from imapd.mail.mime.parts import find

    return off(octets[offset : offset + length], transfer_encoding(stored, find(stored, path)))


def test_nothing_binary():
    assert rewritten(b"Content-Transfer-Encoding: 8bit\r\n\r\n\0") is None
    assert rewritten(b"Content-Transfer-Encoding: base64\r\n\r\nAA==") is None


@pytest.mark.parametrize(
    "field",
    [
        b"Content-Transfer-Encoding: binary",
        b"content-transfer-encoding:BINARY  ",
        b"CONTENT-TRANSFER-ENCODING:\r\n binary",
        b"Content-Transfer-Encoding: binary (as it is)",
    ],
)
def test_a_message_of_one_part(field):
    plain = bytes(range(256)) * 10
    found = rewritten(b"Subject: x\r\n" + field + b"\r\nX-More: y\r\n\r\n" + plain)
    assert b"\0" not in found
    assert found.lower().startswith(b"subject: x\r\ncontent-transfer-encoding: base64\r\n")
    assert b": base64\r\nX-More: y\r\n\r\nAAEC" in found
    assert body(found, (1,)) == plain
    assert max(map(len, found.splitlines())) <= 76


def test_parts():
    octets = (
        b'MIME-Version: 1.0\r\nContent-Transfer-Encoding: binary\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\npre\r\n'
        b"--b\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\r\n\1\r\n--b\r\n\r\nplain\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        b"Subject: in\r\nContent-Transfer-Encoding: binary\r\n\r\n\r\0\n\r\n--b--\r\npost"
    )
    found = rewritten(octets)
    assert found.count(b"Encoding: base64\r\n") == 2
    assert found.count(b"Encoding: 8bit\r\n") == 2
    assert b"\0" not in found
    assert body(found, (1,)) == b"\0\r\n\1"
    assert body(found, (2,)) == b"plain"
    assert body(found, (3, 1)) == b"\r\0\n"
    assert found.endswith(b"\r\n--b--\r\npost")


@given(st.binary(max_size=300))
def test_any_octets(plain):
    found = rewritten(b"Content-Transfer-Encoding: binary\r\n\r\n" + plain)
    assert body(found, (1,)) == plain
    assert b"\0" not in found
