# SPDX-License-Identifier: MIT
"""How a file becomes settings: read, checked against config/imapd.schema.json, and each mistake named by file, line and
key. Nothing here opens a socket; only files that a key names are looked at.
"""

from __future__ import annotations

import ipaddress
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from imapd.settings import Settings, Tls, from_values

SCHEMA = Path(__file__).resolve().parent.parent / "config" / "imapd.schema.json"

EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h


class ConfigError(Exception):
    """What is wrong with the configuration, in one line: file, line, key."""


def load(path: str | os.PathLike[str], *, serving: bool = False) -> Settings:
    """The settings of a file. serving: the files that only the server itself needs must be readable, too."""
    document = _Document(str(path))
    document.check()
    settings = from_values(document.values)
    settings = _with_secrets(settings, document)
    _check_dsn(settings, document)
    _check_networks(settings, document)
    if serving:
        _check_redis(settings, document)
        if settings.quota.message_template is not None:
            _read(settings.quota.message_template, ("quota", "message_template"), document)
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
                loader = _loader(file)
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
        except (yaml.YAMLError, ValueError):
            raise ConfigError(f"{path}: not a YAML text") from None
        except RecursionError:
            raise ConfigError(f"{path}: something stands in itself, or too deep") from None
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


def _loader(file: Any) -> Any:
    """As yaml.SafeLoader, but what a value cannot be (the thirtieth of February) is said with its line."""
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_object(self, node: Any, deep: bool = False) -> Any:
            try:
                return super().construct_object(node, deep)  # type: ignore[no-untyped-call]
            except (ValueError, LookupError, AttributeError):
                told = f"that is no {node.tag.rpartition(':')[2]}"
                raise yaml.constructor.ConstructorError(None, None, told, node.start_mark) from None

    return Loader(file)


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


def _check_dsn(settings: Settings, document: _Document) -> None:
    from imapd.storage.hosts import is_dsn

    if not is_dsn(settings.database.dsn):
        key = "dsn" if settings.database.dsn_file is None else "dsn_file"
        raise document.fault(("database", key), "must be as PostgreSQL wants it, like 'host=localhost dbname=imapd'")


def _check_redis(settings: Settings, document: _Document) -> None:
    from imapd.cluster.redis import WANTED_URL, is_url

    if not is_url(settings.redis.url):
        key = "url" if settings.redis.url_file is None else "url_file"
        raise document.fault(("redis", key), WANTED_URL)


def _check_networks(settings: Settings, document: _Document) -> None:
    for section, key, networks in (
        ("lmtp", "allow", settings.lmtp.allow),
        ("auth", "penalty_exempt", settings.auth.penalty_exempt),
    ):
        for number, text in enumerate(networks):
            try:
                ipaddress.ip_network(text, strict=False)
            except ValueError:
                raise document.fault((section, key, number), "is no network") from None


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
        # Without a passphrase it would ask for one at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(str(tls.certificate), tls.key, password="")
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
    except ValueError:
        raise document.fault(path, "holds a character that no file name can hold") from None
