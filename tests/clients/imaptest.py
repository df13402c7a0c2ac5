# SPDX-License-Identifier: MIT
"""`make imaptest`: ImapTest's scripts, and its stress, against a demo: what it says must be without an error.

Each run of stress has twenty clients: all on one mailbox, or each on its own; with checkpoints, at which all sessions must
agree on what the mailbox holds; with every command, with QRESYNC, with IMAP4rev2.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.letters import letters
from tests.running.processes import memory_octets
from tests.running.server import Demo

SECONDS = 60
CLIENTS = 20
SCRIPTS_USER = "user400@example.com"
OTHER_USER = "user399@example.com"

INSTALL = """\
Get ImapTest from https://github.com/dovecot/imaptest (releases, or built as docs/build.md there says), and either put
`imaptest` on PATH or name it:

    make imaptest IMAPTEST=/path/to/imaptest/src/imaptest IMAPTEST_SCRIPTS=/path/to/imaptest/src/tests

Without IMAPTEST_SCRIPTS they are looked for beside the program. Three things ImapTest does wrong as it is, on any server:
a checkpoint ends the program (an assertion in checkpoint.c) where a client is logging in or out; a checkpoint does not wait
for a client that has logged in and selected nothing yet, whose APPEND may then fall between the looks of two others
("Mailbox has only 2 of 4 messages"); and after some COMPRESS it sends nothing more, for it takes the next command off its
plan before it waits. Where yours has that mended, add ARGS=--mended."""

EVERY_COMMAND = (
    "listroot=30", "list=50", "mcreate=20", "mdelete=20", "mrename=20", "msubs=20", "status=50", "uidfetch=30",
    "search=30", "sort=30", "thread=30", "copy=30,5", "move=30,5", "store=50", "noop=20", "delay=5", "copybox=Archive",
)  # fmt: skip
MENDED = ("compress=30",)
"""What ImapTest gets wrong as it is. CHECK is sent at checkpoints alone: else it is sent where nothing is selected, too."""

CHECKPOINT = ("checkpoint=5", "thread=0")
"""Where a mailbox is empty, ImapTest sends no THREAD at a checkpoint, and waits for its answer for ever."""

UNTOLD = "search=0"
"""In IMAP4rev2 a SEARCH is answered by ESEARCH, which ImapTest does not take for an answer."""

FAILURE = re.compile(r"(?:Error|Panic|Fatal|Warning): .*|\*\*\* Test .* failed.*")
STALLED = re.compile(r"stalled for (\d+) secs")
STALLED_SECONDS = 30


@dataclass(frozen=True)
class Stress:
    name: str
    options: tuple[str, ...]
    users: int = 1
    every_command: bool = True


STRESS = (
    Stress("one", (), every_command=False),
    Stress("twenty", (), 20, every_command=False),
    Stress("one-checkpoint", CHECKPOINT, every_command=False),
    Stress("twenty-checkpoint", CHECKPOINT, 20, every_command=False),
    Stress("all", ()),
    Stress("all-twenty", (), 20),
    Stress("all-checkpoint", CHECKPOINT),
    Stress("qresync", ("qresync",)),
    Stress("rev2", ("imap4rev2", UNTOLD)),
    Stress("rev2-checkpoint", ("imap4rev2", UNTOLD, *CHECKPOINT)),
)


def main() -> int:
    options = arguments()
    program = os.environ.get("IMAPTEST") or shutil.which("imaptest")
    if not program or not Path(program).exists():
        print(f"There is no ImapTest here. {INSTALL}")
        return 1
    scripts = Path(os.environ.get("IMAPTEST_SCRIPTS") or Path(program).resolve().parent / "tests")
    wanted = options.only.split(",") if options.only else ["scripts", *(one.name for one in STRESS)]
    with tempfile.TemporaryDirectory(prefix="imapd-imaptest-", dir="/tmp") as name:
        demo = Demo(Path(name), users=400)
        demo.start()
        try:
            failed = scripted(program, demo, scripts) if "scripts" in wanted else 0
            for number, one in enumerate(STRESS):
                if one.name in wanted:
                    failed += stress(program, demo, one, f"user{300 + number}@example.com", options)
        finally:
            demo.stop()
        trouble = demo.trouble_since(0)
    if trouble:
        print(f"The server's log:\n{trouble}")
    return int(bool(failed or trouble))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make imaptest ARGS=…",
        description=__doc__,
        epilog=INSTALL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=int, default=SECONDS, help=f"of each run of stress ({SECONDS})")
    parser.add_argument(
        "--only", default="", help="runs, separated by commas: scripts, " + ", ".join(one.name for one in STRESS)
    )
    parser.add_argument("--mended", action="store_true", help="the program goes on after COMPRESS: try that, too")
    parser.add_argument(
        "--keep", type=Path, help="a directory for what ImapTest says, with all that was sent and received"
    )
    return parser.parse_args()


def scripted(program: str, demo: Demo, scripts: Path) -> int:
    """Prints what was tested and what was not, and why."""
    if not scripts.is_dir():
        print(f"scripts: there are none in {scripts}: set IMAPTEST_SCRIPTS")
        return 1
    said = run([program, *where(demo), f"user={SCRIPTS_USER}", f"user2={OTHER_USER}", f"test={scripts}"], 300)
    for line in said.splitlines():
        if re.match(r"\d+ test groups|base protocol:|extensions:", line):
            print(line)
    if "test groups: " not in said:
        print("scripts: ImapTest did not come to their end. It said:", *said.splitlines()[-5:], sep="\n  ")
    for group, missing in skipped(demo, scripts).items():
        print(f"  skipped: {group}, for {missing}")
    failed = failures(said)
    return len(failed) + (not re.search(r"test groups: 0 failed", said))


def skipped(demo: Demo, scripts: Path) -> dict[str, str]:
    """The groups that ask for a capability which this server does not have."""
    with demo.client(SCRIPTS_USER) as client:
        offered = client.ok("CAPABILITY").untagged[0].decode().upper().split()
    found = {}
    for path in sorted(scripts.iterdir()):
        if path.is_file() and path.suffix != ".mbox":
            asked = re.findall(r"^capabilities: *(.*)$", path.read_text(errors="replace"), re.MULTILINE)
            if missing := [word for line in asked for word in line.upper().split() if word not in offered]:
                found[path.name] = " ".join(missing)
    return found


def stress(program: str, demo: Demo, what: Stress, user: str, options: argparse.Namespace) -> int:
    mbox = demo.directory / "mbox"
    if not mbox.exists():
        mbox.write_bytes(
            b"".join(b"From - Thu Jan  1 00:00:00 2024\n" + m.replace(b"\r\n", b"\n") for m in letters(200))
        )
    commands = [*EVERY_COMMAND, *(MENDED if options.mended else ())] if what.every_command else []
    users = [f"user={user}"] if what.users == 1 else ["user=user%d@example.com", f"users={what.users}"]
    directory = demo.directory / what.name
    if options.keep:
        directory = options.keep / what.name
        commands.append("rawlog")
    directory.mkdir(parents=True, exist_ok=True)
    before = memory(demo)
    said = run(
        [program, *where(demo), *users, *commands, *what.options, f"mbox={mbox}", f"secs={options.seconds}", "seed=1",
         f"clients={CLIENTS}"],
        options.seconds + 90,
        directory,
    )  # fmt: skip
    failed = failures(said)
    print("\n".join(failed[:20]), end="\n" * bool(failed))
    print(
        f"{what.name}: {len(failed) or 'no'} errors in {options.seconds} s, {count(said):,} commands;"
        f" memory of the workers {before >> 20} -> {memory(demo) >> 20} MiB",
        flush=True,
    )
    return len(failed)


def where(demo: Demo) -> list[str]:
    return [f"host={demo.host}", f"port={demo.port}", "pass=password"]


def memory(demo: Demo) -> int:
    return sum(map(memory_octets, demo.ready_workers()))


def run(command: list[str], seconds: float, directory: Path | None = None) -> str:
    """A script whose set-up fails goes on for ever, so there is an end to everything."""
    done = subprocess.run(
        ["timeout", str(int(seconds)), *command], cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace",
    )  # fmt: skip
    if directory:
        (directory / "said").write_text(done.stdout)
    return done.stdout + ("" if done.returncode in (0, 2) else f"\nError: exit code {done.returncode}\n")


def failures(said: str) -> list[str]:
    """Who waits for an answer a minute after the end waits in vain."""
    waiting = [found[0] for found in STALLED.finditer(said) if int(found[1]) >= STALLED_SECONDS]
    return FAILURE.findall(said) + waiting[-1:]


def count(said: str) -> int:
    """All commands of the totals at the end."""
    totals = said.rpartition("Totals:")[2].splitlines()
    numbers = [line for line in totals if line.strip() and re.fullmatch(r"[ \d]+", line)]
    return sum(map(int, numbers[-1].split())) if numbers else 0


if __name__ == "__main__":
    sys.exit(main())
