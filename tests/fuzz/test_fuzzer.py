# SPDX-License-Identifier: MIT
"""The fuzzer itself: what it makes can be made again."""

from tests.fuzz.fuzzer import mutated, segments


def test_a_seed_makes_the_same_session_again() -> None:
    assert [mutated(seed) for seed in range(50)] == [mutated(seed) for seed in range(50)]


def test_segments_are_the_whole() -> None:
    octets = mutated(3)
    assert all(b"".join(segments(octets, seed)) == octets for seed in range(20))
