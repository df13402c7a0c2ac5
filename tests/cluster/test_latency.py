# SPDX-License-Identifier: MIT
"""Wake-ups between two patched processes, as workers are: how soon, and for how many."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.cluster.redis_server import RedisServer

CHECKOUT = Path(__file__).resolve().parents[2]

MEMBER = """
import sys, time, json, resource
from gevent import monkey; monkey.patch_all()
import gevent, gevent.event
from imapd.cluster.control import Control
from imapd.cluster.pubsub import PubSub
from imapd.cluster.wakeups import Wakeups

pubsub = PubSub(sys.argv[1])
wakeups = Wakeups(pubsub, Control(pubsub), poll_seconds=60)
pubsub.start(gevent.spawn)
wakeups.start(gevent.spawn)
while not pubsub.connected:
    gevent.sleep(0.001)
"""

# Answers each wake-up on channel 1 by one on channel 2.
ECHO = MEMBER + textwrap.dedent("""
    wakeups.watch(1, 1, lambda: wakeups.publish(1, 2, "u1"))
    for n in range(2000):
        wakeups.watch(1, 3, lambda: None)
    wakeups.watch(1, 3, lambda: wakeups.publish(1, 4, "u1"))
    gevent.sleep(0.2)
    print("ready", flush=True)
    gevent.sleep(60)
""")

ASK = MEMBER + textwrap.dedent("""
    woken = gevent.event.Event()
    wakeups.watch(1, 2, woken.set)
    wakeups.watch(1, 4, woken.set)
    gevent.sleep(0.2)

    def ask(group_id, times):
        taken = []
        for _ in range(times):
            woken.clear()
            begun = time.perf_counter()
            wakeups.publish(1, group_id, "u1")
            assert woken.wait(5)
            taken.append(time.perf_counter() - begun)
            gevent.sleep(0.002)
        return sorted(taken)

    print(json.dumps([ask(1, 200), ask(3, 20)]))
""")


def test_a_wake_up_takes_a_moment(redis_server: RedisServer) -> None:
    """The bounds are wide, for machines that do other things as well; it is 0.3 ms there and back on one that does not."""
    echo = subprocess.Popen(
        [sys.executable, "-c", ECHO, redis_server.url], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert echo.stdout
        assert echo.stdout.readline() == "ready\n"
        told = subprocess.run(
            [sys.executable, "-c", ASK, redis_server.url], cwd=CHECKOUT, capture_output=True, text=True, timeout=60
        )
        assert told.returncode == 0, told.stderr
        one, many = json.loads(told.stdout)
        assert one[len(one) // 2] < 0.02
        assert many[len(many) // 2] < 0.1
        print(f"there and back: median {one[100] * 1e3:.2f}, p99 {one[197] * 1e3:.2f}; 2,000 {many[10] * 1e3:.2f} ms")
    finally:
        echo.kill()
        echo.wait()
        assert echo.stdout
        echo.stdout.close()
