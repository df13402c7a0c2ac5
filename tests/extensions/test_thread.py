# SPDX-License-Identifier: MIT
"""THREAD (RFC 5256): what is read, and how trees are written. How they are made is tested in tests/mail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.extensions.thread import thread_data
from imapd.mail.criteria import All
from imapd.mail.thread import Threads
from tests.commands.fake_mail import Client, Mailbox


class Threaded(Mailbox):
    def threads(self, criteria, algorithm):
        self.calls.append((criteria, algorithm))
        return [1, 3, 4], Threads(3, [0, 3], {3: [1, 2]})

    def aside(self, work, given, messages):
        return work(given)


@pytest.fixture
def client():
    return Client().selected(Threaded("INBOX", [10, 20, 30, 31, 32, 50]))


@pytest.mark.parametrize("algorithm", ["ORDEREDSUBJECT", "references", "Refs"])
def test_thread(client, algorithm):
    assert client.do(f"THREAD {algorithm} UTF-8 ALL") == (["* THREAD (2)((4)(5))"], "OK THREAD completed.")
    assert client.session.selected.calls == [(All(), algorithm.lower())]


def test_uids(client):
    assert client.do("UID THREAD REFERENCES US-ASCII ALL")[0] == ["* THREAD (20)((31)(32))"]


def test_charset(client):
    assert client.do("THREAD REFERENCES X-NOPE ALL")[1].startswith("NO [BADCHARSET (UTF-8 US-ASCII)] ")


@pytest.mark.parametrize(
    "arguments",
    ["FOO UTF-8 ALL", "REFERENCES ALL", "REFERENCES UTF-8", "(REFERENCES) UTF-8 ALL", "REFERENCES", '"REFS" UTF-8 ALL'],
)
def test_bad(client, arguments):
    assert client.do(f"THREAD {arguments}")[1].startswith("BAD ")


def written(roots, children, count=100):
    return thread_data(Threads(count, roots, children), range(count)).decode()


@pytest.mark.parametrize(
    ("roots", "children", "text"),
    [
        ([], {}, ""),
        ([2], {}, " (2)"),
        ([2, 3], {3: [6], 6: [4, 44], 4: [23], 44: [7], 7: [96]}, " (2)(3 6 (4 23)(44 7 96))"),
        ([166, 169], {166: [167, 168]}, " (166 (167)(168))(169)"),
        ([200], {200: [3, 5]}, " ((3)(5))"),
        ([200, 9], {200: [3, 5], 3: [4, 6]}, " ((3 (4)(6))(5))(9)"),
    ],
)
def test_written(roots, children, text):
    assert written(roots, children, 200) == text


def test_as_deep_as_it_likes():
    depth = 50_000
    children = {node: [node + 1, node + depth] for node in range(depth)}
    text = written([0], children, 2 * depth)
    assert text.count("(") == text.count(")") == 2 * depth + 1


@given(st.data())
def test_read_again(data):
    """Trees of any shape, read by a reader that knows the grammar and nothing else."""
    size = data.draw(st.integers(1, 15))
    children: dict[int, list[int]] = {}
    for node in range(1, size):
        children.setdefault(data.draw(st.integers(0, node - 1)), []).append(node)
    assert read(written([0], children)) == {child: node for node, found in children.items() for child in found}


def read(text):
    """The parent of each message."""
    parents, above, current = {}, [], None
    for token in text.replace("(", " ( ").replace(")", " ) ").split():
        if token == "(":
            above.append(current)
        elif token == ")":
            current = above.pop()
        else:
            if current is not None:
                parents[int(token)] = current
            current = int(token)
    return parents
