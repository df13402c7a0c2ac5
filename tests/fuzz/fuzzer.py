# SPDX-License-Identifier: MIT
"""Makes bad sessions out of good ones: the same seed makes the same octets. Pure."""

import random
from collections.abc import Callable, Iterator

from tests.fuzz.hostile import ALL

# Valid sessions after login; INBOX holds ten messages, "copies" may hold any.
SESSIONS = [
    b"a1 SELECT INBOX\r\na2 FETCH 1:* (FLAGS UID ENVELOPE)\r\na3 STORE 2:4,6 +FLAGS (\\Seen $Label1)\r\na4 SEARCH UNSEEN\r\na5 CLOSE\r\n",
    b'b1 LIST "" "*"\r\nb2 LSUB "" %\r\nb3 STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN RECENT)\r\nb4 NAMESPACE\r\nb5 NOOP\r\n',
    b"c1 EXAMINE INBOX\r\nc2 FETCH 1 (BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT)] BODY.PEEK[TEXT]<0.10> BODYSTRUCTURE RFC822.SIZE)\r\n"
    b"c3 UID FETCH 1:5,8:* (FLAGS INTERNALDATE BODY.PEEK[1.MIME])\r\nc4 UNSELECT\r\n",
    b'd1 SELECT INBOX\r\nd2 UID SEARCH OR FROM "a" (NOT SEEN SINCE 1-Jan-2020) HEADER Subject {5}\r\nhello LARGER 10\r\n'
    b'd3 SEARCH CHARSET UTF-8 TEXT {3+}\r\n\xc3\xa4x BEFORE "2-Feb-2030"\r\nd4 CHECK\r\n',
    b'e1 APPEND copies (\\Seen \\Flagged kw) "01-Feb-2020 10:20:30 +0200" {42+}\r\nSubject: x\r\nFrom: a@b\r\n\r\nbody of this one\r\n\r\n'
    b"e2 APPEND copies {11+}\r\nA: b\r\n\r\nxyz\r\n",
    b'f1 CREATE "a/b c/d"\r\nf2 RENAME "a/b c" {3+}\r\nx/y\r\nf3 SUBSCRIBE x/y/d\r\nf4 LIST x/ "%"\r\nf5 DELETE x/y/d\r\nf6 UNSUBSCRIBE x/y/d\r\n',
    b"g1 SELECT copies\r\ng2 STORE 1:* FLAGS.SILENT (\\Deleted)\r\ng3 EXPUNGE\r\ng4 UID EXPUNGE 1:100\r\ng5 COPY 1:* Sent\r\n",
    b"h1 SELECT INBOX\r\nh2 UID COPY 1:3 copies\r\nh3 UID MOVE 1 copies\r\nh4 IDLE\r\nDONE\r\nh5 UID STORE 5 -FLAGS (\\Seen)\r\n",
    b'i1 ID ("name" "x" "version" NIL)\r\ni2 ENABLE X\r\ni3 CAPABILITY\r\ni4 LOGOUT\r\n',
    b'k1 SELECT INBOX\r\nk2 NOTIFY SET STATUS (selected (MessageNew (UID FLAGS) MessageExpunge)) (subtree (copies "x y") (MailboxName))\r\n'
    b"k3 APPEND copies {11+}\r\nA: b\r\n\r\nxyz\r\nk4 NOTIFY NONE\r\n",
    b"j1 SELECT INBOX\r\nj2 FETCH 3 BODY.PEEK[2.1.HEADER.FIELDS.NOT (X Y)]<5.20>\r\nj3 FETCH 1:3 FULL\r\nj4 FETCH * FAST\r\n",
]  # fmt: skip

SPICE = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"(", b")", b'"', b"\\", b"{", b"}", b"{0}\r\n", b"{0+}\r\n", b"{5+}\r\n", b"{5}\r\n", b"*",
    b"%", b":", b",", b"1:*", b"*:*", b"4294967295", b"4294967296", b"-1", b"0", b"NIL", b"[", b"]", b"<0.1>", b"<", b">", b"~{3+}\r\nabc",
    b"\xff", b"\xc3", b"INBOX", b"UID ", b"DONE\r\n", b"\\Seen", b"&", b"&AAA-", b"BODY[", b"NOT ", b"OR ", b"$", b"+", b"(" * 50, b"x" * 300,
]  # fmt: skip


def _flip(octets: bytearray, chance: random.Random) -> None:
    octets[chance.randrange(len(octets))] ^= 1 << chance.randrange(8)


def _drop(octets: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(octets))
    del octets[start : start + chance.choice((1, 1, 2, 5, 20))]


def _repeat(octets: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(octets))
    part = octets[start : start + chance.choice((1, 3, 10, 40))]
    octets[start:start] = part * chance.choice((1, 2, 30))


def _spice(octets: bytearray, chance: random.Random) -> None:
    where = chance.randrange(len(octets) + 1)
    octets[where:where] = chance.choice(SPICE)


def _splice(octets: bytearray, chance: random.Random) -> None:
    other = chance.choice(CORPUS)
    octets[chance.randrange(len(octets)) :] = other[chance.randrange(len(other)) :]


def _swap(octets: bytearray, chance: random.Random) -> None:
    lines = bytes(octets).split(b"\r\n")
    chance.shuffle(lines)
    octets[:] = b"\r\n".join(lines)


MUTATIONS: list[Callable[[bytearray, random.Random], None]] = [_flip, _drop, _repeat, _spice, _spice, _splice, _swap]
CORPUS = SESSIONS + [hostile.octets for hostile in ALL if not hostile.before_login and len(hostile.octets) < 5_000]


def mutated(seed: int) -> bytes:
    """Session number `seed`: bad in a few places, or in many."""
    chance = random.Random(seed)
    octets = bytearray(chance.choice(SESSIONS if chance.random() < 0.7 else CORPUS))
    for _ in range(chance.choice((0, 1, 1, 2, 3, 8))):
        if octets:
            chance.choice(MUTATIONS)(octets, chance)
    return bytes(octets) + b"\r\n"


def segments(octets: bytes, seed: int) -> Iterator[bytes]:
    """The same octets as a network may deliver them: at once, in pieces, one by one."""
    chance = random.Random(seed)
    size = chance.choice((len(octets), len(octets), 1, 7, 100))
    for start in range(0, len(octets), max(1, size)):
        yield octets[start : start + max(1, size)]
