# SPDX-License-Identifier: MIT
"""Sequence sets against a naive model, and what is none."""

from array import array
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.wire.errors import BadSyntax
from imapd.wire.sequence import STAR, SequenceSet, compact

VALID = {
    b"1": ((1, 1),),
    b"*": ((STAR, STAR),),
    b"2:4": ((2, 4),),
    b"4:2": ((2, 4),),
    b"1:*": ((1, STAR),),
    b"*:1": ((1, STAR),),
    b"*:*": ((STAR, STAR),),
    b"2,4:7,9,12:*": ((2, 2), (4, 7), (9, 9), (12, STAR)),
    b"5,4,3": ((3, 5),),
    b"1:3,2:6,6,7": ((1, 7),),
    b"4294967295": ((4294967295, 4294967295),),
}

# What looks like a sequence set, and is none
INVALID = [
    b"", b"0", b"0:5", b"5:0", b"-1", b"1,,2", b"1:", b":1", b",", b"1,", b",1", b"1:2:3", b"1 :2", b"1:*:*", b"**",
    "٣".encode(), "²".encode(), b"+1", b"1_0", b"01", b"4294967296", b"1:4294967296", b"18446744073709551617",
    b"9" * 5000, b"1;2", b"1.2", b"a", b"$,1", b"1\n", b"0x1", b"1e3",
]  # fmt: skip


@pytest.mark.parametrize("text", VALID)
def test_a_set_is_kept_as_ascending_disjoint_ranges(text):
    assert SequenceSet.parse(text).ranges == VALID[text]


@pytest.mark.parametrize("text", INVALID)
def test_what_is_no_set_is_refused(text):
    with pytest.raises(BadSyntax):
        SequenceSet.parse(text)


numbers = st.integers(1, 40)
items = st.one_of(
    st.tuples(st.one_of(numbers, st.just("*"))), st.tuples(st.one_of(numbers, st.just("*")), st.one_of(numbers, st.just("*")))
)
sets = st.lists(items, min_size=1, max_size=8)


def written(described):
    return b",".join(b":".join(str(part).encode() for part in item) for item in described)


def expected(described, present):
    """RFC 3501, section 9, seq-number and seq-range, word by word."""
    largest = max(present)
    wanted = set()
    for item in described:
        ends = [largest if part == "*" else part for part in item]
        wanted |= set(range(min(ends), max(ends) + 1))
    return sorted(wanted & set(present))


@given(sets, st.sets(st.integers(1, 45), min_size=1))
def test_by_uid_it_finds_what_the_definition_says(described, present):
    uids = array("I", sorted(present))
    found = SequenceSet.parse(written(described)).positions(uids, by_uid=True)
    assert [uids[at] for run in found for at in run] == expected(described, present)
    assert all(a.stop <= b.start for a, b in zip(found, found[1:], strict=False)) and all(found)


@given(sets, st.integers(1, 40))
def test_by_number_it_finds_what_the_definition_says_or_refuses(described, count):
    found = SequenceSet.parse(written(described))
    uids = array("I", range(101, 101 + count))
    # "n:*" with n beyond the mailbox is the one case that names a message that is not there and stays lawful.
    beyond = any(
        part != "*" and part > count for item in described for part in item if "*" not in item
    )
    merged_with_star = any("*" in item for item in described)
    try:
        positions = [at + 1 for run in found.positions(uids, by_uid=False) for at in run]
    except BadSyntax:
        assert beyond
    else:
        assert not beyond or merged_with_star
        assert positions == expected(described, range(1, count + 1))


def test_star_is_the_last_message_however_large_the_other_end():
    uids = array("I", [10, 20, 30])
    for text in (b"*", b"*:*", b"4294967295:*", b"31:*", b"*:31"):
        assert SequenceSet.parse(text).positions(uids, by_uid=True) == [range(2, 3)]
    assert SequenceSet.parse(b"1:4294967295").positions(uids, by_uid=True) == [range(0, 3)]
    assert SequenceSet.parse(b"4:*").positions(uids, by_uid=False) == [range(2, 3)]


def test_in_an_empty_mailbox_star_finds_nothing_and_a_number_is_an_error():
    nothing = array("I")
    assert SequenceSet.parse(b"1:*").positions(nothing, by_uid=False) == []
    assert SequenceSet.parse(b"1:5").positions(nothing, by_uid=True) == []
    with pytest.raises(BadSyntax):
        SequenceSet.parse(b"1").positions(nothing, by_uid=False)


def test_sixty_kilobytes_of_set_are_no_work():
    uids = array("I", range(1, 20001))
    began = process_time()
    odd = SequenceSet.parse(b",".join(b"%d" % n for n in range(1, 20001, 2)))
    assert sum(len(run) for run in odd.positions(uids, by_uid=True)) == 10000
    everything = SequenceSet.parse(b",".join([b"1:*"] * 10000))
    assert everything.positions(uids, by_uid=False) == [range(0, 20000)]
    assert process_time() - began < 1  # 0.02 s in truth; the bound only tells linear from quadratic


@given(st.sets(st.integers(1, 2**32 - 1)))
def test_compact_says_the_same_numbers(found):
    text = compact(sorted(found))
    if found:
        assert {n for low, high in SequenceSet.parse(text).ranges for n in range(low, min(high, low + 9999) + 1)} == found
    else:
        assert text == b""


def test_compact_joins_neighbours():
    assert compact([1, 2, 3, 7, 9, 10]) == b"1:3,7,9:10"


@given(sets, numbers)
def test_contains(described, number):
    wanted = SequenceSet.parse(written(described))
    assert (number in wanted) == any(low <= number <= high for low, high in wanted.ranges)
