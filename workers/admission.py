# SPDX-License-Identifier: MIT
"""Who may come in: the counts of open connections and their limits. Pure: sockets are the master's business."""

from __future__ import annotations

import ipaddress
from collections import Counter

from imapd.net import farewells
from imapd.settings import Server


class Admission:
    """Every open connection of every worker."""

    def __init__(self) -> None:
        self._open: dict[int, str] = {}
        self._of_network: Counter[str] = Counter()
        self._not_authenticated: set[int] = set()

    def __len__(self) -> int:
        return len(self._open)

    @property
    def not_authenticated(self) -> int:
        return len(self._not_authenticated)

    def refusal(self, address: str, limits: Server) -> bytes | None:
        """The line for one more client from there, or None: it may come in."""
        if len(self._open) >= limits.max_connections:
            return farewells.TOO_MANY_CONNECTIONS
        if self._of_network[network(address)] >= limits.max_connections_per_ip:
            return farewells.TOO_MANY_FROM_ADDRESS
        if len(self._not_authenticated) >= limits.max_not_authenticated:
            return farewells.TOO_MANY_NOT_AUTHENTICATED
        return None

    def enter(self, number: int, address: str) -> None:
        self._open[number] = where = network(address)
        self._of_network[where] += 1
        self._not_authenticated.add(number)

    def authenticated(self, number: int) -> None:
        self._not_authenticated.discard(number)

    def leave(self, number: int) -> None:
        where = self._open.pop(number, None)
        if where is None:
            return
        self._not_authenticated.discard(number)
        self._of_network[where] -= 1
        if not self._of_network[where]:
            del self._of_network[where]


def network(address: str) -> str:
    """What counts as one client: an IPv4 address; of IPv6 the /64, since one machine has all of it."""
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))


def plain(address: str) -> str:
    """An IPv4 address that came in by an IPv6 socket, as IPv4."""
    return address[7:] if address.startswith("::ffff:") and "." in address else address
