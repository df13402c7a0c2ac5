# SPDX-License-Identifier: MIT
"""Running a mail program to its end, in a home of its own, with or without a terminal."""

import os
import pty
import select
import subprocess
import time
from pathlib import Path

SECONDS = 60.0
QUIET_SECONDS = 1.0


def run(directory: Path, *command: str, text: str | None = None) -> str:
    """What the program printed; it must have ended well, and soon."""
    done = subprocess.run(
        command, cwd=directory, env=environment(directory), input=text, capture_output=True, text=True, timeout=SECONDS,
        errors="replace",
    )  # fmt: skip
    assert done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def run_in_terminal(directory: Path, keys: str, *command: str) -> str:
    """The same for a program that wants a screen: once it has drawn it, the keys are typed. What it drew comes back."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(directory)
        os.execvpe(command[0], command, environment(directory))
    drawn, deadline = b"", time.monotonic() + SECONDS
    try:
        while time.monotonic() < deadline:
            if select.select([terminal], [], [], QUIET_SECONDS)[0]:
                drawn += os.read(terminal, 65536)
            elif drawn and keys:
                os.write(terminal, keys.encode())
                keys = ""
    except OSError:
        pass  # its end of the terminal is closed: it has ended
    finally:
        os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert status == 0, f"{command}: {status}\n{drawn[-2000:].decode(errors='replace')}"
    return drawn.decode(errors="replace")


def environment(directory: Path) -> dict[str, str]:
    return {"HOME": str(directory), "PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8", "LINES": "40"}
