# SPDX-License-Identifier: MIT
"""The log: one line an event, whatever a client sent, and never a reason to wait."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imapd import log
from imapd.settings import Log

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def as_json() -> Iterator[None]:
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    log.configure(Log(), "test")
    yield
    logging.getLogger().handlers[:], logging.getLogger().level = handlers, level


def lines(capfd: pytest.CaptureFixture[str]) -> list[str]:
    return capfd.readouterr().err.splitlines()


def test_an_event_is_a_line_of_json(capfd: pytest.CaptureFixture[str]) -> None:
    log.info("login", user="user@example.com", count=3, fraction=0.5, nothing=None)
    (line,) = lines(capfd)
    event = json.loads(line)
    assert event.pop("time").endswith("Z")
    assert event.pop("pid") == os.getpid()
    assert event == {
        "level": "info", "event": "login", "process": "test", "user": "user@example.com", "count": 3, "fraction": 0.5,
        "nothing": None,
    }  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(), st.binary()))
def test_no_client_breaks_out_of_its_field(capfd: pytest.CaptureFixture[str], text: str | bytes) -> None:
    for kind in ("json", "text"):
        log.configure(Log(format=kind))
        capfd.readouterr()
        log.info("x", text=text)
        shown = capfd.readouterr().err
        assert shown.endswith("\n")
        assert shown.count("\n") == 1
        assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown[:-1])


def test_long_texts_are_cut_and_so_are_lines(capfd: pytest.CaptureFixture[str]) -> None:
    log.info("x", text="a" * 1_000_000)
    log.info("y", **{f"field{number}": "b" * 256 for number in range(100)})
    first, second = lines(capfd)
    assert len(json.loads(first)["text"]) == 257
    assert len(second) < 4096
    assert json.loads(second)["cut"] is True


def test_secrets_by_name_are_masked(capfd: pytest.CaptureFixture[str]) -> None:
    log.info("x", password="hidden", dsn="hidden", token="hidden", client_secret="hidden")
    assert "hidden" not in lines(capfd)[0]


def test_key_and_value(capfd: pytest.CaptureFixture[str]) -> None:
    log.configure(Log(format="text"))
    log.info("two words", plain="abc", quoted='a "b"', number=3)
    assert lines(capfd)[0].partition(" pid=")[2].partition(" ")[2] == 'plain=abc quoted="a \\"b\\"" number=3'


def test_a_traceback_stays_on_the_line(capfd: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError("a\nb")
    except ValueError:
        log.exception("failed", id="17")
    (line,) = lines(capfd)
    assert "ValueError: a\nb" in json.loads(line)["trace"]


def test_levels(capfd: pytest.CaptureFixture[str]) -> None:
    log.configure(Log(level="warning"))
    log.debug("no")
    log.info("no")
    log.warning("yes")
    log.error("yes")
    assert [json.loads(line)["event"] for line in lines(capfd)] == ["yes", "yes"]


def test_libraries_log_here_too(capfd: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("some.library").warning("odd: %s\nvalue", 17)
    (line,) = lines(capfd)
    assert json.loads(line)["event"] == "some.library"
    assert json.loads(line)["text"] == "odd: 17\\x0avalue"


def test_a_sink_that_takes_nothing_holds_nobody_up() -> None:
    """A pipe that nobody reads, in a process of its own."""
    script = (
        "from imapd import log\nfrom imapd.settings import Log\nlog.configure(Log())\n"
        "for number in range(2000): log.info('x', number=number, text='a' * 200)\n"
        "print('done', flush=True)\ninput()\nlog.info('last')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdin and process.stdout and process.stderr
    began = time.monotonic()
    assert process.stdout.readline() == b"done\n"
    assert time.monotonic() - began < 10
    os.set_blocking(process.stderr.fileno(), False)
    read = process.stderr.read()
    os.set_blocking(process.stderr.fileno(), True)
    process.stdin.write(b"\n")
    process.stdin.close()
    last = json.loads(process.stderr.readline())
    assert read.count(b"\n") + last["dropped"] == 2000
    process.wait(10)
    process.stdout.close()
    process.stderr.close()
