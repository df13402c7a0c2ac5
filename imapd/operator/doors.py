# SPDX-License-Identifier: MIT
"""imapd user unlock, imapd session unblock: for who has failed too often to log in, and should not have to wait."""

from typing import Any, NamedTuple

import click

from imapd import audit
from imapd.auth import penalty
from imapd.operator.options import ADDRESS, json_option, with_store
from imapd.operator.tables import show_one
from imapd.settings import Settings
from imapd.storage.addresses import Address, locked_user
from imapd.storage.pool import Database


class Unlocked(NamedTuple):
    """Whom it is about, and whether there was something to take away."""

    name: str
    was_closed: bool


@click.command("unlock")
@click.argument("address", type=ADDRESS)
@json_option
@with_store
def unlock_user(database: Database, settings: Settings, address: Address, as_json: bool) -> None:
    """End the lockout that too many wrong passwords have brought on a user."""
    with database.transaction() as tx:
        organization_id, user_id = locked_user(tx, address)
    user = f"{organization_id}.{user_id}"
    counters = reachable(settings)
    was_locked = any(counters.get(f"locked:{user}"))
    if was_locked:
        audit.write(database, "user unlocked", organization_id=organization_id, user_id=user_id, address=str(address))
    penalty.unblock(counters, user=user)
    told(Unlocked(str(address), was_locked), "locked", as_json)


class Ip(click.ParamType):
    """An IP address, as it is counted: for IPv6 its network."""

    name = "ip"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        network = penalty.network_of(value)
        if not network:
            self.fail(f"{value!r} is no IP address.", param, ctx)
        return network


@click.command("unblock")
@click.argument("ip", type=Ip())
@json_option
@with_store
def unblock_ip(database: Database, settings: Settings, ip: str, as_json: bool) -> None:
    """End the block that too many failed logins have brought on an IP address."""
    counters = reachable(settings)
    was_blocked = any(counters.get(f"blocked:{ip}"))
    if was_blocked:
        audit.write(database, "ip unblocked", remote_ip=ip)
    penalty.unblock(counters, peer_ip=ip)
    told(Unlocked(ip, was_blocked), "blocked", as_json)


def reachable(settings: Settings) -> Any:
    """The counters of all nodes. Raises errors.Unavailable: those of this process alone would be of no use."""
    from imapd.cluster import sessions
    from imapd.cluster.counters import Counters

    sessions.listed(settings.redis.url)
    return Counters(settings.redis.url)


def told(one: Unlocked, state: str, as_json: bool) -> None:
    if as_json:
        show_one(one, as_json)
    elif not one.was_closed:
        click.echo(f"{one.name} was not {state}.", err=True)
