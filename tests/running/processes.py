# SPDX-License-Identifier: MIT
"""What /proc says about a tree of processes: who is in it, and what memory it holds."""

import os
import random
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path


def descendants(root: int) -> list[int]:
    """All processes below root, parents before children."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            parent = _parent(entry)
            if parent is not None:
                children.setdefault(parent, []).append(int(entry.name))
    found, open_ends = [], [root]
    while open_ends:
        below = sorted(children.get(open_ends.pop(0), []))
        found += below
        open_ends += below
    return found


def title(pid: int) -> str:
    """The command line as `ps` shows it; empty for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def alive(pid: int) -> bool:
    """Whether the process runs: a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def memory_octets(pid: int) -> int:
    """Proportional set size; where the kernel does not tell it, the resident one."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def private_octets(pid: int) -> int:
    """Memory that is the process's own: what it has mapped of files does not count."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


def descriptors(pid: int) -> int:
    """Open file descriptors."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def files(pid: int) -> list[str]:
    """What its descriptors are open on, and how many on each kind of it."""
    found: Counter[str] = Counter()
    for entry in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[os.readlink(f"/proc/{pid}/fd/{entry}").partition(":")[0]] += 1
        except OSError:
            continue
    return [f"{count} {name}" for name, count in sorted(found.items())]


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """A signal to a process that may be gone already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Returns as soon as the condition holds; fails with `what` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds:g} s still not: {what}"
        time.sleep(0.02)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on, each handed out once in a run, which may be that of several processes.

    Below those that the kernel picks: an outgoing connection of somebody else may take such a one at any moment.
    """
    return [next(port for port in _ports if _is_free(port)) for _ in range(count)]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _below_ephemeral() -> Iterator[int]:
    lowest, end = 10_000, int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    ours = range(lowest + number, end, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    first = random.randrange(len(ours))  # two runs on one machine begin at different ones
    yield from ours[first:]
    yield from ours[:first]


_ports = _below_ephemeral()


def _parent(entry: Path) -> int | None:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return None
