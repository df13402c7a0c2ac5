# SPDX-License-Identifier: MIT
"""Jobs that go through the whole store: they leave time to the sessions, and say what they find."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from imapd import maintenance
from imapd.maintenance import LONGEST_REST_SECONDS, RESTS, gently
from imapd.storage.recount import Drift


class Clock:
    """Time goes on only where somebody works or rests."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.rests: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.rests.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(maintenance, "time", clock)
    return clock


def test_a_job_works_a_tenth_of_the_time(clock: Clock) -> None:
    for seconds in gently([0.01, 0.5, 0.02, 7.0]):
        clock.now += seconds
    assert clock.rests == pytest.approx([RESTS * 0.01, RESTS * 0.5, RESTS * 0.02, LONGEST_REST_SECONDS])
    assert clock.now - 1000 >= 10 * (0.01 + 0.5 + 0.02)


def test_what_gives_the_steps_works_too(clock: Clock) -> None:
    def steps() -> Iterator[int]:
        for number in range(3):
            clock.now += 0.1
            yield number

    assert list(gently(steps())) == [0, 1, 2]
    assert clock.rests == pytest.approx([RESTS * 0.1] * 3)


def test_wrong_counters_are_told_as_they_are_found(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    logged: list[Any] = []
    wrong = [Drift("user@example.com/INBOX", "unseen", 2, 1), Drift("user@example.com", "storage used", 3, 4)]
    seen: list[list[int]] = []

    def found(_: object) -> Iterator[list[Drift]]:
        yield []
        yield wrong
        seen.append(told[:])
        yield [wrong[0]]
        yield []

    monkeypatch.setattr(maintenance.recount, "all_drift", found)
    monkeypatch.setattr(maintenance.log, "error", lambda _, **fields: logged.append(fields["counter"]))
    tools: Any = SimpleNamespace(database=None, metrics=SimpleNamespace(quota_drift=told.append))
    maintenance.recount_quotas(tools)
    assert seen == [[2]] and told[-1] == 3
    assert logged == ["unseen", "storage used", "unseen"]
    monkeypatch.setattr(maintenance.recount, "all_drift", lambda _: iter([[]]))
    maintenance.recount_quotas(tools)
    assert told[-1] == 0
