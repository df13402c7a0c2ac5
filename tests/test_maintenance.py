# SPDX-License-Identifier: MIT
"""Jobs that go through the whole store leave time to the sessions."""

import time

from imapd.maintenance import RESTS, gently


def test_a_job_works_a_tenth_of_the_time() -> None:
    began = time.monotonic()
    worked = []
    for step in gently(range(5)):
        before = time.monotonic()
        time.sleep(0.01)
        worked.append(time.monotonic() - before)
        assert step == len(worked) - 1
    assert time.monotonic() - began >= (1 + RESTS) * sum(worked)
