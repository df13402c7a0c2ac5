# SPDX-License-Identifier: MIT
"""Where the hosts of a DSN are. libpq would look them up by itself, and hold up all greenlets of a worker meanwhile."""

import ipaddress
import socket

from psycopg2.extensions import make_dsn, parse_dsn


def located(dsn: str) -> str:
    """The DSN with the addresses of its hosts, all that each of them has. Raises OSError where none is known."""
    parameters = parse_dsn(dsn)
    hosts = parameters.get("host", "").split(",")
    if "hostaddr" in parameters or not any(map(_is_name, hosts)):
        return dsn
    ports = parameters.get("port", "").split(",")
    found: list[tuple[str, str, str]] = []
    failure = None
    for number, host in enumerate(hosts):
        try:
            addresses = _addresses(host) if _is_name(host) else [""]
        except OSError as error:
            failure = error
            continue
        found += [(host, address, ports[number] if len(ports) > 1 else ports[0]) for address in addresses]
    if failure and not found:
        raise failure
    host, hostaddr, port = (",".join(column) for column in zip(*found, strict=True))
    return make_dsn(**{**parameters, "host": host, "hostaddr": hostaddr, "port": port})


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
