# SPDX-License-Identifier: MIT
"""Threads: the cases that RFC 5256 tells, the algorithm against a literal one, and mail that wants to cost much."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.mail.thread import ALGORITHMS, Messages, Threads, members, orderedsubject, references, refs


def messages(*rows):
    """Rows: id, references, subject, and a date if it is not the place in the mailbox. Replies say so by "re:"."""
    dates = [row[3] if len(row) > 3 else at for at, row in enumerate(rows)]
    subjects = [row[2].removeprefix("re:") for row in rows]
    return Messages(
        [row[0] for row in rows], [row[1] for row in rows], dates, dates, subjects,
        [row[2].startswith("re:") for row in rows],
    )  # fmt: skip


def tree(threads: Threads):
    """Nested lists; messages count from 1 as in IMAP, what is missing is None."""

    def below(node):
        return [node + 1 if node < threads.count else None, *map(below, threads.children.get(node, ()))]

    return [below(root) for root in threads.roots]


def test_nothing():
    for algorithm in ALGORITHMS.values():
        assert tree(algorithm(messages())) == []


def test_answers_hang_below():
    found = references(messages(("a", "", "x"), ("b", "a", "re:x"), ("c", "a b", "re:x"), ("d", "a", "re:x")))
    assert tree(found) == [[1, [2, [3]], [4]]]


def test_answers_before_what_they_answer():
    assert tree(references(messages(("b", "a", ""), ("a", "", "")))) == [[2, [1]]]


def test_a_missing_message_holds_its_answers_together():
    assert tree(references(messages(("b", "a", "b"), ("c", "a", "c")))) == [[None, [1], [2]]]


def test_a_missing_message_with_one_answer_is_left_out():
    assert tree(references(messages(("c", "a b", ""), ("d", "a b c", "")))) == [[1, [2]]]


def test_missing_messages_in_the_middle():
    found = references(messages(("a", "", ""), ("d", "a b c", ""), ("e", "a b", "")))
    assert tree(found) == [[1, [2], [3]]]


def test_of_missing_messages_the_topmost_stays():
    found = references(messages(("d", "a b c", "s"), ("e", "a b c", "t"), ("f", "a", "u")))
    assert tree(found) == [[None, [1], [2], [3]]]


def test_what_references_itself():
    assert tree(references(messages(("a", "a", ""), ("b", "b a b", "")))) == [[2, [1]]]


def test_a_loop_is_not_closed():
    found = references(messages(("a", "c", ""), ("b", "a", ""), ("c", "b", "")))
    assert tree(found) == [[1, [2, [3]]]] or tree(found) == [[3, [1, [2]]]]


def test_the_same_id_twice():
    assert tree(references(messages(("a", "", "1"), ("a", "", "2"), ("b", "a", "3")))) == [[1, [3]], [2]]


def test_truncated_references_do_not_take_a_message_from_its_parent():
    found = references(messages(("a", "", ""), ("b", "a", ""), ("d", "x b", ""), ("x", "", "s")))
    assert tree(found) == [[1, [2, [3]]], [4]]


def test_siblings_by_date():
    found = references(messages(("a", "", "", 5), ("b", "a", "", 9), ("c", "a", "", 7), ("d", "", "s", 1)))
    assert tree(found) == [[4], [1, [3], [2]]]


def test_a_missing_message_counts_as_its_first_answer():
    found = references(messages(("a", "", "", 5), ("c", "b", "s", 9), ("d", "b", "t", 3)))
    assert tree(found) == [[None, [3], [2]], [1]]


def test_same_subject_an_answer_hangs_below():
    assert tree(references(messages(("a", "", "x"), ("b", "", "re:x")))) == [[1, [2]]]
    assert tree(references(messages(("b", "", "re:x"), ("a", "", "x")))) == [[2, [1]]]


def test_same_subject_two_of_a_kind():
    assert tree(references(messages(("a", "", "x"), ("b", "", "x")))) == [[None, [1], [2]]]
    assert tree(references(messages(("a", "", "re:x"), ("b", "", "re:x"), ("c", "", "re:x")))) == [
        [None, [1], [2], [3]]
    ]


def test_same_subject_and_something_missing():
    rows = [("b", "a", "re:x"), ("c", "a", "re:x"), ("d", "", "x"), ("f", "e", "re:x"), ("g", "e", "re:x")]
    assert tree(references(messages(*rows))) == [[None, [1], [2], [3], [4], [5]]]


def test_empty_subjects_are_not_the_same():
    assert tree(references(messages(("a", "", ""), ("b", "", "")))) == [[1], [2]]


def test_refs_looks_at_no_subject_and_ends_with_what_is_newest():
    rows = [("a", "", "x", 1), ("b", "", "x", 2), ("c", "a", "re:x", 3), ("d", "z", "", 4), ("e", "z", "", 0)]
    assert tree(refs(messages(*rows))) == [[2], [1, [3]], [None, [5], [4]]]


def test_orderedsubject():
    rows = [("", "", "x", 3), ("", "", "y", 2), ("", "", "re:x", 1), ("", "", "x", 5), ("", "", "", 9), ("", "", "", 0)]
    assert tree(orderedsubject(messages(*rows))) == [[6, [5]], [3, [1], [4]], [2]]


# Against the algorithm as the RFC writes it


def literal(given: Messages):
    """Steps 1 to 3 of REFERENCES word for word: links made and broken in order, loops found by walking up."""
    nodes = {}
    for number, id in enumerate(given.ids):
        nodes[id if id and id not in nodes else (number,)] = number
    of_message = {number: id for id, number in nodes.items()}
    parent = {}

    def loops(child, above):
        while above is not None:
            if above == child:
                return True
            above = parent.get(above)
        return False

    for number, written in enumerate(given.references):
        chain = written.split()
        for above, child in zip(chain, chain[1:], strict=False):
            if parent.get(child) is None and not loops(child, above):
                parent[child] = above
        me = of_message[number]
        parent.pop(me, None)
        if chain and not loops(me, chain[-1]):
            parent[me] = chain[-1]

    def nearest(id):
        top = None
        while (id := parent.get(id)) is not None:
            if id in nodes:
                return id
            top = id
        return top

    groups = {}
    for number in range(len(given.ids)):
        groups.setdefault(nearest(of_message[number]), []).append(number)
    return {
        number: (above if above in nodes or len(group) > 1 else None)
        for above, group in groups.items()
        for number in group
    }, nodes


@st.composite
def mailboxes(draw):
    """Whoever answers mentions some of what was written before; the mailbox has them in any order, and not all."""
    size = draw(st.integers(0, 12))
    rows = []
    for number in range(size):
        mentioned = draw(st.lists(st.integers(0, number - 1), unique=True, max_size=4)) if number else []
        rows.append((str(number), " ".join(map(str, sorted(mentioned))), str(number)))
    rows = draw(st.permutations(rows))
    return messages(*[row for row in rows if draw(st.booleans())])


@given(mailboxes())
def test_links_are_those_of_the_rfc(given):
    above, nodes = literal(given)
    found = references(given)
    parents = {child: node for node, children in found.children.items() for child in children}
    groups = {}
    for number in range(found.count):
        expected = above[number]
        if expected in nodes:
            assert parents[number] == nodes[expected]
        elif expected is None:
            assert number not in parents
        else:
            groups.setdefault(expected, set()).add(parents[number])
    assert all(len(missing) == 1 and min(missing) >= found.count for missing in groups.values())


ids = st.sampled_from(["", "a", "b", "c", "d", "e", "f"])
anything = st.lists(
    st.tuples(ids, st.lists(ids.filter(bool), max_size=5).map(" ".join), st.sampled_from(["", "x", "re:x", "re:y"]),
              st.integers(0, 3)),
    max_size=12,
)  # fmt: skip


@given(anything, st.sampled_from(sorted(ALGORITHMS)))
def test_every_message_is_there_once(rows, name):
    found = ALGORITHMS[name](messages(*rows))
    there = [node for root in found.roots for node in members(root, found.children, found.count)]
    assert sorted(there) == list(range(len(rows)))
    assert len(set(found.roots)) == len(found.roots)
    for node, children in found.children.items():
        assert children
        assert all(child < found.count for child in children)
        assert node < found.count or (node in found.roots and len(children) > 1)


# Cost


def chain(count, order):
    rows = [(str(n), str(n - 1) if n else "", "") for n in range(count)]
    return messages(*[rows[n] for n in order])


SIZE = 20_000


def pairs_first():
    """Every second link first: later ones join long chains."""
    return [*range(1, SIZE, 2), *range(0, SIZE, 2)]


@pytest.mark.parametrize(
    "order",
    [range(SIZE), range(SIZE - 1, -1, -1), pairs_first(), random.Random(1).sample(range(SIZE), SIZE)],
    ids=["in order", "backwards", "pairs", "any order"],
)
def test_a_long_chain(order):
    began = time.process_time()
    found = references(chain(SIZE, order))
    assert time.process_time() - began < 3
    assert len(found.roots) == 1
    assert len(list(members(found.roots[0], found.children, found.count))) == SIZE


def test_all_claim_the_others_then_answer_something_else():
    """Who mentions long chains, which their members then leave for the end of another one."""
    count = 3000
    names = [str(n) for n in range(count)]
    claims = [(f"claim{n}", " ".join(names[n : n + 500]), "") for n in range(0, count, 500)]
    members_ = [(name, f"far{n}", "") for n, name in enumerate(names)]
    far = [(f"far{n}", f"far{n - 1}" if n else "", "") for n in range(count)]
    began = time.process_time()
    found = references(messages(*claims, *far, *members_))
    assert time.process_time() - began < 3
    assert found.count == 2 * count + 6


def test_thousands_of_the_same_subject():
    rows = [(str(n), "", "re:x" if n % 2 else "x") for n in range(SIZE)]
    began = time.process_time()
    found = references(messages(*rows))
    assert time.process_time() - began < 3
    assert len(found.roots) == 1
