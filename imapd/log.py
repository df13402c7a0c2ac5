# SPDX-License-Identifier: MIT
"""The one place that logs: one event, one line on standard error, JSON or key=value.

Control characters are escaped and long texts cut here, so no caller can let a client write into the log. What a
caller passes must be no secret. A sink that does not take lines costs lines, never the service.
"""

from __future__ import annotations

import json
import logging
import os
import re
import select
import sys
import time
import traceback
from typing import Any

from imapd.settings import Log

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
LONGEST_TEXT = 256
LONGEST_LINE = 4096  # PIPE_BUF: lines of several processes on one pipe do not mix, and poll() promises room for one
_SECRET = re.compile(r"passw|secret|token|credential|dsn$", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_lowest = LEVELS["info"]
_as_text = False
_process = ""
_dropped = 0


def configure(settings: Log, process: str = "") -> None:
    """Once in each process; also brings the records of libraries (logging) here."""
    global _lowest, _as_text, _process
    _lowest = LEVELS[settings.level]
    _as_text = settings.format == "text"
    _process = process
    root = logging.getLogger()
    root.handlers[:] = [_Records()]
    root.setLevel(max(_lowest, logging.WARNING))


def debug(event: str, **fields: Any) -> None:
    if _lowest <= 10:
        _write("debug", event, fields)


def info(event: str, **fields: Any) -> None:
    if _lowest <= 20:
        _write("info", event, fields)


def warning(event: str, **fields: Any) -> None:
    if _lowest <= 30:
        _write("warning", event, fields)


def error(event: str, **fields: Any) -> None:
    _write("error", event, fields)


def exception(event: str, **fields: Any) -> None:
    """An error with the traceback of the exception being handled."""
    _write("error", event, fields, traceback.format_exc())


def _write(level: str, event: str, fields: dict[str, Any], trace: str = "") -> None:
    global _dropped
    record: dict[str, Any] = {"time": _now(), "level": level, "event": event, "pid": os.getpid()}
    if _process:
        record["process"] = _process
    for name, value in fields.items():
        record[name] = "***" if _SECRET.search(name) else _plain(value)
    if _dropped:
        record["dropped"] = _dropped
    if trace:
        record["trace"] = _CONTROL.sub(_escaped_but_lf, trace[-2400:])
    line = _line(record)
    if _put(line):
        _dropped = 0
    else:
        _dropped += 1


def _line(record: dict[str, Any]) -> bytes:
    line = _rendered(record)
    if len(line) > LONGEST_LINE and "trace" in record:
        record["trace"] = record["trace"][-1000:]
        line = _rendered(record)
    while len(line) > LONGEST_LINE and len(record) > 4:
        record.popitem()
        line = _rendered({**record, "cut": True})
    return line


def _rendered(record: dict[str, Any]) -> bytes:
    if not _as_text:
        return json.dumps(record).encode() + b"\n"
    return " ".join(f"{name}={_word(value)}" for name, value in record.items()).encode("utf-8", "replace") + b"\n"


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if re.fullmatch(r"[^\s\"=\\]+", text) else json.dumps(text, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        value = bytes(value[: LONGEST_TEXT + 1]).decode("utf-8", "backslashreplace")
    text = str(value)
    if len(text) > LONGEST_TEXT:
        text = text[:LONGEST_TEXT] + "…"
    return _CONTROL.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def _escaped_but_lf(match: re.Match[str]) -> str:
    return "\n" if match[0] == "\n" else _escaped(match)  # json.dumps makes \n of it: still one line


def _now() -> str:
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"


def _put(line: bytes) -> bool:
    try:
        descriptor = sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):  # standard error is replaced (pytest)
        return _put_text(line)
    try:
        poll = _poll()
        poll.register(descriptor, select.POLLOUT)
        if not poll.poll(0):
            return False
        return os.write(descriptor, line) == len(line)
    except OSError:
        return False


def _poll() -> Any:
    """The real one: gevent's would switch greenlets, and a line may come from the hub itself."""
    monkey = sys.modules.get("gevent.monkey")
    return (monkey.get_original("select", "poll") if monkey else select.poll)()


def _put_text(line: bytes) -> bool:
    try:
        sys.stderr.write(line.decode())
    except (OSError, ValueError, AttributeError):
        return False
    return True


class _Records(logging.Handler):
    """What libraries say through logging."""

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= 40 else "warning" if record.levelno >= 30 else "info"
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        _write(level, record.name, {"text": record.getMessage()}, trace)
