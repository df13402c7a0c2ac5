# SPDX-License-Identifier: MIT
"""The process that answers HTTP: gunicorn with one worker and some threads, on the listener that the master bound."""

from __future__ import annotations

import os
import signal
import socket
import struct
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from imapd.cluster import health as redis_health
from imapd.http.application import Application
from imapd.http.health import Check, Health, writable
from imapd.settings import Settings
from imapd.storage import health as database_health
from imapd.storage.pool import Database
from imapd.storage.waiting_threads import wait_at_most
from workers.channel import ALIVE, Channel, Identity
from workers.child import title
from workers.process import metrics_directory
from workers.titles import set_title

_THREADS = 8
_DATABASE_SECONDS = 2  # less than Health waits
_PATIENCE_SECONDS = 5


def run(settings: Settings, channel: Channel | None, identity: Identity | None) -> int:
    """The whole life of the process. By hand it listens for itself."""
    wait_at_most(_DATABASE_SECONDS, _DATABASE_SECONDS)
    if identity is None:
        binds = [f"{settings.http.host}:{settings.http.port}"]
    else:
        binds = [f"fd://{descriptor}" for descriptor in identity.listeners["http"]]
        for descriptor in identity.listeners["http"]:
            _bound_patience(descriptor)
    _Arbiter.channel, _Arbiter.name = channel, title(identity, " [listening]")
    _Gunicorn(settings, binds, title(identity, " [answering]")).run()
    return 0


def application(settings: Settings) -> Application:
    database = Database(
        settings.database.dsn,
        1,
        statement_timeout_seconds=_DATABASE_SECONDS,
        connect_timeout_seconds=_DATABASE_SECONDS,
        wait_seconds=_DATABASE_SECONDS,
        application_name="imapd health",
    )
    checks = (
        Check("database", lambda: database_health.check(database)),
        Check("redis", lambda: redis_health.check(settings.redis.url), needed=False),
        Check("blobs", lambda: writable(settings.blobs.path)),
    )
    return Application(Health(checks), str(metrics_directory(settings)))


def _bound_patience(descriptor: int) -> None:
    """Clients inherit it from the listener: who sends half a request must not keep a thread for ever."""
    listener = socket.socket(fileno=descriptor)
    patience = struct.pack("ll", _PATIENCE_SECONDS, 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
    listener.detach()


class _Log(Logger):
    """Gunicorn's words go where all others go."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            logger.handlers[:] = []
            logger.propagate = True

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """What went wrong with a client's socket. The application logs its own errors."""
        self.debug(msg, *args)


class _Arbiter(Arbiter):
    """Gunicorn's parent process, which our master hears from and which ends with our master."""

    channel: Channel | None = None
    name = ""

    def murder_workers(self) -> None:
        """Called about once a second."""
        super().murder_workers()
        set_title(self.name)  # gunicorn has given itself another one meanwhile
        if self.channel is None:
            return
        try:
            self.channel.say(ALIVE)
            heard = self.channel.heard()
        except BlockingIOError:
            return
        except OSError:
            heard = (b"", b"", [])
        if heard is not None:  # retire, drain, or the end of the master: to this process all the same
            os.kill(os.getpid(), signal.SIGTERM)


class _Gunicorn(BaseApplication):
    def __init__(self, settings: Settings, binds: list[str], name: str):
        self._settings = settings
        self._binds = binds
        self._name = name
        super().__init__()

    def load_config(self) -> None:
        options = {
            "bind": self._binds,
            "workers": 1,
            "worker_class": "gthread",
            "threads": _THREADS,
            "timeout": 30,
            "graceful_timeout": 5,
            "keepalive": 5,
            "limit_request_line": 2048,
            "limit_request_fields": 50,
            "logger_class": _Log,
            "loglevel": "warning",
            "proc_name": "imapd",
            "post_worker_init": lambda worker: set_title(self._name),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Application:
        return application(self._settings)

    def run(self) -> None:
        _Arbiter(self).run()
