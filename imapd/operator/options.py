# SPDX-License-Identifier: MIT
"""Options and arguments that several commands share: the configuration, the database, addresses, sizes."""

import contextlib
import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from imapd import configuration
from imapd.errors import MailError, Unavailable
from imapd.settings import Settings
from imapd.storage import addresses
from imapd.storage.pool import Database
from imapd.storage.schema import require_current

CONFIG_BESIDE_CODE = Path(__file__).resolve().parent.parent.parent / "config" / "imapd.yaml"
CONFIG_OF_SYSTEM = Path("/etc/imapd/imapd.yaml")

Function = TypeVar("Function", bound=Callable[..., Any])

UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30,
         "tib": 1 << 40}  # fmt: skip


def default_config() -> str:
    return str(CONFIG_BESIDE_CODE if CONFIG_BESIDE_CODE.exists() else CONFIG_OF_SYSTEM)


config_option = click.option(
    "--config", "config", metavar="FILE", default=default_config,
    show_default="config/imapd.yaml or /etc/imapd/imapd.yaml", help="The configuration.",
)  # fmt: skip

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")

disabled_option = click.option(
    "--disable/--enable", "disabled", default=None, help="Close it for logins, or open it again."
)

organization_option = click.option("--org", "organization", help="The organisation, where the name is in several.")

yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def with_database(function: Function) -> Function:
    """Adds --config; the function gets a Database of the right schema as its first argument."""

    @config_option
    @functools.wraps(function)
    def wrapped(config: str, **options: Any) -> Any:
        return _run(function, configuration.load(config), options)

    return wrapped  # type: ignore[return-value]


def with_store(function: Function) -> Function:
    """As with_database, for what also needs the files of bodies: the settings are the second argument."""

    @config_option
    @functools.wraps(function)
    def wrapped(config: str, **options: Any) -> Any:
        loaded = configuration.load(config)
        return _run(lambda pool, **given: function(pool, loaded, **given), loaded, options)

    return wrapped  # type: ignore[return-value]


def changing(*kinds: str) -> Callable[[Function], Function]:
    """with_database, and then the workers are told by control messages of these kinds to look what their sessions may
    still do. Without Redis they do so by and by."""

    def decorated(function: Function) -> Function:
        @config_option
        @functools.wraps(function)
        def wrapped(config: str, **options: Any) -> Any:
            from imapd.cluster import control  # here, because few commands need the client library of Redis

            loaded = configuration.load(config)
            made = _run(function, loaded, options)
            with contextlib.suppress(Unavailable):
                for kind in kinds:
                    control.send(loaded.redis.url, kind, "")
            return made

        return wrapped  # type: ignore[return-value]

    return decorated


def telling(kind: str) -> Callable[[Function], Function]:
    """Around a function that has its own way to the database: tells the workers by a control message when it is over,
    whatever became of it."""

    def decorated(function: Function) -> Function:
        @functools.wraps(function)
        def wrapped(config: str, **options: Any) -> Any:
            from imapd.cluster import control

            try:
                return function(config=config, **options)
            finally:
                with contextlib.suppress(Unavailable):
                    control.send(configuration.load(config).redis.url, kind, "")

        return wrapped  # type: ignore[return-value]

    return decorated


changing_logins = changing("user")
changing_access = changing("rights")


def _run(function: Callable[..., Any], loaded: Settings, options: dict[str, Any]) -> Any:
    database = loaded.database
    require_current(database.dsn)
    pool = Database(
        database.dsn, 1, application_name="imapd operator",
        statement_timeout_seconds=600, lock_timeout_seconds=60,
        connect_timeout_seconds=database.connect_timeout_seconds,
        quota_warn_percent=loaded.quota.warn_percent,
    )  # fmt: skip
    try:
        return function(pool, **options)
    finally:
        pool.close()


class _Named(click.ParamType):
    """An argument that a function of storage/addresses.py reads."""

    def __init__(self, name: str, read: Callable[[str], Any]):
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except MailError as error:
            self.fail(str(error), param, ctx)


ADDRESS = _Named("address", addresses.address)
DOMAIN = _Named("domain", addresses.domain_name)
GROUP = _Named("group", addresses.group_name)
PERSON_NAME = _Named("name", addresses.person_name)
NEW_ORGANIZATION = _Named("name", addresses.organization_name)
"""Of one that is to be called so. What is there goes by whatever name it has."""


class Unlimited:
    """What `unlimited` on the command line becomes; None means that the option was not given."""


class Amount(click.ParamType):
    """A number above 0, with a unit where it counts octets, or the word `unlimited`."""

    def __init__(self, name: str, octets: bool):
        self.name = name
        self._octets = octets

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        if value == "unlimited":
            return Unlimited
        found = re.fullmatch(r"([0-9]{1,15})\s*([A-Za-z]*)", value)
        unit = found[2].lower() if found else ""
        if not found or unit not in UNITS or (unit and not self._octets) or not int(found[1]):
            example = "1GiB" if self._octets else "10000"
            self.fail(f"{value!r} is not like {example} or unlimited.", param, ctx)
        return int(found[1]) * UNITS[unit]


storage_option = click.option(
    "--storage", type=Amount("size", octets=True), help="Most octets: 500MiB, 1GiB … or unlimited."
)
messages_option = click.option("--messages", type=Amount("number", octets=False), help="Most messages, or unlimited.")


def limit(given: Any) -> int | None:
    """For the table quotas: None is unlimited there."""
    return None if given is None or given is Unlimited else int(given)
