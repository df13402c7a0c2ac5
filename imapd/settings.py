# SPDX-License-Identifier: MIT
"""The configuration as frozen values, and how a file becomes them. config/imapd.yaml says what each key means.

A key stands in three places, held together by a test: the dataclass here, config/imapd.yaml and
config/imapd.schema.json. Nothing here opens a socket; only files that a key names are looked at.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

SCHEMA = Path(__file__).resolve().parent.parent / "config" / "imapd.schema.json"

EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h


class ConfigError(Exception):
    """What is wrong with the configuration, in one line: file, line, key."""


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


def load(path: str | os.PathLike[str], *, serving: bool = False) -> Settings:
    """The settings of a file. serving: the files that only the server itself needs must be readable, too."""
    document = _Document(str(path))
    document.check()
    settings = from_values(document.values)
    settings = _with_secrets(settings, document)
    _check_networks(settings, document)
    if serving:
        _check_tls(settings, document)
    return settings


class _Document:
    """One YAML file: its values, and the line on which each key stands."""

    def __init__(self, path: str):
        import yaml  # here, because workers are handed their settings and need neither yaml nor jsonschema

        self.path = path
        self.lines: dict[tuple[Any, ...], int] = {}
        try:
            with open(path, encoding="utf-8") as file:
                loader = yaml.SafeLoader(file)
                node = loader.get_single_node()
                self._walk(node, ())
                self.values = {} if node is None else loader.construct_document(node)
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ConfigError(f"{path}: not UTF-8 text") from None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise ConfigError(f"{path}:{mark.line + 1 if mark else 1}: {error.problem}") from None
        except yaml.YAMLError:
            raise ConfigError(f"{path}: not a YAML text") from None
        self.values = {} if self.values is None else self.values

    def _walk(self, node: Any, path: tuple[Any, ...]) -> None:
        if node is None:
            return
        self.lines.setdefault(path, node.start_mark.line + 1)
        if node.id == "mapping":
            for key, value in node.value:
                below = (*path, str(key.value))
                line = key.start_mark.line + 1
                if below in self.lines:
                    raise ConfigError(f"{self.path}:{line}: {_dotted(below)}: stands here a second time")
                self.lines[below] = line
                self._walk(value, below)
        elif node.id == "sequence":
            for number, value in enumerate(node.value):
                self._walk(value, (*path, number))

    def fault(self, path: tuple[Any, ...], text: str) -> ConfigError:
        """A key that is not in the file (its default is at fault) has the line of what is around it, if any."""
        around = tuple(step if isinstance(step, int) else str(step) for step in path)
        while around and around not in self.lines:
            around = around[:-1]
        return ConfigError(f"{self.path}:{self.lines.get(around, 1)}: {_dotted(path)}: {text}")

    def check(self) -> None:
        import jsonschema

        if isinstance(self.values, dict):  # a section with all its keys commented out is as good as none
            self.values = {name: {} if value is None else value for name, value in self.values.items()}
        schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
        errors = jsonschema.Draft7Validator(schema).iter_errors(self.values)
        first = min(errors, key=lambda error: [str(step) for step in error.absolute_path], default=None)
        if first is None:
            return
        path = tuple(first.absolute_path)
        if first.validator == "additionalProperties":
            known = first.schema.get("properties", {})
            unknown = next(key for key in first.instance if key not in known)
            raise self.fault((*path, unknown), "no such key")
        raise self.fault(path, _told(first))


def _told(error: Any) -> str:
    """The message without the value where it may be long or secret: the line says where to look."""
    wanted, kind = error.validator_value, error.validator
    if kind == "type":
        kinds = [wanted] if isinstance(wanted, str) else wanted
        return f"must be {' or '.join(kinds)}"
    if kind == "enum":
        return f"must be one of {', '.join(str(word) for word in wanted)}"
    if kind in ("minimum", "maximum"):
        return f"must be at {'least' if kind == 'minimum' else 'most'} {wanted}"
    if kind == "pattern":
        return f"must be like {error.schema.get('examples', [wanted])[0]!r}"
    if kind == "minLength":
        return "must not be empty"
    return str(error.message)[:200]


def _dotted(path: tuple[Any, ...]) -> str:
    return ".".join(str(step) for step in path) or "the file"


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


def _with_secrets(settings: Settings, document: _Document) -> Settings:
    """dsn and url from the files that stand in for them, so that a password need not be in the configuration."""
    made = asdict(settings)
    for section, key in (("database", "dsn"), ("redis", "url")):
        file = made[section][f"{key}_file"]
        if file is not None:
            path = (section, f"{key}_file")
            made[section][key] = _read(file, path, document).strip()
            if not made[section][key]:
                raise document.fault(path, f"{file}: is empty")
    return from_values(made)


def _check_networks(settings: Settings, document: _Document) -> None:
    for number, text in enumerate(settings.lmtp.allow):
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise document.fault(("lmtp", "allow", number), "is no network") from None


def _check_tls(settings: Settings, document: _Document) -> None:
    tls = settings.tls
    if (tls.certificate is None) != (tls.key is None):
        raise document.fault(("tls", "key" if tls.key is None else "certificate"), "certificate and key go together")
    if tls.certificate is None and settings.server.tls_port is not None:
        raise document.fault(("server", "tls_port"), "needs tls.certificate and tls.key")
    if settings.server.port is None and settings.server.tls_port is None:
        raise document.fault(("server", "port"), "port and tls_port are both null: nothing to serve")
    for key, file in (("certificate", tls.certificate), ("key", tls.key)):
        if file is not None:
            _read(file, ("tls", key), document)
    if tls.certificate is not None:
        _try_certificate(tls, document)


def _try_certificate(tls: Tls, document: _Document) -> None:
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(str(tls.certificate), tls.key)
    except ssl.SSLError as error:
        what = (error.reason or str(error)).replace("_", " ").lower()
        raise document.fault(("tls", "certificate"), f"does not work with tls.key: {what}") from None


def _read(file: str, path: tuple[str, ...], document: _Document) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise document.fault(path, f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise document.fault(path, f"{file}: not UTF-8 text") from None
