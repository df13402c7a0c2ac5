# SPDX-License-Identifier: MIT
"""The numbers: cheap to count, and told under the names that boards and alerts know."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from imapd import metrics
from imapd.metrics import Metrics

ROOT = Path(__file__).resolve().parent.parent

COUNTING = """
from imapd.metrics import Metrics
made = Metrics()
for _ in range(3):
    made.connection_opened()
made.connection_closed()
made.command("NOOP", 0.5)
made.auth_attempt("success")
made.flush()
made.command("NOOP", 0.5)
made.flush()
made.flush()
"""


def counted(directory: Path, script: str = COUNTING) -> int:
    """The numbers of a process of its own; its id."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), metrics.DIRECTORY_VARIABLE: str(directory)}
    process = subprocess.Popen([sys.executable, "-c", script], env=environment)
    assert process.wait(30) == 0
    return process.pid


def told(directory: Path) -> dict[str, float]:
    lines = metrics.exposition(str(directory)).decode().splitlines()
    return {line.split()[0]: float(line.split()[1]) for line in lines if not line.startswith("#")}


def test_two_processes_are_put_together(tmp_path: Path) -> None:
    metrics.start_directory(str(tmp_path))
    first = counted(tmp_path)
    counted(tmp_path)
    found = told(tmp_path)
    assert found["imap_active_connections"] == 4
    for name in ("imap_total_connections", "imap_total_connections_total"):
        assert found[name] == 6
    for name in ("imap_commands_processed", "imap_commands_processed_total"):
        assert found[name + '{command="NOOP"}'] == 4
    assert found['imap_command_seconds_total{command="NOOP"}'] == 2
    assert found['imap_auth_attempts{result="success"}'] == 2
    metrics.process_gone(str(tmp_path), first)
    found = told(tmp_path)
    assert found["imap_active_connections"] == 2
    assert found["imap_total_connections"] == 6


def test_a_server_that_starts_begins_at_zero(tmp_path: Path) -> None:
    counted(tmp_path)
    metrics.start_directory(str(tmp_path))
    found = told(tmp_path)
    assert found["imap_total_connections"] == 0
    assert found["imap_active_connections"] == 0


def test_each_family_is_told_once(tmp_path: Path) -> None:
    counted(tmp_path)
    lines = metrics.exposition(str(tmp_path)).decode().splitlines()
    kinds = [line for line in lines if line.startswith("# TYPE")]
    assert len(kinds) == len(set(kinds)) == len({line.split()[2] for line in kinds})


def test_counting_costs_next_to_nothing() -> None:
    made = Metrics()
    began = time.process_time()
    for _ in range(100_000):
        made.command("NOOP", 0.0001)
    assert (time.process_time() - began) / 100_000 < 2e-6 * 5  # five times what it may cost: other tests run beside


def test_a_process_that_just_begins_is_no_error(tmp_path: Path) -> None:
    """Its file is there before anything is in it."""
    metrics.start_directory(str(tmp_path))
    counted(tmp_path)
    begun = tmp_path / "counter_1.db"
    begun.touch()
    threading.Timer(0.03, begun.unlink).start()
    assert told(tmp_path)["imap_total_connections"] == 3
