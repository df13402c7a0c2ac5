# SPDX-License-Identifier: MIT
"""The sockets that the master listens on: bound here, or taken over from systemd (LISTEN_FDS)."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from imapd import log
from imapd.configuration import ConfigError
from imapd.settings import Settings

Key = tuple[str, str, int]  # kind, host, port; of a Unix socket its path, and 0
KINDS = ("imap", "imaps", "lmtp", "http")


def wanted(settings: Settings) -> list[Key]:
    """What the settings ask for."""
    server, lmtp, http = settings.server, settings.lmtp, settings.http
    kinds = (
        ("imap", server.host, server.port),
        ("imaps", server.host, server.tls_port),
        ("lmtp", lmtp.host, lmtp.port),
        ("http", http.host, http.port),
    )
    keys = [(kind, host, port) for kind, host, port in kinds if port is not None]
    return [*keys, ("lmtp", lmtp.socket, 0)] if lmtp.socket is not None else keys


class Listeners:
    """Every listener by kind, host and port."""

    def __init__(self) -> None:
        self.sockets: dict[Key, socket.socket] = {}
        self._inherited: dict[str, list[socket.socket]] = _inherited()

    def open(self, settings: Settings) -> None:
        """Brings the listeners to what the settings want; ConfigError, and nothing changed, if one cannot be had."""
        keys = wanted(settings)
        fresh: dict[Key, socket.socket] = {}
        try:
            for key in keys:
                if key not in self.sockets:
                    fresh[key] = self._take_over(key) or _bound(key, settings.server.backlog)
        except (OSError, ValueError) as error:  # ValueError: what no host can be called, a..b
            for listener in fresh.values():
                listener.close()
            kind, host, port = key
            where = f"{host} port {port}" if port else host
            why = getattr(error, "strerror", None) or error
            raise ConfigError(f"cannot listen on {where} ({kind}): {why}") from None
        for key in [key for key in self.sockets if key not in keys]:
            self._close(key)
        self.sockets.update(fresh)

    def of(self, kinds: Iterable[str]) -> dict[str, list[int]]:
        """The descriptors of these kinds, for a process that inherits them."""
        return {
            kind: [listener.fileno() for (found, _, _), listener in self.sockets.items() if found == kind]
            for kind in kinds
        }

    def close(self) -> None:
        for key in list(self.sockets):
            self._close(key)

    def _close(self, key: Key) -> None:
        self.sockets.pop(key).close()
        _, path, port = key
        if not port:
            with suppress(OSError):
                os.unlink(path)

    def _take_over(self, key: Key) -> socket.socket | None:
        """One from systemd: by the name of its FileDescriptorName=, else by its port."""
        kind, _, port = key
        for name in (kind, f"port {port}"):
            if self._inherited.get(name):
                return self._inherited[name].pop()
        return None


def _bound(key: Key, backlog: int) -> socket.socket:
    _, host, port = key
    if not port:
        return _bound_to_path(host, backlog)
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        listener.bind(address)
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _bound_to_path(path: str, backlog: int) -> socket.socket:
    """A Unix socket for everybody who may enter its directory. One that a dead server has left behind is removed."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_deserted(path):
            os.unlink(path)
        listener.bind(path)
        os.chmod(path, 0o666)
        listener.listen(backlog)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _is_deserted(path: str) -> bool:
    if not Path(path).is_socket():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
        except OSError:
            pass  # nothing is there, or it is not ours to judge: bind() will tell
    return False


def _inherited() -> dict[str, list[socket.socket]]:
    """Listening sockets from systemd, by name, or by "port N" where the name is none of ours."""
    found: dict[str, list[socket.socket]] = {}
    if os.environ.pop("LISTEN_PID", "") != str(os.getpid()):
        return found
    names = os.environ.pop("LISTEN_FDNAMES", "").split(":")
    for number in range(int(os.environ.pop("LISTEN_FDS", "0"))):
        listener = socket.socket(fileno=3 + number)
        listener.set_inheritable(False)
        listener.setblocking(False)
        name = names[number] if number < len(names) else ""
        if name not in KINDS:
            name = f"port {listener.getsockname()[1]}"
        log.debug("listener taken over", name=name)
        found.setdefault(name, []).append(listener)
    return found
