# SPDX-License-Identifier: MIT
"""What is counted, in plain numbers of this process, and how /metrics tells the sum over all processes.

Counting costs a dictionary update; flush() carries the numbers to prometheus_client once a second. Labels are
names from our own tables, never a client's text.
"""

from __future__ import annotations

import os
import struct
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ATTEMPTS = 10
_PAUSE_SECONDS = 0.01
DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus_client when it is imported

#: name, labels, help: counters. Each is told under this name and with _total behind it.
COUNTERS = (
    ("imap_total_connections", (), "Connections since the start."),
    ("imap_commands_processed", ("command",), "Commands processed, by name."),
    ("imap_command_seconds", ("command",), "Time spent in commands, by name."),
    ("imap_auth_attempts", ("result",), "Login attempts, by result."),
    ("imap_lmtp_deliveries", ("result",), "Messages for a recipient brought by LMTP, by what became of them."),
    ("imap_quota_warnings", ("root", "percent"), "Thresholds crossed, by kind of root (mailbox, user, domain)."),
)
#: result of imap_lmtp_deliveries
DELIVERIES = ("delivered", "deferred", "over_quota", "unknown", "disabled", "too_large", "loop")
#: name, how processes are put together, help: gauges
GAUGES = (
    ("imap_active_connections", "livesum", "Open connections."),
    ("imap_hub_stall_seconds", "max", "Longest time within the last minute that a worker served nobody."),
    ("imap_quota_drift", "max", "Counters that were not what a recount came to, in the last round."),
)


class Metrics:
    """The numbers of one process since its last flush."""

    __slots__ = ("_auth", "_commands", "_deliveries", "_gauges", "_prometheus", "_seconds", "_total", "_warnings")

    def __init__(self) -> None:
        self._commands: defaultdict[str, int] = defaultdict(int)
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._auth: defaultdict[str, int] = defaultdict(int)
        self._deliveries: defaultdict[str, int] = defaultdict(int)
        self._warnings: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._gauges: dict[str, float] = {"imap_active_connections": 0, "imap_hub_stall_seconds": 0.0}
        self._total = 0
        self._prometheus: dict[str, Any] | None = None

    def command(self, name: str, seconds: float = 0.0) -> None:
        """A command was processed. name is from the registry, or "BAD"."""
        self._commands[name] += 1
        self._seconds[name] += seconds

    def auth_attempt(self, result: str) -> None:
        """result: success or failure."""
        self._auth[result] += 1

    def delivery(self, result: str) -> None:
        """What became of a message for one recipient: one of DELIVERIES."""
        self._deliveries[result] += 1

    def quota_warning(self, root: str, percent: int) -> None:
        """A quota has reached a threshold. root: mailbox, user or domain."""
        self._warnings[root, percent] += 1

    def quota_drift(self, number: int) -> None:
        """So many counters were wrong in a round of recounts."""
        self._gauges["imap_quota_drift"] = number

    def connection_opened(self) -> None:
        self._total += 1
        self._gauges["imap_active_connections"] += 1

    def connection_closed(self) -> None:
        self._gauges["imap_active_connections"] -= 1

    def hub_stall(self, seconds: float) -> None:
        self._gauges["imap_hub_stall_seconds"] = seconds

    def flush(self) -> None:
        """Add what has been counted to this process's file for /metrics; without a directory for it, do nothing."""
        if not os.environ.get(DIRECTORY_VARIABLE):
            return
        if self._prometheus is None:
            self._prometheus = _prometheus_metrics()
        for name, counted in (
            ("imap_commands_processed", self._commands),
            ("imap_command_seconds", self._seconds),
            ("imap_auth_attempts", self._auth),
            ("imap_lmtp_deliveries", self._deliveries),
        ):
            for label, number in counted.items():
                self._prometheus[name].labels(label).inc(number)
            counted.clear()
        warnings, self._warnings = self._warnings, defaultdict(int)  # other threads count while this one writes
        for labels, number in warnings.items():
            self._prometheus["imap_quota_warnings"].labels(*labels).inc(number)
        self._prometheus["imap_total_connections"].inc(self._total)
        self._total = 0
        for name, number in list(self._gauges.items()):
            self._prometheus[name].set(number)


def _prometheus_metrics() -> dict[str, Any]:
    from prometheus_client import CollectorRegistry, Counter, Gauge

    registry = CollectorRegistry()
    made: dict[str, Any] = {}
    for name, labels, help_text in COUNTERS:
        made[name] = Counter(name, help_text, labels, registry=registry)
    for result in ("success", "failure"):
        made["imap_auth_attempts"].labels(result)  # told from the start, so that a rate is known at the first one
    for result in DELIVERIES:
        made["imap_lmtp_deliveries"].labels(result)
    for name, mode, help_text in GAUGES:
        made[name] = Gauge(name, help_text, registry=registry, multiprocess_mode=mode)  # type: ignore[arg-type]
    return made


class AllProcesses:
    """A prometheus_client collector: every process's numbers put together, counters under both of their names."""

    def __init__(self, directory: str):
        self._directory = directory

    def collect(self) -> Iterator[Any]:
        from prometheus_client import CollectorRegistry, Metric
        from prometheus_client.multiprocess import MultiProcessCollector

        found = {
            metric.name: metric for metric in MultiProcessCollector(CollectorRegistry(), self._directory).collect()
        }
        for name, labels, help_text in COUNTERS:
            metric = found.pop(name, None) or Metric(name, help_text, "counter")
            if not metric.samples and not labels:
                metric.add_sample(name + "_total", {}, 0)
            plain = Metric(name, help_text, "unknown")
            for sample in metric.samples:
                if sample.name == name + "_total":
                    plain.add_sample(name, sample.labels, sample.value)
            yield metric
            yield plain
        for name, _, help_text in GAUGES:
            metric = found.pop(name, None) or Metric(name, help_text, "gauge")
            if not metric.samples:
                metric.add_sample(name, {}, 0)
            yield metric
        yield from found.values()


def exposition(directory: str) -> bytes:
    """The text of GET /metrics."""
    from prometheus_client import CollectorRegistry, generate_latest

    for _ in range(_ATTEMPTS):
        registry = CollectorRegistry()
        registry.register(AllProcesses(directory))  # type: ignore[arg-type]
        try:
            return generate_latest(registry)
        except (FileNotFoundError, struct.error):
            # A process has ended and its gauges have gone meanwhile; or one begins, and its file has nothing in it yet.
            time.sleep(_PAUSE_SECONDS)
    raise RuntimeError("processes come and go faster than they can be counted")


def start_directory(directory: str) -> None:
    """An empty directory for the numbers of a server that starts."""
    path = Path(directory)
    path.mkdir(parents=True, exist_ok=True)
    for file in path.glob("*.db"):
        file.unlink(missing_ok=True)


def process_gone(directory: str, pid: int) -> None:
    """What a dead process counted stays in the sums; its gauges do not."""
    for file in Path(directory).glob(f"gauge_*_{pid}.db"):
        file.unlink(missing_ok=True)
