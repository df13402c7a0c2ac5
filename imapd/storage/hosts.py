# SPDX-License-Identifier: MIT
"""The hosts of a DSN, asked one after the other: the one that has answered last first, so that of several where one is
gone only the first to notice has to wait for it.

libpq would do as much by itself. But it would look their names up in a way that holds up all greenlets of a worker; and
where greenlets wait, one time-out counts for all hosts together, and the first that is silent uses it up.
"""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

from imapd import errors

WHERE = ("host", "hostaddr", "port")


class Hosts:
    """Opens connections; connect(dsn) is called with one address at a time."""

    def __init__(self, dsn: str, connect: Callable[[str], Any]):
        self._dsn = dsn
        self._connect = connect
        self._answered = ""

    def open(self) -> Any:
        """Raises errors.Unavailable, caused by what each host has said."""
        try:
            addresses = by_address(self._dsn)
        except OSError as error:
            raise errors.Unavailable from error
        failures = []
        for dsn in sorted(addresses, key=lambda dsn: dsn != self._answered):
            try:
                connection = self._connect(dsn)
            except psycopg2.OperationalError as error:
                failures.append(str(error).strip())
            else:
                self._answered = dsn
                return connection
        raise errors.Unavailable from psycopg2.OperationalError("\n".join(failures))


def by_address(dsn: str) -> list[str]:
    """A DSN for each address that the hosts of this one have, in its order. Raises OSError where none is known."""
    parameters = parse_dsn(dsn)
    columns = [parameters.pop(name, "").split(",") for name in WHERE]
    number = max(map(len, columns))
    if any(len(column) not in (1, number) for column in columns):
        return [dsn]  # libpq says what is wrong with it
    found: list[str] = []
    failure = None
    for host, hostaddr, port in zip(*(column * (number // len(column)) for column in columns), strict=True):
        try:
            addresses = [hostaddr] if hostaddr or not _is_name(host) else _addresses(host)
        except OSError as error:
            failure = error
            continue
        for address in addresses:
            place = {name: value for name, value in zip(WHERE, (host, address, port), strict=True) if value}
            found.append(make_dsn(**{**parameters, **place}))
    if failure and not found:
        raise failure
    return found


def _is_name(host: str) -> bool:
    """Neither the directory of a socket, nor an address already."""
    if not host or host.startswith(("/", "@")):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


def _addresses(host: str) -> list[str]:
    return [str(address[0]) for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
