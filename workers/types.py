# SPDX-License-Identifier: MIT
"""The table of process types: what the master runs, how many of each, and how each is started."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from imapd.settings import Settings


@dataclass(frozen=True)
class ProcessType:
    """One kind of process. Its module in workers/ has run(channel, settings)."""

    name: str
    #: How many of them; TTIN and TTOU add to and take from the count of those that take connections.
    count: Callable[[Settings], int]
    command: tuple[str, ...]
    #: The master hands it clients' connections.
    takes_connections: bool = False
    #: Listeners of the master that it inherits, by kind.
    inherits: tuple[str, ...] = ()


def _command(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "workers", name)


TYPES = (
    ProcessType("imap", lambda settings: settings.worker_count, _command("imap"), takes_connections=True),
    ProcessType("lmtp", lambda settings: settings.lmtp_worker_count, _command("lmtp"), inherits=("lmtp",)),
    ProcessType("http", lambda settings: int(settings.http.port is not None), _command("http"), inherits=("http",)),
    ProcessType("maintenance", lambda settings: 1, _command("maintenance")),
)
