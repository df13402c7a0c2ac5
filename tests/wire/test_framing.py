# SPDX-License-Identifier: MIT
"""Commands are cut out of the stream alike, however the network cuts it; refused literals never become commands."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.wire.errors import BadSyntax, TooLong
from imapd.wire.framing import LITERALS, Announced, Framer, Request, requests

LIMIT = 25


class Spool:
    """Where streamed octets go; a test may let it fail."""

    def __init__(self, fails_after=None, fails_at_the_end=False):
        self.octets = b""
        self.finished = False
        self.fails_at_the_end = fails_at_the_end
        self.closed = False
        self.fails_after = fails_after

    def write(self, octets):
        if self.fails_after is not None and len(self.octets) + len(octets) > self.fails_after:
            raise OSError("disk full")
        self.octets += octets

    def finish(self):
        self.finished = True
        if self.fails_at_the_end:
            raise OSError("disk full")

    def close(self):
        self.closed = True


def outcomes(pieces, limit=LIMIT, line_octets=1000):
    """What a driver sees that takes literals up to a limit, as plain values."""
    framer = Framer(line_octets, 10_000)
    seen = []
    for piece in pieces:
        framer.feed(piece)
        try:
            while (found := framer.next()) is not None:
                if isinstance(found, Announced):
                    seen.append(("announced", found.line, found.size, found.synchronizing, found.binary))
                    framer.refuse(BadSyntax("no")) if found.size > limit else framer.accept()
                else:
                    seen.append((found.text, [x.data for x in found.literals], str(found.refused or "")))
        except TooLong:
            return [*seen, "too long"]
    return seen


def bytewise(octets):
    return [octets[at : at + 1] for at in range(len(octets))]


STREAMS = {
    "two commands": (
        b"a NOOP\r\nb NOOP\r\n",
        [(b"a NOOP", [], ""), (b"b NOOP", [], "")],
    ),
    "a bare LF ends a line like CRLF": (
        b"a NOOP\nb X {1+}\nx\nc NOOP\r\n",
        [
            (b"a NOOP", [], ""),
            ("announced", b"b X {1+}", 1, False, False),
            (b"b X {1+}\r\n", [b"x"], ""),
            (b"c NOOP", [], ""),
        ],
    ),
    "empty lines are commands without anything": (b"\r\n\n", [(b"", [], ""), (b"", [], "")]),
    "only the last CR belongs to the line end": (b"a\r\r\n", [(b"a\r", [], "")]),
    "a literal holds whatever it likes": (
        b"a LOGIN {6}\r\nb {9}\r {2+}\r\n\r\n\r\n",
        [
            ("announced", b"a LOGIN {6}", 6, True, False),
            ("announced", b"a LOGIN {6}", 2, False, False),
            (b"a LOGIN {6}\r\n {2+}\r\n", [b"b {9}\r", b"\r\n"], ""),
        ],
    ),
    "a literal of no octets": (
        b"a X {0}\r\n {0+}\r\n\r\n",
        [
            ("announced", b"a X {0}", 0, True, False),
            ("announced", b"a X {0}", 0, False, False),
            (b"a X {0}\r\n {0+}\r\n", [b"", b""], ""),
        ],
    ),
    "literal8": (
        b"a X ~{3}\r\n\0\r\n\r\n",
        [("announced", b"a X ~{3}", 3, True, True), (b"a X ~{3}\r\n", [b"\0\r\n"], "")],
    ),
    "L08: refused, and the client waits: the command is over": (
        b"a SELECT {26}\r\nb NOOP\r\n",
        [("announced", b"a SELECT {26}", 26, True, False), (b"a SELECT {26}", [], "no"), (b"b NOOP", [], "")],
    ),
    "L12: refused, and the client does not wait: its octets are no commands": (
        b"a SELECT {26+}\r\nA2 DELETE \"Sent\"\r\nA3 LOGO\r\nb NOOP\r\n",
        [
            ("announced", b"a SELECT {26+}", 26, False, False),
            (b"a SELECT {26+}", [], "no"),
            (b"b NOOP", [], ""),
        ],
    ),
    "the rest of a refused command is passed over with all its literals": (
        b"a X {26+}\r\nabcdefghijklmnopqrstuvwxyz {3+}\r\nb\r\n y {9+}\r\nA2 LOGOUT z\r\nb NOOP\r\n",
        [("announced", b"a X {26+}", 26, False, False), (b"a X {26+}", [], "no"), (b"b NOOP", [], "")],
    ),
    "a client that waits within a refused command is told at once": (
        b"a X {26+}\r\nabcdefghijklmnopqrstuvwxyz {3}\r\nb NOOP\r\n",
        [("announced", b"a X {26+}", 26, False, False), (b"a X {26+}", [], "no"), (b"b NOOP", [], "")],
    ),
    "the second literal is refused": (
        b"a X {1}\r\nx {26+}\r\nA2 DELETE \"Sent\"\r\nA3 LOGO\r\nb NOOP\r\n",
        [
            ("announced", b"a X {1}", 1, True, False),
            ("announced", b"a X {1}", 26, False, False),
            (b"a X {1}", [], "no"),
            (b"b NOOP", [], ""),
        ],
    ),
    "L16: a size that announces nothing, because no string can stand there": (
        b"a SELECT{5}\r\nb X {5} \r\nc X {5}x\r\n{5}\r\nd X a{5}\r\n",
        [(b"a SELECT{5}", [], ""), (b"b X {5} ", [], ""), (b"c X {5}x", [], ""), (b"{5}", [], ""), (b"d X a{5}", [], "")],
    ),
    "but what a client streams there is no command": (
        b"a SELECT{9+}\r\nA2 LOGOUT\r\nb NOOP\r\n",
        [(b"a SELECT{9+}", [], "Expected a space before a literal."), (b"b NOOP", [], "")],
    ),
    "L02, L04: sizes that are none": (
        b"a X {18446744073709551616}\r\nb X {+5}\r\nc X {1_0}\r\nd X { 5 }\r\ne X {0x10}\r\nf X {\xd9\xa5}\r\n"
        b"g X {-100}\r\nh X {}\r\n" + b"i X {" + b"9" * 500 + b"}\r\n",
        [
            (b"a X {18446744073709551616}", [], ""), (b"b X {+5}", [], ""), (b"c X {1_0}", [], ""), (b"d X { 5 }", [], ""),
            (b"e X {0x10}", [], ""), (b"f X {\xd9\xa5}", [], ""), (b"g X {-100}", [], ""), (b"h X {}", [], ""),
            (b"i X {" + b"9" * 500 + b"}", [], ""),
        ],
    ),
    "a streamed literal that cannot be counted ends the connection": (b"a NOOP\r\nb X {1_0+}\r\nc NOOP\r\n", [(b"a NOOP", [], ""), "too long"]),
    "and so does one too large to count": (b"b X {99999999999+}\r\nc NOOP\r\n", ["too long"]),
    "W07: a line without end": (b"a NOOP\r\n" + b"x" * 1002, [(b"a NOOP", [], ""), "too long"]),
    "a line one octet too long": (b"x" * 1001 + b"\n", ["too long"]),
    "a line as long as may be": (b"x" * 1000 + b"\n", [(b"x" * 1000, [], "")]),
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream(name):
    octets, expected = STREAMS[name]
    assert outcomes([octets]) == expected
    assert outcomes(bytewise(octets)) == expected
    for cut in range(1, len(octets)):
        assert outcomes([octets[:cut], octets[cut:]]) == expected


pieces_of_streams = st.lists(
    st.sampled_from([
        b"a NOOP", b"\r\n", b"\n", b"\r", b" {3}", b" {3+}", b" {0+}", b" {40+}", b" {40}", b"~{2}", b"({1}", b"x{2+}", b"}",
        b"{", b" ", b'"a"', b"abc", b"\0", b"\xff", b"A2 DELETE x\r\n", b" {99999999999+}\r\n",
    ]),
    max_size=25,
)  # fmt: skip


@given(pieces_of_streams, st.randoms(use_true_random=False))
def test_how_the_network_cuts_it_makes_no_difference(parts, random):
    octets = b"".join(parts)
    whole = outcomes([octets])
    assert outcomes(bytewise(octets)) == whole
    cuts = sorted(random.sample(range(len(octets) + 1), min(4, len(octets) + 1)))
    ends = [0, *cuts, len(octets)]
    assert outcomes([octets[a:b] for a, b in zip(ends, ends[1:], strict=False)]) == whole


@given(st.binary(max_size=300))
def test_any_octets_are_cut_somehow(octets):
    try:
        for request in requests(octets):
            assert isinstance(request, Request)
    except TooLong:
        pass


@pytest.mark.parametrize("size", [1, 65536, 1_000_000])
def test_a_spooled_literal_is_in_its_spool_and_nowhere_else(size):
    body = bytes(range(256)) * (size // 256 + 1)
    body = body[:size]
    framer, spool = Framer(), Spool()
    framer.feed(b"a APPEND INBOX {%d}\r\n" % size)
    assert framer.next().so_far().text == b"a APPEND INBOX {%d}" % size
    framer.accept(spool)
    for at in range(0, size, 5000):
        framer.feed(body[at : at + 5000])
        assert framer.next() is None
    framer.feed(b"\r\nb NOOP\r\n")
    request = framer.next()
    assert request.literals[0].spool is spool and request.literals[0].size == size and request.literals[0].data == b""
    assert spool.octets == body and spool.finished and not spool.closed
    assert framer.next().text == b"b NOOP"


def test_when_a_spool_fails_the_client_stays_in_step():
    framer, spool, first = Framer(), Spool(fails_after=100), Spool()
    framer.feed(b"a APPEND INBOX {3+}\r\nabc {1000+}\r\n" + b"A2 LOGOUT\r\n" * 90 + b"1234567890\r\nb NOOP\r\n")
    framer.next()
    framer.accept(first)
    framer.next()
    framer.accept(spool)
    request = framer.next()
    assert isinstance(request.refused, OSError) and request.literals == ()
    assert spool.closed and first.closed
    assert framer.next().text == b"b NOOP"


def test_when_a_spool_fails_at_its_end_the_command_is_refused():
    framer, spool = Framer(), Spool(fails_at_the_end=True)
    framer.feed(b"a APPEND INBOX {3+}\r\nabc\r\nb NOOP\r\n")
    framer.next()
    framer.accept(spool)
    request = framer.next()
    assert isinstance(request.refused, OSError) and request.literals == () and spool.closed
    assert framer.next().text == b"b NOOP"


def test_a_connection_that_ends_within_a_literal_leaves_no_spool():
    framer, spool = Framer(), Spool()
    framer.feed(b"a APPEND INBOX {1000}\r\n")
    framer.next()
    framer.accept(spool)
    framer.feed(b"x" * 999)
    assert framer.next() is None and not framer.is_empty
    framer.abandon()
    assert spool.closed and framer.is_empty


def test_discarding_forgets_lines_and_literals():
    framer = Framer()
    framer.feed(b"a STARTTLS\r\nb LOGIN {3+}\r\nx")
    assert framer.next().text == b"a STARTTLS"
    framer.discard()
    assert framer.is_empty and framer.next() is None
    framer.feed(b"c NOOP\r\n")
    assert framer.next().text == b"c NOOP"


def test_a_line_that_is_no_command():
    framer = Framer(10)
    framer.feed(b"a IDLE\r\nDONE\r\nx {3}\r\n" + b"y" * 50 + b"\r\n")
    assert framer.next().text == b"a IDLE"
    assert [framer.next_line() for _ in range(4)] == [b"DONE", b"x {3}", b"y" * 50, None]


def test_the_sum_of_arguments_is_bounded():
    """Those of all literals of a command together; so with literals of no octets."""
    framer = Framer(1000, 5000)
    framer.feed(b"a SEARCH" + b" HEADER X {1000+}\r\n" + (b"y" * 1000 + b" HEADER X {1000+}\r\n") * 9)
    with pytest.raises(TooLong):
        while framer.next():
            framer.accept()
    framer = Framer()
    framer.feed(b"a X {0+}\r\n" + b" {0+}\r\n" * (LITERALS + 1))
    with pytest.raises(TooLong):
        while framer.next():
            framer.accept()


def test_time_grows_with_the_octets_alone():
    began = process_time()
    framer = Framer()
    framer.feed(b"a NOOP\r\n" * 50_000)
    while framer.next():
        pass
    assert len(list(requests((b"a X {0+}\r\n" + b" {0+}\r\n" * 4000 + b"\r\n") * 5))) == 5
    assert len(list(requests((b"{" * 60_000 + b"}\r\n") * 20 + (b"{" + b"9" * 60_000 + b"}\r\n") * 20))) == 40
    assert process_time() - began < 3  # 0.2 s in truth


def test_undecided_literals_are_a_fault_of_ours():
    framer = Framer()
    with pytest.raises(RuntimeError):
        framer.accept()
    framer.feed(b"a X {1}\r\nx")
    framer.next()
    with pytest.raises(RuntimeError):
        framer.next()
