# SPDX-License-Identifier: MIT
"""session, audit and gc against a server that runs, as an operator would use them."""

import json
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.running.client import Closed
from tests.running.server import CHECKOUT, Demo


def imapd(server: Demo, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(CHECKOUT / "imapd.py"), *arguments, "--config", str(server.data / "imapd.yaml")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def told(server: Demo, *arguments: str) -> Any:
    outcome = imapd(server, *arguments, "--json")
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout)


def test_a_session_can_be_seen_and_ended(server: Demo) -> None:
    user = server.new_user()
    client = server.client(user)
    deadline = time.monotonic() + 20  # workers tell of their sessions every few seconds
    while not (seen := told(server, "session", "list", user)) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert [one["address"] for one in seen] == [user]
    assert imapd(server, "session", "kick", seen[0]["id"]).returncode == 0
    with pytest.raises((Closed, OSError)):
        for _ in range(100):
            client.command("NOOP")
            time.sleep(0.1)


def test_no_such_session(server: Demo) -> None:
    outcome = imapd(server, "session", "kick", "nobody")
    assert outcome.returncode == 1
    assert outcome.stderr == "imapd: There is no session nobody; see: imapd session list\n"


def test_a_login_is_in_the_audit_log(server: Demo) -> None:
    user = server.new_user()
    server.client(user).close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        events = told(server, "audit", "list", "Example", "--event", "login")
        if any(event["address"] == user and event["outcome"] == "ok" for event in events):
            return
        time.sleep(0.3)
    raise AssertionError(events)


def test_no_such_organisation(server: Demo) -> None:
    assert imapd(server, "audit", "list", "Nowhere").stderr.startswith("imapd: There is no organisation")


def test_gc_says_what_went(server: Demo) -> None:
    assert told(server, "gc") == [{"contents": 0, "blobs": 0, "octets": 0, "unfinished_uploads": 0}]
