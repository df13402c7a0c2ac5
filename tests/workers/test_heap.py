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


def test_what_was_needed_once_goes_back() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=root, env={**os.environ, **_MALLOC}, capture_output=True, text=True, check=True
    )
    peak, left, after = map(int, done.stdout.split())
    assert left > peak / 2 > 64  # by itself the library keeps it
    assert after < peak / 4
