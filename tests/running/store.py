# SPDX-License-Identifier: MIT
"""A store with real PostgreSQL and files, and sessions on it within the test's own process: no worker, no socket."""

import itertools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg2

from imapd.mail.account import Account
from imapd.mail.index import Indexes
from imapd.mail.turns import Turns
from imapd.settings import Settings
from imapd.storage import credentials, grants, provision
from imapd.storage.addresses import address
from imapd.storage.blobs import BlobStore
from imapd.storage.grants import UNLIMITED, Limits
from imapd.storage.pool import Database
from imapd.storage.schema import migrate

NUMBERS = itertools.count(1)
THREADS = ThreadPoolExecutor(4)


class _Begun:
    def __init__(self, future: Future[Any]):
        self._future = future

    def has_ended(self, seconds: float) -> bool:
        return bool(wait([self._future], seconds).done)

    def result(self) -> Any:
        return self._future.result()


def begin(function: Callable[..., Any], *arguments: Any) -> _Begun:
    """As imapd.node.beginning_on(), for who waits in no hub."""
    return _Begun(THREADS.submit(function, *arguments))


class LocalWakeups:
    """The wake-ups of one worker alone: whoever watches is called at once."""

    def __init__(self) -> None:
        self.watches: dict[object, tuple[tuple[int, int | str], Callable[[str], None]]] = {}

    def watch(self, organization_id: int, group_id: int, callback: Callable[[], None]) -> object:
        return self._watch((organization_id, group_id), lambda _: callback())

    def watch_owner(self, organization_id: int, owner: str, callback: Callable[[str], None]) -> object:
        return self._watch((organization_id, owner), callback)

    def _watch(self, channel: tuple[int, int | str], callback: Callable[[str], None]) -> object:
        handle = object()
        self.watches[handle] = (channel, callback)
        return handle

    def unwatch(self, handle: object) -> None:
        del self.watches[handle]

    def publish(self, organization_id: int, group_id: int, owner: str) -> None:
        self._call((organization_id, group_id), "")
        self._call((organization_id, owner), str(group_id))

    def publish_names(self, organization_id: int, owner: str) -> None:
        self._call((organization_id, owner), "names")

    def publish_annotations(self, organization_id: int, owner: str) -> None:
        self._call((organization_id, owner), "annotations")

    def _call(self, there: tuple[int, int | str], what: str) -> None:
        for channel, callback in list(self.watches.values()):
            if channel == there:
                callback(what)


class Store:
    """`node()` is what one worker shares among its sessions; two of them do not know of each other."""

    def __init__(self, dsn: str, blobs: Path, limits: Limits = UNLIMITED):
        name = f"store{next(NUMBERS)}"
        admin = psycopg2.connect(dsn)
        admin.autocommit = True
        admin.cursor().execute(f"CREATE DATABASE {name}")
        admin.close()
        self.dsn = f"{dsn} dbname={name}"
        self.blobs = blobs
        migrate(self.dsn)
        self.database = Database(self.dsn)
        provision.add_organization(self.database, "Example")
        for domain in ("example.com", "company.org"):
            provision.add_domain(self.database, "Example", domain)
        user, work, colleague = map(address, ("user@example.com", "user@company.org", "colleague@example.com"))
        provision.add_user(self.database, user, "A. User", None, limits=limits)
        provision.add_mailbox(self.database, work, user, limits)
        provision.add_user(self.database, colleague, "Colin League", None, limits=limits)
        grants.grant(self.database, colleague, "INBOX", user, "lrswi")

    def node(self) -> Any:
        """As imapd.node.Node, with all that a session needs once somebody has logged in."""
        wakeups = LocalWakeups()
        return SimpleNamespace(
            settings=Settings(),
            database=self.database,
            blobs=BlobStore(self.blobs, begin),
            wakeups=wakeups,
            control=SimpleNamespace(publish=lambda kind, id: None),
            indexes=Indexes(self.database, wakeups),
            searches=Turns(4),
            offload=lambda function, *args: function(*args),
            audit=SimpleNamespace(record=lambda *_, **__: None),
            metrics=SimpleNamespace(command=lambda *_: None, auth_attempt=lambda *_: None),
            session_began=lambda session: None,
            session_ended=lambda session: None,
        )

    def account(self, node: Any, name: str = "user@example.com") -> Account:
        at = address(name)
        found = credentials.find(self.database, at.local_part, at.domain)
        assert found
        return Account(node, found.organization_id, found.user_id, name)

    def close(self) -> None:
        self.database.close()
