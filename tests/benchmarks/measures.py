# SPDX-License-Identifier: MIT
"""What is measured, each with the same few lines of IMAP for any server. A higher figure is always the better one."""

import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.benchmarks.letters import letters
from tests.benchmarks.target import Target
from tests.running.client import Client, Literal

MESSAGES = 2000
IDLE_SESSIONS = 2000


@dataclass
class Figure:
    """One row of the table."""

    name: str
    value: float
    unit: str
    less_is_better: bool = False


@dataclass
class Run:
    """What the measures of one server share: a mailbox `bench` of MESSAGES letters, filled by the first."""

    target: Target
    messages: int = MESSAGES
    idle_sessions: int = IDLE_SESSIONS
    figures: list[Figure] = field(default_factory=list)

    def note(self, name: str, value: float, unit: str, less_is_better: bool = False) -> None:
        self.figures.append(Figure(name, value, unit, less_is_better))


def rate(count: int, work: Callable[[], object]) -> float:
    """How many of `count` things a second, if work does all of them."""
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def milliseconds(work: Callable[[], object], times: int = 5) -> float:
    """Median duration."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def at_once(count: int, work: Callable[[int], object]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def login(run: Run) -> None:
    def one_after_the_other(number: int = 0) -> None:
        for _ in range(50):
            with run.target.session(number + 1) as client:
                client.ok("LOGOUT")

    run.note("login and logout, one client", rate(50, one_after_the_other), "/s")
    run.note("login and logout, eight clients", rate(400, lambda: at_once(8, one_after_the_other)), "/s")


def append(run: Run) -> None:
    mail = letters(run.messages)
    with run.target.session(1) as client:
        for name in ("bench", "target"):
            client.command(f"DELETE {name}")
            client.ok(f"CREATE {name}")

        def all_of_them() -> None:
            for letter in mail[:500]:
                client.ok("APPEND bench ", Literal(letter, run.target.has_literal_plus))

        run.note("APPEND, one client", rate(500, all_of_them), "/s")

    def share(number: int) -> None:
        with run.target.session(1) as client:
            for letter in mail[500 + number :: 8]:
                client.ok("APPEND bench ", Literal(letter, run.target.has_literal_plus))

    run.note("APPEND, eight clients", rate(len(mail) - 500, lambda: at_once(8, share)), "/s")


def select(run: Run) -> None:
    with run.target.session(1) as client:
        run.note("SELECT", milliseconds(lambda: client.ok("SELECT bench"), 30), "ms", True)
        run.note("STATUS of another mailbox", milliseconds(lambda: client.ok("STATUS target (MESSAGES UNSEEN)"), 30), "ms", True)
        run.note("LIST", milliseconds(lambda: client.ok('LIST "" "*"'), 30), "ms", True)


def fetch(run: Run) -> None:
    with run.target.session(1) as client:
        client.ok("SELECT bench")
        for name, command in (
            ("FETCH 1:* (UID FLAGS)", "FETCH 1:* (UID FLAGS)"),
            ("FETCH 1:* of what a list shows", "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"),
            ("FETCH 1:* of header fields", "FETCH 1:* BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE)]"),
            ("FETCH 1:500 BODY.PEEK[]", "FETCH 1:500 BODY.PEEK[]"),
        ):
            run.note(name, milliseconds(lambda command=command: client.ok(command)), "ms", True)  # type: ignore[misc]

        def one_by_one() -> None:
            for number in range(1, 301):
                client.ok(f"FETCH {number} (FLAGS BODY.PEEK[])")

        run.note("FETCH of single messages", rate(300, one_by_one), "/s")


def store(run: Run) -> None:
    with run.target.session(1) as client:
        client.ok("SELECT bench")
        signs = iter("+-" * 10)
        run.note("STORE 1:* silent", milliseconds(lambda: client.ok(f"STORE 1:* {next(signs)}FLAGS.SILENT (\\Seen)")), "ms", True)
        run.note("STORE 1:* with answers", milliseconds(lambda: client.ok(f"STORE 1:* {next(signs)}FLAGS (\\Seen)")), "ms", True)

        def one_by_one() -> None:
            for number in range(1, 301):
                client.ok(f"STORE {number} +FLAGS (\\Flagged)")

        run.note("STORE of single messages", rate(300, one_by_one), "/s")


def search(run: Run) -> None:
    with run.target.session(1) as client:
        client.ok("SELECT bench")
        for key in ("UNSEEN", "SUBJECT silver", "FROM sender7", "BODY quarry", "TEXT harbour", "SINCE 1-Oct-2020"):
            run.note(f"SEARCH {key}", milliseconds(lambda key=key: client.ok(f"SEARCH {key}")), "ms", True)  # type: ignore[misc]


def copy_move_expunge(run: Run) -> None:
    with run.target.session(1) as client:
        client.ok("SELECT bench")
        run.note("COPY 1:*", milliseconds(lambda: client.ok("COPY 1:* target"), 1), "ms", True)
        client.ok("SELECT target")
        run.note("MOVE 1:500", milliseconds(lambda: client.ok("MOVE 1:500 bench"), 1), "ms", True)
        client.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
        run.note("EXPUNGE", milliseconds(lambda: client.ok("EXPUNGE"), 1), "ms", True)


def noop(run: Run) -> None:
    with run.target.session(1) as client:
        client.ok("SELECT bench")

        def one_by_one() -> None:
            for _ in range(1000):
                client.ok("NOOP")

        run.note("NOOP, one after the other", rate(1000, one_by_one), "/s")

        def pipelined() -> None:
            client.send(b"".join(b"p%d NOOP\r\n" % number for number in range(2000)))
            while not client.response().startswith(b"p1999 "):
                pass

        run.note("NOOP, pipelined", rate(2000, pipelined), "/s")


def idle(run: Run) -> None:
    with run.target.session(1) as waiting, run.target.session(1) as sending:
        waiting.ok("SELECT target")
        waiting.send(b"i IDLE\r\n")
        waiting.response()
        taken = []
        for _ in range(30):
            time.sleep(0.05)
            began = time.perf_counter()
            sending.ok("APPEND target ", Literal(b"Subject: wake up\r\n\r\n", run.target.has_literal_plus))
            while b"EXISTS" not in waiting.response():
                pass
            taken.append((time.perf_counter() - began) * 1000)
            while waiting.pending(0):
                waiting.response()
    run.note("IDLE wake-up, median", statistics.median(taken), "ms", True)
    run.note("IDLE wake-up, worst of 30", max(taken), "ms", True)


def idle_memory(run: Run) -> None:
    """What one more session in IDLE on a selected mailbox costs the server."""
    before = run.target.memory_octets()
    waiting: list[Client] = []
    try:
        for number in range(run.idle_sessions):
            client = run.target.session(1 + number % 50)
            waiting.append(client)
            client.ok("SELECT INBOX")
            client.send(b"i IDLE\r\n")
            client.response()
        time.sleep(2)
        each = (run.target.memory_octets() - before) / run.idle_sessions
        run.note(f"memory of one of {run.idle_sessions:,} idle sessions", each / 1024, "KiB", True)
    finally:
        for client in waiting:
            client.close()


ALL = (login, append, select, fetch, store, search, copy_move_expunge, noop, idle, idle_memory)
