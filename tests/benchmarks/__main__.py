# SPDX-License-Identifier: MIT
"""`make bench`: measures this server and Debian's Dovecot, one after the other, and prints both and their ratio.

With --growth: what the commands on names cost a user with up to 100 domains, 1,000 folders, 200 mailboxes of others.
With --mailbox: what SEARCH, SORT, THREAD and others cost in a mailbox of up to 100,000 messages.
With --quota: 50 writers in one domain with a quota, beside 50 in a domain each.
"""

import argparse
import json
import math
import resource
import sys
import tempfile
from pathlib import Path

from tests.benchmarks import growth, mailbox_size, quota
from tests.benchmarks.measures import ALL, IDLE_SESSIONS, MESSAGES, Figure, Run
from tests.benchmarks.target import Dovecot, Ours, Target


def main() -> int:
    options = arguments()
    if options.growth:
        return growth.main()
    if options.mailbox:
        return mailbox_size.main(out=options.out)
    if options.quota:
        return quota.main([])
    # A session of ours is one file here, and two thousand of them are opened.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="imapd-bench-", dir="/tmp") as name:
        ours = measure(Ours(Path(name) / "ours"), options)
        missing = Dovecot.missing()
        if options.alone or missing:
            print(missing)
            theirs = []
        else:
            theirs = measure(Dovecot(Path(name) / "dovecot"), options)
    show(ours, theirs)
    if options.out:
        Path(options.out).write_text(
            json.dumps({"imapd": [vars(f) for f in ours], "Dovecot": [vars(f) for f in theirs]})
        )
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("--messages", type=int, default=MESSAGES, help="letters in the mailbox")
    parser.add_argument("--idle", type=int, default=IDLE_SESSIONS, help="idle sessions for the memory figure")
    parser.add_argument(
        "--only", default="", help="measures, separated by commas: " + ", ".join(m.__name__ for m in ALL)
    )
    parser.add_argument("--alone", action="store_true", help="without Dovecot")
    parser.add_argument(
        "--growth", action="store_true", help="LOGIN, NAMESPACE, LIST … of users with ever more names; nothing else"
    )
    parser.add_argument(
        "--mailbox", action="store_true", help="SEARCH, SORT, THREAD … as a mailbox grows; nothing else"
    )
    parser.add_argument("--quota", action="store_true", help="writers that share the quota of a domain; nothing else")
    parser.add_argument("--out", help="a file for the figures as JSON; with --mailbox, for the report")
    return parser.parse_args()


def measure(target: Target, options: argparse.Namespace) -> list[Figure]:
    run = Run(target, options.messages, options.idle)
    wanted = {"append", *options.only.split(",")} if options.only else {m.__name__ for m in ALL}
    print(f"{target.name}: starting", file=sys.stderr)
    target.start()
    try:
        for one in ALL:
            if one.__name__ in wanted:
                print(f"{target.name}: {one.__name__}", file=sys.stderr)
                one(run)
    finally:
        target.stop()
    return run.figures


def show(ours: list[Figure], theirs: list[Figure]) -> None:
    """The table. A ratio above 1 means that this server is the better one."""
    there = {figure.name: figure for figure in theirs}
    ratios = []
    print(f"{'':46} {'imapd':>12} {'Dovecot':>12} {'ratio':>8}")
    for figure in ours:
        other = there.get(figure.name)
        line = f"{figure.name:46} {number(figure):>12}"
        if other and figure.value > 0 and other.value > 0:
            ratio = other.value / figure.value if figure.less_is_better else figure.value / other.value
            ratios.append(ratio)
            line += f" {number(other):>12} {ratio:8.2f}"
        print(line)
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        print(f"geometric mean {mean:.2f}, worst row {min(ratios):.2f}; differences below 30 % are noise")


def number(figure: Figure) -> str:
    digits = 0 if figure.value >= 100 else 1 if figure.value >= 10 else 2
    return f"{figure.value:,.{digits}f} {figure.unit}"


if __name__ == "__main__":
    raise SystemExit(main())
