# SPDX-License-Identifier: MIT
"""The hosts of a DSN, asked one after the other, the one that has answered last first: where one of several is gone, it
is waited for once. (Hosts that PGHOST or a service file names are left to libpq.)

libpq would do as much by itself. But it would look their names up in a way that holds up all greenlets of a worker; and
where greenlets wait, one time-out counts for all hosts together, and the first that is silent uses it up.
"""

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

from imapd import errors, log

PLACE = ("host", "hostaddr", "port")


def is_dsn(text: str) -> bool:
    """Whether libpq can read it. Nothing is opened."""
    try:
        parse_dsn(text)
    except (psycopg2.ProgrammingError, ValueError):  # ValueError: a NUL in it
        return False
    return True


class Hosts:
    """Opens connections; connect(dsn) is called with one address at a time."""

    def __init__(self, dsn: str, connect: Callable[[str], Any]):
        self._dsn = dsn
        self.connect = connect
        self._answered = ("", "")  # the DSN of the host, and with its address

    def open(self) -> Any:
        """Raises errors.Unavailable, caused by what each host has said."""
        host_answered, address_answered = self._answered
        failures = []
        for host in _with_first(host_answered, each_host(self._dsn)):
            try:
                addresses = each_address(host)
            except (OSError, UnicodeError) as error:
                failures.append(_said(host, error))
                continue
            for address in _with_first(address_answered, addresses):
                try:
                    connection = self.connect(address)
                except psycopg2.OperationalError as error:
                    failures.append(_said(address, error))
                    continue
                if failures:
                    log.warning("another host of PostgreSQL has answered", because="; ".join(failures))
                self._answered = host, address
                connection.address = address
                return connection
        raise errors.Unavailable from psycopg2.OperationalError("\n".join(failures))

    def leave(self) -> None:
        """The one that has answered last is of no use any more: all are asked in their order."""
        self._answered = ("", "")


def _said(dsn: str, error: Exception) -> str:
    host, said = parse_dsn(dsn).get("host", ""), " ".join(str(error).split())
    return f"{host}: {said}" if host else said


def _with_first(first: str, dsns: list[str]) -> list[str]:
    return sorted(dsns, key=lambda dsn: dsn != first)


def each_host(dsn: str) -> list[str]:
    """A DSN for each host that this one names, in its order. Of several, a standby, which takes no writes, is passed
    over where the DSN does not say otherwise."""
    parameters = parse_dsn(dsn)
    columns = [parameters.get(name, "").split(",") for name in PLACE]
    number = max(map(len, columns))
    if number == 1 or any(len(column) not in (1, number) for column in columns):
        return [dsn]  # libpq says what is wrong with it
    parameters.setdefault("target_session_attrs", "read-write")
    found = []
    for row in zip(*(column * (number // len(column)) for column in columns), strict=True):
        place = {name: value for name, value in zip(PLACE, row, strict=True) if name in parameters}
        found.append(make_dsn(**{**parameters, **place}))
    return found


def each_address(dsn: str) -> list[str]:
    """A DSN for each address of its one host. Raises OSError where none is known."""
    parameters = parse_dsn(dsn)
    host = parameters.get("host", "")
    if parameters.get("hostaddr") or not _is_name(host):
        return [dsn]
    return [make_dsn(**{**parameters, "hostaddr": address}) for address in _addresses(host)]


def _is_name(host: str) -> bool:
    """Neither the directory of a socket, nor an address already."""
    if not host or host.startswith(("/", "@")) or "," in host:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


def _addresses(host: str) -> list[str]:
    return [str(address[0]) for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
