# SPDX-License-Identifier: MIT
"""Columns that get longer: nobody sees numbers that were not theirs, and what is there is not copied."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.mail import columns
from imapd.mail.columns import LONG, Column, grown, writable


@given(st.sampled_from("IQqh"), st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5)), max_size=30))
def test_whoever_holds_a_column_sees_what_it_was(typecode: str, growths: list[tuple[int, int]]) -> None:
    """Also where two grow out of the same one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "LONG", 2)
        made: list[Column] = [grown(array(typecode), range(100))]
        expected = [list(range(100))]
        for back, number in growths:
            which = max(0, len(made) - 1 - back)
            more = [len(made) % 100] * number
            made.append(grown(made[which], more))
            expected.append(expected[which] + more)
    assert [column.tolist() for column in made] == expected
    assert [writable(column).tolist() for column in made] == expected
    assert {memoryview(column).format for column in made} == {typecode}


def test_what_comes_to_a_long_one_is_all_that_is_written() -> None:
    column = grown(array("Q"), range(100 * LONG))
    room = memoryview(column).obj
    for number in range(LONG):
        column = grown(column, [number])
        assert memoryview(column).obj is room


def test_a_long_one_cannot_be_changed_and_a_copy_of_it_can() -> None:
    column = grown(array("I"), range(LONG))
    with pytest.raises(TypeError):
        column[0] = 1
    copy = writable(column)
    copy[0] = 1
    del copy[5:10]
    assert column[0] == 0 and len(column) == LONG


def test_short_and_long_ones_take_numbers_of_any_kind() -> None:
    for count in (3, LONG):
        column = grown(array("I"), array("Q", range(count)))
        assert grown(column, array("Q")) is column
        assert grown(column, memoryview(array("Q", [7])))[-2:].tolist() == [count - 1, 7]


def test_a_number_that_does_not_fit_changes_nothing() -> None:
    column = grown(array("h"), [1] * LONG)
    with pytest.raises(OverflowError):
        grown(column, [2, 40_000])
    assert grown(column, [3])[-2:].tolist() == [1, 3]
