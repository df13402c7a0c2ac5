# SPDX-License-Identifier: MIT
"""The configuration as frozen values. config/imapd.yaml says what each key means; configuration.py reads such a file.

A key stands in three places, held together by a test: the dataclass here, config/imapd.yaml and
config/imapd.schema.json.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, get_type_hints


@dataclass(frozen=True)
class Server:
    host: str = "0.0.0.0"
    port: int | None = 143
    tls_port: int | None = 993
    backlog: int = 1024
    workers: int | None = None
    max_connections: int = 10000
    max_connections_per_ip: int = 100
    max_not_authenticated: int = 1000
    stuck_seconds: int = 30
    drain_seconds: int = 30
    retire_seconds: int = 86400
    runtime_directory: str = "/run/imapd"


@dataclass(frozen=True)
class Tls:
    certificate: str | None = "/etc/imapd/certificate.pem"
    key: str | None = "/etc/imapd/key.pem"


@dataclass(frozen=True)
class Imap:
    namespace_mode: str = "domain_separated"
    capabilities: tuple[str, ...] | None = None
    primary_prefix: str = "listed"
    id: dict[str, str] = field(default_factory=lambda: {"name": "imapd"})


@dataclass(frozen=True)
class Database:
    dsn: str = field(default="dbname=imapd", repr=False)
    dsn_file: str | None = None
    pool_size: int = 10
    statement_timeout_seconds: int = 60
    lock_timeout_seconds: int = 10
    connect_timeout_seconds: int = 5
    changes_kept_seconds: int = 30 * 86400


@dataclass(frozen=True)
class Redis:
    url: str = field(default="redis://127.0.0.1:6379/0", repr=False)
    url_file: str | None = None
    poll_seconds: int = 15


@dataclass(frozen=True)
class Blobs:
    path: str = "/var/lib/imapd/blobs"
    grace_seconds: int = 86400


@dataclass(frozen=True)
class Limits:
    line_octets_before_login: int = 8 << 10
    line_octets: int = 64 << 10
    literal_octets: int = 128 << 10
    argument_octets: int = 1 << 20
    message_octets: int = 50 << 20
    bad_commands_before_login: int = 3
    bad_commands: int = 20
    login_seconds: int = 60
    idle_seconds: int = 1800
    output_stall_seconds: int = 300
    search_terms: int = 1000
    searches_per_user: int = 4
    search_depth: int = 64
    folders_per_mailbox: int = 10000
    subscriptions_per_user: int = 10000
    name_octets: int = 1000
    metadata_octets: int = 64 << 10
    metadata_entries: int = 100
    metadata_total_octets: int = 1 << 20


@dataclass(frozen=True)
class Auth:
    cleartext: str = "never"
    cache_seconds: int = 60
    recheck_seconds: int = 30
    threads: int = 2
    queue: int = 200
    argon2_memory_kib: int = 19456
    argon2_iterations: int = 2
    argon2_parallelism: int = 1
    block_after_failures: int = 100
    block_seconds: int = 600
    lockout_after_failures: int = 20
    lockout_seconds: int = 900
    penalty_exempt: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quota:
    warn_percent: tuple[int, ...] = (80, 95, 100)
    message: bool = True
    message_template: str | None = None
    webhook: str | None = field(default=None, repr=False)
    webhook_timeout_seconds: int = 5
    webhook_attempts: int = 8


@dataclass(frozen=True)
class Lmtp:
    host: str = "127.0.0.1"
    port: int | None = None
    socket: str | None = None
    allow: tuple[str, ...] = ("127.0.0.0/8", "::1")
    workers: int = 1
    threads: int = 8
    max_connections: int = 100
    recipients: int = 100
    idle_seconds: int = 300
    data_seconds: int = 600
    over_quota: str = "temporary"


@dataclass(frozen=True)
class Http:
    host: str = "127.0.0.1"
    port: int | None = 9090


@dataclass(frozen=True)
class Log:
    level: str = "info"
    format: str = "json"


@dataclass(frozen=True)
class Settings:
    server: Server = field(default_factory=Server)
    tls: Tls = field(default_factory=Tls)
    imap: Imap = field(default_factory=Imap)
    database: Database = field(default_factory=Database)
    redis: Redis = field(default_factory=Redis)
    blobs: Blobs = field(default_factory=Blobs)
    limits: Limits = field(default_factory=Limits)
    auth: Auth = field(default_factory=Auth)
    quota: Quota = field(default_factory=Quota)
    lmtp: Lmtp = field(default_factory=Lmtp)
    http: Http = field(default_factory=Http)
    log: Log = field(default_factory=Log)

    @property
    def lmtp_worker_count(self) -> int:
        return 0 if self.lmtp.port is None and self.lmtp.socket is None else self.lmtp.workers

    @property
    def worker_count(self) -> int:
        return self.server.workers or len(os.sched_getaffinity(0))

    def to_json(self) -> str:
        """For the workers: they get what the master has checked, never a file that changed meanwhile."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Settings:
        return from_values(json.loads(text))


def from_values(values: Mapping[str, Any]) -> Settings:
    """Settings of a tree that the schema accepts; what is left out keeps its default."""
    return _build(Settings, values)


_UNITS = {
    "": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "kB": 10**3, "MB": 10**6, "GB": 10**9,
    "s": 1, "m": 60, "h": 3600, "d": 86400,
}  # fmt: skip


def _quantity(text: str) -> int:
    """ "30m" and "50MiB" in the unit of the key; the schema has checked the form."""
    number, unit = re.fullmatch(r"([0-9]+)([A-Za-z]*)", text.strip()).groups()  # type: ignore[union-attr]
    return int(number) * _UNITS[unit]


def _build(kind: Any, values: Mapping[str, Any]) -> Any:
    hints = get_type_hints(kind)
    made = {}
    for each in fields(kind):
        if each.name not in values:
            continue
        value, hint = values[each.name], hints[each.name]
        if is_dataclass(hint):
            value = _build(hint, value)
        elif isinstance(value, list):
            value = tuple(value)
        elif isinstance(value, str) and ("_octets" in each.name or each.name.endswith("_seconds")):
            value = _quantity(value)
        made[each.name] = value
    return kind(**made)


def keys(kind: Any = Settings, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key as a path: ("server", "port") …"""
    hints = get_type_hints(kind)
    for each in fields(kind):
        if is_dataclass(hints[each.name]):
            yield from keys(hints[each.name], (*path, each.name))
        else:
            yield (*path, each.name)
