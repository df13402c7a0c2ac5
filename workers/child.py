# SPDX-License-Identifier: MIT
"""What every worker process does first: its name, its log, and not to outlive its master."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import types

from imapd import log
from imapd.settings import Settings
from workers.channel import Identity
from workers.titles import set_title

_PR_SET_PDEATHSIG = 1


def prepare(settings: Settings, identity: Identity) -> None:
    """SIGTERM comes when the master dies, whatever killed it; what to do then is the worker's to say."""
    log.configure(settings.log, f"{identity.type} {identity.number}")
    sys.excepthook = _log_exception
    set_title(title(identity))
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != identity.parent:  # it died before we could ask for the signal
        os.kill(os.getpid(), signal.SIGTERM)


def _log_exception(kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
    try:
        raise error.with_traceback(trace)
    except BaseException:
        log.exception("the process ends by an error")


def title(identity: Identity | None, detail: str = "") -> str:
    name = f"{identity.type} worker {identity.number}" if identity else "worker, alone"
    return f"imapd: {name}{detail}"
