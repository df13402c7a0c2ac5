# SPDX-License-Identifier: MIT
"""`make imaptest`: ImapTest's scripts and stress against a demo. The program and its scripts are the machine's own.

ImapTest is found by the environment variable IMAPTEST, else on PATH; its scripts by IMAPTEST_SCRIPTS.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.letters import letters
from tests.running.server import Demo

SECONDS = 60
CLIENTS = 20
# The options of each stress run: everybody on one mailbox, everybody on their own, and both with checkpoints, at which
# all sessions must agree on what the mailbox holds.
STRESS = {
    "one user": ["user=user201@example.com"],
    "twenty users": ["user=user%d@example.com", "users=20"],
    "one user, checkpoints": ["user=user202@example.com", "checkpoint=5"],
    "twenty users, checkpoints": ["user=user%d@example.com", "users=20", "checkpoint=5"],
    "one user, COPY and MOVE": ["user=user203@example.com", "copybox=Archive"],
}


def main() -> int:
    program = os.environ.get("IMAPTEST") or shutil.which("imaptest")
    if not program:
        print("there is no ImapTest here: set IMAPTEST to the program, and IMAPTEST_SCRIPTS to its directory src/tests")
        return 1
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    failed = 0
    with tempfile.TemporaryDirectory(prefix="imapd-imaptest-") as name:
        demo = Demo(Path(name), users=210)
        demo.start()
        try:
            if scripts := os.environ.get("IMAPTEST_SCRIPTS"):
                failed += scripted(program, demo, scripts)
            failed += sum(stress(program, demo, what, options, seconds, Path(name)) for what, options in STRESS.items())
        finally:
            demo.stop()
        trouble = demo.trouble_since(0)
    if trouble:
        print(trouble)
    return int(bool(failed or trouble))


def scripted(program: str, demo: Demo, scripts: str) -> int:
    said = run([program, *where(demo), "user=user200@example.com", f"test={scripts}"], 300)
    print("\n".join(line for line in said.splitlines() if re.match(r"\d+ test groups|base protocol:|extensions:", line)))
    return 0 if re.search(r"test groups: 0 failed", said) else failures(said)


def stress(program: str, demo: Demo, what: str, options: list[str], seconds: int, directory: Path) -> int:
    mbox = directory / "mbox"
    if not mbox.exists():
        mbox.write_bytes(b"".join(b"From - Thu Jan  1 00:00:00 2024\n" + m.replace(b"\r\n", b"\n") for m in letters(200)))
    said = run([program, *where(demo), *options, f"mbox={mbox}", f"secs={seconds}", "seed=1", f"clients={CLIENTS}"], seconds + 60)
    failed = failures(said)
    print(f"{what}: {failed or 'no'} errors in {seconds} s")
    return failed


def where(demo: Demo) -> list[str]:
    return [f"host={demo.host}", f"port={demo.port}", "pass=password"]


def run(command: list[str], seconds: float) -> str:
    """A script whose set-up fails goes on for ever, so there is an end to everything."""
    done = subprocess.run(
        ["timeout", str(int(seconds)), *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    return done.stdout + ("" if done.returncode in (0, 2) else f"\nError: exit code {done.returncode}\n")


def failures(said: str) -> int:
    found = [line for line in said.splitlines() if line.startswith(("Error:", "Panic:", "*** Test", " - failed"))]
    print("\n".join(found[:20]))
    return len(found)


if __name__ == "__main__":
    raise SystemExit(main())
