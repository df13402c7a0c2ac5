# SPDX-License-Identifier: MIT
"""Connections to Redis as redis.url names it. All that differs between versions of the client library is here."""

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

SENTINEL_PORT = 26379
CONNECT_SECONDS = 2.0

LONGEST_PAUSE_SECONDS = 2
"""Between two attempts to connect."""

#: AttributeError and ValueError: somebody else has closed the connection while this one used it.
FAILURES = (redis.RedisError, OSError, AttributeError, ValueError)

WANTED_URL = "must be like 'redis://127.0.0.1:6379/0'"

Command = Sequence[bytes | str | int]


class Lost(Exception):
    """Redis cannot be reached, or did not do what it was asked."""


class Refused(Lost):
    """Redis has answered with an error; the connection is as it was."""


def connections(url: str, *, timeout_seconds: float, size: int = 4) -> redis.ConnectionPool:
    """A pool for redis://, rediss:// and unix:// URLs, and for sentinel://host:port,host:port/service?db=0. Raises
    ValueError for what is none of them."""
    options: dict[str, Any] = {"socket_timeout": timeout_seconds, "retry": Retry(NoBackoff(), 0)}
    if not url.startswith("unix:"):
        options |= {"socket_connect_timeout": min(timeout_seconds, CONNECT_SECONDS), "socket_keepalive": True}
    if int(redis.__version__.split(".")[0]) >= 5:
        options["protocol"] = 2  # since version 8 the library would choose 3, whose messages come in another shape
    try:
        if url.startswith("sentinel:"):
            return _by_sentinel(url, options)
        pool: redis.ConnectionPool = redis.BlockingConnectionPool.from_url(
            url, max_connections=size, timeout=timeout_seconds, **options
        )
        return pool
    except ValueError:  # which may tell a piece of the password
        raise ValueError(f"redis.url {WANTED_URL}") from None


def is_url(text: str) -> bool:
    """Whether there can be a Redis there. Nothing is opened."""
    try:
        pool = connections(text, timeout_seconds=1)
        pool.make_connection()
        str(pool.connection_kwargs.get("host")).encode("idna")
    except (ValueError, TypeError, redis.RedisError):
        return False
    return True


def client(url: str, *, timeout_seconds: float = 1.0, size: int = 4) -> redis.Redis:
    """The library's own client, for requests with an answer."""
    return redis.Redis(connection_pool=connections(url, timeout_seconds=timeout_seconds, size=size))


class Link:
    """One connection on which commands are sent and answers read by different greenlets. Raises Lost.

    It is made once: where it is lost, whatever is asked of it raises Lost.
    """

    def __init__(self, url: str, *, timeout_seconds: float):
        self._connection = connections(url, timeout_seconds=timeout_seconds).make_connection()
        try:
            self._connection.connect()
        except (redis.RedisError, OSError) as error:
            raise Lost(str(error)) from error
        # The library would make another one, on which nobody answers what was asked on this.
        self._connection.connect = self._connection.connect_check_health = _is_lost

    def send(self, commands: Iterable[Command]) -> None:
        try:
            packed: Any = self._connection.pack_commands(commands)
            self._connection.send_packed_command(packed, check_health=False)
        except FAILURES as error:
            raise Lost(str(error)) from error

    def receive(self) -> Any:
        """The next answer or message. Raises Lost where none comes within the time-out, Refused for an error."""
        try:
            return self._connection.read_response()
        except redis.ResponseError as error:
            raise Refused(str(error)) from error
        except FAILURES as error:
            raise Lost(str(error)) from error

    def close(self) -> None:
        """Whoever is reading or writing gets Lost."""
        try:
            self._connection.disconnect()
        except FAILURES:
            pass


def _is_lost(*_: Any, **__: Any) -> NoReturn:
    raise redis.ConnectionError("the connection was lost")


def _by_sentinel(url: str, options: dict[str, Any]) -> redis.ConnectionPool:
    parts = urlsplit(url)
    account, _, hosts = parts.netloc.rpartition("@")
    user, _, password = account.partition(":")
    if account:
        options |= {"username": unquote(user) or None, "password": unquote(password)}
    query = dict(parse_qsl(parts.query))
    options["db"] = int(query.get("db", 0))
    sentinels = [_address(host) for host in hosts.split(",")]
    timeouts = {"socket_timeout": options["socket_timeout"], "socket_connect_timeout": options["socket_timeout"]}
    watch = Sentinel(sentinels, sentinel_kwargs=timeouts)
    pool: redis.ConnectionPool = watch.master_for(parts.path.strip("/"), **options).connection_pool
    return pool


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":") if text[-1:].isdigit() and ":" in text else (text, "", "")
    return host.strip("[]"), int(port or SENTINEL_PORT)
