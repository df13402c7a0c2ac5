# SPDX-License-Identifier: MIT
"""What failed logins cost: delays, the block of an address, the lockout of an account. Not who was right.

Counted for a pair of address and user name, for an address, and for a user. A pair that logged in before and has not
failed since is known: others' failures neither delay it nor lock it out, so nobody can shut a user out.
"""

import hashlib
import ipaddress
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from imapd import settings
from imapd.errors import AuthenticationFailed

DELAYS_SECONDS = (0, 2, 4, 8, 15)  # after so many failures of the pair; the last for all that follow
FAILURES_PER_STEP = 5  # failures of an address that weigh as much as one of a pair: many people may share it
WINDOW_SECONDS = 600
KNOWN_SECONDS = 7 * 86400


class Counters(Protocol):
    """What is asked of cluster.counters."""

    def increment(self, key: str, seconds: int, by: int = 1) -> int: ...
    def get(self, *keys: str) -> list[int]: ...
    def put(self, key: str, count: int, seconds: int) -> None: ...
    def clear(self, *keys: str) -> None: ...


class Blocked(AuthenticationFailed):
    """Too many failures from this address; to the client just another failure."""


class Attempt(NamedTuple):
    """One try to log in, and what was known of its address and name before it."""

    network: str  # of the peer, "" where it is exempt
    pair: str
    failures: int = 0  # of the pair
    known: bool = False


class Penalties:
    """`begin` before a password is looked at; then `succeeded` or `failed`."""

    def __init__(self, counters: Counters, limits: settings.Auth, sleep: Callable[[float], None] = time.sleep):
        self._counters = counters
        self._limits = limits
        self._sleep = sleep
        self._exempt = [ipaddress.ip_network(each, strict=False) for each in limits.penalty_exempt]

    def begin(self, peer_ip: str | None, username: str) -> Attempt:
        """Waits as long as earlier failures ask for. Raises Blocked."""
        network = self._network(peer_ip)
        if not network:
            return Attempt("", "")
        pair = digest(network, username)
        failures, of_network, blocked, known = self._counters.get(
            f"pair:{pair}", f"ip:{network}", f"blocked:{network}", f"known:{pair}"
        )
        if blocked and not known:
            raise Blocked
        if not known:
            failures = max(failures, of_network // FAILURES_PER_STEP)
        if seconds := delay_seconds(failures):
            self._sleep(seconds)
        return Attempt(network, pair, failures, bool(known))

    def is_locked(self, attempt: Attempt, user: str) -> bool:
        """Whether the account is locked for this attempt. user: its name in counters, whatever the address."""
        if not attempt.network or attempt.known:
            return False
        return bool(self._counters.get(f"locked:{user}")[0])

    def failed(self, attempt: Attempt, user: str, password_digest: str, locked: bool = False) -> Sequence[str]:
        """Counts a failure, but the same wrong password only once. Says what it led to: "ip blocked", "user locked".

        What fails during a lockout does not prolong it, else anybody could keep it up for ever.
        """
        if not attempt.network or self._is_repeated(attempt, password_digest):
            return ()
        self._counters.clear(f"known:{attempt.pair}")
        self._counters.increment(f"pair:{attempt.pair}", WINDOW_SECONDS)
        led_to = []
        if self._counters.increment(f"ip:{attempt.network}", WINDOW_SECONDS) == self._limits.block_after_failures:
            self._counters.put(f"blocked:{attempt.network}", 1, self._limits.block_seconds)
            led_to.append("ip blocked")
        if locked:
            return led_to
        if self._counters.increment(f"user:{user}", WINDOW_SECONDS) >= self._limits.lockout_after_failures:
            self._counters.clear(f"user:{user}")
            self._counters.put(f"locked:{user}", 1, self._limits.lockout_seconds)
            led_to.append("user locked")
        return led_to

    def succeeded(self, attempt: Attempt, user: str) -> None:
        """Takes back what the pair has failed, but nothing of what others have failed from the same address."""
        if not attempt.network or (attempt.known and not attempt.failures):
            return
        failures, of_network = self._counters.get(f"pair:{attempt.pair}", f"ip:{attempt.network}")
        if taken_back := min(failures, of_network):
            self._counters.increment(f"ip:{attempt.network}", WINDOW_SECONDS, -taken_back)
        self._counters.clear(f"pair:{attempt.pair}", f"user:{user}")
        self._counters.put(f"known:{attempt.pair}", 1, KNOWN_SECONDS)

    def _is_repeated(self, attempt: Attempt, password_digest: str) -> bool:
        """A client that goes on trying an old password guesses nothing."""
        return self._counters.increment(f"wrong:{attempt.pair}:{password_digest}", WINDOW_SECONDS) > 1

    def _network(self, peer_ip: str | None) -> str:
        """As network_of; "" also where it is exempt."""
        address = _address(peer_ip)
        if address is None or any(address in network for network in self._exempt):
            return ""
        return network_of(peer_ip)


def network_of(peer_ip: str | None) -> str:
    """The address, for IPv6 its /64, which one host has for itself; "" where it is none."""
    address = _address(peer_ip)
    if address is not None and address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address or "")


def _address(peer_ip: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address((peer_ip or "").partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address


def unblock(counters: Counters, *, peer_ip: str | None = None, user: str | None = None) -> None:
    """What an operator does: lifts the block of an address, the lockout of a user ("<organization_id>.<user_id>")."""
    if peer_ip:
        network = network_of(peer_ip)
        counters.clear(f"blocked:{network}", f"ip:{network}")
    if user:
        counters.clear(f"locked:{user}", f"user:{user}")


def delay_seconds(failures: int) -> int:
    return DELAYS_SECONDS[max(0, min(failures, len(DELAYS_SECONDS) - 1))]


def digest(*texts: str) -> str:
    """A key of fixed length, whatever a client puts into a user name."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
