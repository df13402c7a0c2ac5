# SPDX-License-Identifier: MIT
"""Whether to stay awake for the answer to a statement is learnt from the last ones."""

from imapd.storage.prepared import Quickness


def tries(quickness: Quickness, statements: int, *, quick: bool) -> int:
    """So many of these statements were tried."""
    tried = 0
    for _ in range(statements):
        if quickness.worth_trying():
            tried += 1
            (quickness.hit if quick else quickness.missed)()
    return tried


def test_a_quick_statement_is_always_tried() -> None:
    assert tries(Quickness(), 1000, quick=True) == 1000


def test_a_slow_one_hardly_ever() -> None:
    assert tries(Quickness(), 1000, quick=False) < 1000 / Quickness.UNTRIED + Quickness.MISSES


def test_a_slow_one_that_has_become_quick_is_found_out() -> None:
    quickness = Quickness()
    tries(quickness, 1000, quick=False)
    assert tries(quickness, 1000, quick=True) > 1000 - 2 * Quickness.UNTRIED


def test_some_misses_change_nothing() -> None:
    quickness = Quickness()
    for _ in range(100):
        assert tries(quickness, Quickness.MISSES - 1, quick=False) == Quickness.MISSES - 1
        assert tries(quickness, 1, quick=True) == 1
