# SPDX-License-Identifier: MIT
"""What failed logins cost, and whom."""

from dataclasses import replace

import pytest

from imapd.auth.penalty import Blocked, Penalties, unblock
from imapd.cluster.counters import LocalCounters
from tests.auth.conftest import FAST


class World:
    """Penalties with a clock of their own: what they sleep is what they ask for."""

    def __init__(self, **limits: object) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.counters = LocalCounters(clock=lambda: self.now)
        self.penalties = Penalties(self.counters, replace(FAST, **limits), self.slept.append)  # type: ignore[arg-type]
        self._wrong = 0

    def fail(self, ip: str = "192.0.2.1", user: str = "user@example.com", password: str | None = None) -> list[str]:
        self._wrong += 1
        attempt = self.penalties.begin(ip, user)
        locked = self.penalties.is_locked(attempt, user)
        return list(self.penalties.failed(attempt, user, password or str(self._wrong), locked))

    def succeed(self, ip: str = "192.0.2.1", user: str = "user@example.com") -> bool:
        attempt = self.penalties.begin(ip, user)
        if self.penalties.is_locked(attempt, user):
            return False
        self.penalties.succeeded(attempt, user)
        return True


def test_each_failure_makes_the_next_attempt_slower() -> None:
    world = World(lockout_after_failures=100)
    for _ in range(7):
        world.fail()
    assert world.slept == [2, 4, 8, 15, 15, 15]


def test_the_same_wrong_password_again_adds_nothing() -> None:
    world = World()
    for _ in range(20):
        assert world.fail(password="old") == []
    assert set(world.slept) == {2}


def test_success_clears_the_delay() -> None:
    world = World()
    world.fail()
    world.fail()
    assert world.succeed()
    world.slept.clear()
    world.fail()
    assert world.slept == []


def test_delays_are_forgotten_after_a_while() -> None:
    world = World()
    world.fail()
    world.now += 601
    world.fail()
    assert world.slept == []


def test_another_user_at_the_same_address_is_delayed_only_after_many_failures() -> None:
    world = World(lockout_after_failures=100)
    for number in range(4):
        world.fail(user=f"user{number}@example.com")
    assert world.slept == []
    world.fail(user="user4@example.com")
    world.fail(user="user5@example.com")
    assert world.slept == [2]


def test_an_address_is_blocked_after_many_failures_for_a_while() -> None:
    world = World(block_seconds=60)
    events = [world.fail(user=f"user{number}@example.com") for number in range(12)]
    assert events[-1] == ["ip blocked"]
    assert events[:-1] == [[]] * 11
    with pytest.raises(Blocked):
        world.fail()
    world.fail("192.0.2.2")
    world.now += 61
    world.fail()


def test_an_own_account_does_not_help_to_guess_others() -> None:
    world = World()
    for number in range(11):
        world.fail(user=f"victim{number}@example.com")
        world.succeed(user="attacker@example.com")
    assert world.fail() == ["ip blocked"]


def test_who_has_logged_in_from_there_before_is_not_hit_by_others() -> None:
    world = World()
    world.succeed(user="colleague@example.com")
    for number in range(12):
        world.fail(user=f"user{number}@example.com")
    world.slept.clear()
    assert world.succeed(user="colleague@example.com")
    assert world.slept == []


def test_an_account_is_locked_after_many_failures_from_wherever_for_a_while() -> None:
    world = World(lockout_seconds=60)
    events = [world.fail(f"192.0.2.{number}") for number in range(5)]
    assert events == [[], [], [], [], ["user locked"]]
    assert not world.succeed("192.0.2.99")
    assert world.succeed("192.0.2.99", "other@example.com")
    world.now += 61
    assert world.succeed("192.0.2.99")


def test_a_lockout_is_not_prolonged_by_who_goes_on() -> None:
    world = World(lockout_seconds=60, block_after_failures=1000)
    for number in range(50):
        world.now += 1
        world.fail(f"192.0.2.{number}")
    world.now = 70
    assert world.succeed("192.0.2.99")


def test_nobody_can_lock_a_user_out_of_where_they_work() -> None:
    world = World()
    world.succeed("198.51.100.7")
    for number in range(6):
        world.fail(f"192.0.2.{number}")
    assert world.succeed("198.51.100.7")
    assert not world.succeed("198.51.100.8")


def test_a_known_place_is_unknown_again_after_a_failure_there() -> None:
    world = World()
    world.succeed()
    for _ in range(5):
        world.fail()
    assert not world.succeed()


def test_ipv6_counts_by_64_bits_and_mapped_ipv4_as_ipv4() -> None:
    world = World()
    world.fail("2001:db8::1")
    world.fail("2001:db8::2:3:4:5")
    assert world.slept == [2]
    world.fail("2001:db8:0:1::1")
    assert world.slept == [2]
    world.fail("192.0.2.1")
    world.fail("::ffff:192.0.2.1")
    assert world.slept == [2, 2]
    world.fail("fe80::1%eth0")


def test_exempt_networks_and_peers_without_an_address_pay_nothing() -> None:
    world = World(penalty_exempt=("127.0.0.0/8", "::1"))
    for ip in ("127.0.0.1", "127.9.9.9", "::1", ""):
        for _ in range(30):
            assert world.fail(ip) == []
        assert world.succeed(ip)
    assert world.slept == []


def test_loopback_is_not_exempt_by_itself() -> None:
    world = World()
    world.fail("127.0.0.1")
    world.fail("127.0.0.1")
    assert world.slept == [2]


def test_an_operator_can_lift_both() -> None:
    world = World()
    for number in range(12):
        world.fail(user=f"user{number}@example.com")
    for number in range(5):
        world.fail(f"198.51.100.{number}")
    unblock(world.counters, peer_ip="192.0.2.1", user="user@example.com")
    assert world.succeed()


def test_a_user_name_may_be_anything() -> None:
    world = World()
    for name in ("%{user}%9999999999u", "{0.__class__}", "a\r\nb", "x" * 100_000, "\0", "\udc80", "*", "a b"):
        world.fail(user=name)
    assert all(len(key) < 100 for key in world.counters._counts if not key.startswith("user:"))
