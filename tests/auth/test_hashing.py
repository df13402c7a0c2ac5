# SPDX-License-Identifier: MIT
"""Hashing on native threads, in a patched process as a worker is one."""

import subprocess
import sys
import textwrap
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def run(script: str) -> str:
    """Runs a script in a process that gevent has patched; what it printed."""
    patched = "from gevent import monkey; monkey.patch_all()\n" + textwrap.dedent(script)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", patched], cwd=CHECKOUT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def test_others_go_on_while_passwords_are_hashed() -> None:
    told = run("""
        import time
        import gevent
        from imapd.auth.hashing import HashingThreads
        from imapd.auth.passwords import Passwords
        from imapd.settings import Auth

        passwords = Passwords(Auth())
        hashing = HashingThreads(2, 200)
        stored = passwords.hash("right")
        logins = [gevent.spawn(hashing.run, passwords.verify, stored, "right" if n % 2 else "wrong") for n in range(30)]
        worst = 0.0
        while not all(login.ready() for login in logins):
            begun = time.perf_counter()
            gevent.sleep(0.001)
            worst = max(worst, time.perf_counter() - begun - 0.001)
        assert [login.value for login in logins] == [False, True] * 15
        assert hashing.busy == 0
        print(worst)
    """)
    # One hashing takes 10 ms and more, thirty of them on two threads 150: the hub waits for none.
    assert float(told) < 0.1


def test_who_comes_when_too_many_wait_is_refused_at_once() -> None:
    run("""
        import gevent
        from gevent.monkey import get_original
        from imapd.auth.hashing import HashingThreads
        from imapd.errors import Unavailable

        held = get_original("_thread", "allocate_lock")()
        hashing = HashingThreads(1, 2)
        held.acquire()

        def pass_through():
            with held:
                pass

        waiting = [gevent.spawn(hashing.run, pass_through) for _ in range(3)]
        gevent.sleep(0)
        try:
            hashing.run(pass_through)  # whoever waited here would wait for ever
        except Unavailable:
            held.release()
        else:
            raise AssertionError
        gevent.joinall(waiting, raise_error=True)
        hashing.run(pass_through)
    """)


def test_an_error_on_a_thread_is_raised_where_it_was_asked_for_and_printed_nowhere() -> None:
    run("""
        from imapd.auth.hashing import HashingThreads

        hashing = HashingThreads(1, 1)
        try:
            hashing.run(int, "x")
        except ValueError:
            pass
        else:
            raise AssertionError
        assert hashing.busy == 0
    """)


def test_a_penalty_delays_one_session_and_no_other() -> None:
    run("""
        import time
        import gevent
        from imapd.auth.penalty import Penalties
        from imapd.cluster.counters import LocalCounters
        from imapd.settings import Auth

        penalties = Penalties(LocalCounters(), Auth())
        penalties.failed(penalties.begin("192.0.2.1", "u"), "1.1", "x")
        begun = time.perf_counter()
        delayed = gevent.spawn(penalties.begin, "192.0.2.1", "u")
        gevent.sleep(0.01)
        penalties.begin("192.0.2.1", "other")
        assert time.perf_counter() - begun < 1.5
        delayed.join()
        assert 1.9 < time.perf_counter() - begun < 20
    """)
