# SPDX-License-Identifier: MIT
"""A worker's memory after its peak."""

import os
import subprocess
import sys
from pathlib import Path

from workers.process import _MALLOC

SCRIPT = """
import gc
from workers.heap import Heap

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 >> 20

heap = Heap()
heap.look(0)
before = resident()
many = [{"number": number} for number in range(800_000)]
heap.look(60)
peak = resident() - before
stays = many[::2000]
del many
gc.collect()
left = resident() - before
heap.look(119)
assert resident() - before > left / 2  # once a minute is enough
heap.look(120)
print(peak, left, resident() - before)
"""

OUT_OF_DESCRIPTORS = """
import resource
from workers.heap import Heap

heap = Heap()
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
heap.look(0)
heap.look(60)
"""


def run(script: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **_MALLOC},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


def test_what_was_needed_once_goes_back() -> None:
    peak, left, after = map(int, run(SCRIPT).split())
    assert left > peak / 2 > 64  # by itself the library keeps it
    assert after < peak / 4


def test_a_worker_without_descriptors_lives_on() -> None:
    run(OUT_OF_DESCRIPTORS)
