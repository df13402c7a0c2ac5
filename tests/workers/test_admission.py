# SPDX-License-Identifier: MIT
"""The counts of open connections, and the pause before a dead worker is replaced."""

from dataclasses import replace

from imapd.net import farewells
from imapd.settings import Server
from workers.admission import Admission, network, plain
from workers.process import BackOff

LIMITS = replace(Server(), max_connections=4, max_connections_per_ip=2, max_not_authenticated=3)


def test_each_limit_from_both_sides() -> None:
    admission = Admission()
    admission.enter(1, "192.0.2.1")
    assert admission.refusal("192.0.2.1", LIMITS) is None
    admission.enter(2, "192.0.2.1")
    assert admission.refusal("192.0.2.1", LIMITS) == farewells.TOO_MANY_FROM_ADDRESS
    assert admission.refusal("192.0.2.2", LIMITS) is None
    admission.enter(3, "192.0.2.2")
    assert admission.refusal("192.0.2.3", LIMITS) == farewells.TOO_MANY_NOT_AUTHENTICATED
    admission.authenticated(3)
    assert admission.refusal("192.0.2.3", LIMITS) is None
    admission.enter(4, "192.0.2.3")
    assert admission.refusal("192.0.2.4", LIMITS) == farewells.TOO_MANY_CONNECTIONS


def test_everything_is_given_back() -> None:
    admission = Admission()
    for number in range(100):
        admission.enter(number, f"192.0.2.{number % 7}")
    for number in range(0, 100, 3):
        admission.authenticated(number)
    for number in range(100):
        admission.leave(number)
        admission.leave(number)
    assert (len(admission), admission.not_authenticated) == (0, 0)
    assert not admission._of_network


def test_of_ipv6_a_network_counts_as_one() -> None:
    assert network("2001:db8:1:2::1") == network("2001:db8:1:2:ffff::9")
    assert network("2001:db8:1:2::1") != network("2001:db8:1:3::1")
    assert network("fe80::1%eth0") == "fe80::/64"
    assert network("192.0.2.1") == "192.0.2.1"


def test_ipv4_within_ipv6_is_ipv4() -> None:
    assert plain("::ffff:192.0.2.1") == "192.0.2.1"
    assert plain("2001:db8::1") == "2001:db8::1"


def test_pauses_grow_to_a_limit_and_shrink_after_a_steady_life() -> None:
    back_off = BackOff()
    assert [back_off.delay(0.1) for _ in range(9)] == [0, 0.5, 1, 2, 4, 8, 16, 30, 30]
    assert back_off.delay(1000) == 0
