# SPDX-License-Identifier: MIT
"""Rows kept in memory: asked for once, told apart by organisation and columns, and never more than their bound."""

from hypothesis import given
from hypothesis import strategies as st

from imapd.mail.content_rows import ROW_OCTETS, ContentRows


class Store:
    """Has every content up to 100; a row says what was asked for."""

    def __init__(self):
        self.asked = []

    def load(self, organization_id, columns):
        def load(ids):
            self.asked.append(list(ids))
            return {id: (organization_id, *columns, id) for id in ids if id <= 100}

        return load


def test_asked_once():
    store, rows = Store(), ContentRows()
    for ids in ([1, 2], [2, 1], [2, 3], [1, 2, 3]):
        found = rows.get(7, ("envelope",), ids, store.load(7, ("envelope",)))
        assert found == {id: (7, "envelope", id) for id in ids}
    assert store.asked == [[1, 2], [3]]


def test_told_apart():
    store, rows = Store(), ContentRows()
    for organization_id, columns in ((1, ("a",)), (2, ("a",)), (1, ("b",)), (1, ("a", "b"))):
        assert rows.get(organization_id, columns, [5], store.load(organization_id, columns)) == {
            5: (organization_id, *columns, 5)
        }
    assert len(store.asked) == 4


def test_nothing_is_asked_for_nothing():
    assert ContentRows().get(1, ("a",), [], lambda ids: 1 / 0) == {}


def test_what_is_not_there_is_asked_again():
    store, rows = Store(), ContentRows()
    assert rows.get(1, (), [100, 101], store.load(1, ())) == {100: (1, 100)}
    assert rows.get(1, (), [100, 101], store.load(1, ())) == {100: (1, 100)}
    assert store.asked == [[100, 101], [101]]


def kept(rows):
    return sum(len(found) for generation in (rows._young, rows._old) for found in generation.values())


def test_one_large_answer_pushes_nothing_out():
    rows = ContentRows(100_000)
    rows.get(1, (), [1], lambda ids: {1: (b"",)})
    rows.get(1, (), [2], lambda ids: {2: (bytes(60_000),)})
    assert kept(rows) == 1


@given(st.lists(st.tuples(st.integers(1, 3), st.lists(st.integers(1, 60), unique=True, max_size=20)), max_size=40))
def test_bound(questions):
    rows = ContentRows(40 * ROW_OCTETS)
    for organization_id, ids in questions:
        assert rows.get(organization_id, (), ids, lambda ids: {id: (b"x" * id,) for id in ids}) == {
            id: (b"x" * id,) for id in ids
        }
        assert kept(rows) <= 40
