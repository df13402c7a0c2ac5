# SPDX-License-Identifier: MIT
"""`make bench ARGS=--mailbox`: what the commands on messages cost, as a mailbox grows from 1,000 to 100,000 of them.

A row is a command, the statements that it takes, the milliseconds at each size, and how many times as much a message
costs in the largest mailbox as in the smallest: of the session, dispatch and store in one process, on a private
PostgreSQL, without a socket. No two messages are the same.
"""

import argparse
import gc
import hashlib
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

from imapd.mail.content_rows import ContentRows
from imapd.mail.flags import BITS
from imapd.mail.mime.parse import parse
from imapd.storage import contents
from imapd.storage.pool import Database
from tests.benchmarks.letters import FIRST_SECOND, WORDS
from tests.running.counted import Counted
from tests.running.store import Store
from workers.embedded import Embedded

SIZES = (1_000, 10_000, 100_000)
TIMES = 5
AT_ONCE = 1_000
WIDTH = 68
FIRST = "SELECT Growth, the first one"
AGE_SECONDS = 600
FLAGS = ([], ["\\Seen"], ["\\Seen"], ["\\Seen", "\\Answered"], ["\\Seen", "$Work"], ["\\Flagged"])

COMMANDS = {
    "SEARCH by flag, size, date": (
        "SEARCH UNSEEN",
        "SEARCH KEYWORD $Work NOT ANSWERED",
        "SEARCH LARGER 1300",
        "SEARCH SINCE 1-Oct-2020",
        "SEARCH SENTSINCE 1-Oct-2020",
        "SEARCH MODSEQ 1",
        "SEARCH RETURN (MIN MAX COUNT) UNSEEN",
    ),
    "SEARCH by header and text": (
        "SEARCH SUBJECT silver",
        "SEARCH FROM sender7@",
        "SEARCH HEADER Message-ID 00777.",
        "SEARCH HEADER List-Id harbour",
        "SEARCH BODY \"quarry river\"",
        "SEARCH CHARSET UTF-8 BODY {{8+}}\r\nGröße",
        "SEARCH TEXT harbour",
        "SEARCH TEXT nothing-has-this",
        "SEARCH OR (SUBJECT silver FROM sender7@) TEXT \"market harbour\"",
        "SEARCH UNSEEN NOT ANSWERED TEXT harbour",
        "UID SEARCH RETURN (PARTIAL -1:-50) TEXT harbour",
    ),
    "SORT": (
        "SORT (ARRIVAL) UTF-8 ALL",
        "SORT (REVERSE DATE) UTF-8 ALL",
        "SORT (SUBJECT) UTF-8 ALL",
        "SORT (FROM REVERSE DATE) UTF-8 ALL",
        "SORT (DISPLAYFROM SIZE) UTF-8 UNSEEN",
        "UID SORT RETURN (PARTIAL 1:50) (REVERSE DATE) UTF-8 NOT DELETED",
        "SORT (SUBJECT) UTF-8 TEXT harbour",
    ),
    "THREAD": (
        "THREAD REFERENCES UTF-8 ALL",
        "THREAD REFS UTF-8 ALL",
        "THREAD ORDEREDSUBJECT UTF-8 ALL",
        "THREAD REFERENCES UTF-8 SUBJECT silver",
    ),
    "the rest": (
        "NOOP",
        "STATUS {name} (MESSAGES UNSEEN SIZE)",
        "SELECT {name}",
        "FETCH 1:* (UID FLAGS)",
        "FETCH 1:* (UID ENVELOPE)",
        "UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1)",
        "STORE 1:* +FLAGS.SILENT ($Counted)",
        "STORE 1:* -FLAGS.SILENT ($Counted)",
        "STORE * +FLAGS ($One)",
        "COPY 1:50 Growth",
        "APPEND {name} {{22+}}\r\nSubject: one\r\n\r\ntext\r\n",
    ),
}  # fmt: skip

Found = dict[str, tuple[int, float]]
"""By command: statements and milliseconds."""


REPORT = """\
# What a mailbox of 100,000 messages costs

Made by `make bench ARGS='--mailbox --out mailbox.md'`, on {cores} cores of {machine}, with PostgreSQL on the same.

- **statements** is the number of statements that the command sends to PostgreSQL. {most}
- The times are medians of {times}, in milliseconds, of the session and the store, without a socket. The worker knows the
  flags, sizes and dates of the mailbox, as it does once it is selected, and has none of the contents at hand.
- **per message** is how many times as much one message costs in the largest mailbox as in the smallest. 1 means that the
  time grows as the mailbox does, 0 that it does not grow.

```text
{table}
```
"""
SAME = "It is the same for each size, but for FETCH, which reads 1,000 contents at a time."


def main(sizes: tuple[int, ...] = SIZES, times: int = TIMES, out: str | None = None) -> int:
    """Exit code 1 where a command takes more statements in a larger mailbox."""
    with tempfile.TemporaryDirectory(prefix="imapd-bench-", dir="/tmp") as name, Embedded(Path(name)) as services:
        store = Store(services.dsn, Path(name) / "blobs")
        store.database.close()
        store.database = Database(store.dsn, 2, by_key=True)  # as a worker opens it
        fill(store, sizes)
        found = [measured(store, size, times) for size in sizes]
        store.close()
    table = "\n".join(lines(sizes, found))
    print(table)
    grown = [each for each in found[0] if not each.startswith("FETCH") and found[0][each][0] != found[-1][each][0]]
    if out:
        most = f"More in a larger mailbox: {', '.join(grown)}." if grown else SAME
        cores, machine = os.cpu_count(), platform.machine()
        Path(out).write_text(REPORT.format(cores=cores, machine=machine, times=times, table=table, most=most))
    return int(bool(grown))


# Mailboxes


def fill(store: Store, sizes: tuple[int, ...]) -> None:
    """The largest one is filled, in an order by time; the others are copies of where it begins."""
    largest = max(sizes)
    client = Counted(store)
    for size in sizes:
        client.cost(f"CREATE {mailbox(size)}")
    client.cost("CREATE Growth")
    began = time.perf_counter()
    for start in range(0, largest, AT_ONCE):
        put(store, mailbox(largest), range(start, min(start + AT_ONCE, largest)))
    client.cost(f"SELECT {mailbox(largest)}")
    for size in set(sizes) - {largest}:
        client.cost(f"COPY 1:{size} {mailbox(size)}")
    store.database.execute("VACUUM ANALYZE")
    print(f"mailbox: {largest:,} messages in {time.perf_counter() - began:.0f} s", file=sys.stderr)


def mailbox(size: int) -> str:
    return f"Growth{size}"


def put(store: Store, name: str, numbers: range) -> None:
    """As APPEND does it, but for the octets, for nothing here reads them."""
    row = store.database.row("SELECT organization_id, folder_id FROM folders WHERE name = %s", (name,))
    assert row
    organization_id, folder_id = row
    parsed = [parse(octets, sha256=hashlib.sha256(octets).digest()) for octets in map(letter, numbers)]
    dates = [(FIRST_SECOND + AGE_SECONDS * number, 60) for number in numbers]
    filing = contents.Filing(folder_id, dates, [flags(number) for number in numbers])
    contents.append(store.database, organization_id, parsed, filing)


def flags(number: int) -> tuple[int, list[str]]:
    words = FLAGS[number * 7 % len(FLAGS)]
    return sum(BITS[word] for word in words if word in BITS), [word for word in words if word not in BITS]


def letter(number: int) -> bytes:
    """About 1.5 KB. Half of them answer one of the hundred before, so threads are as long as people's are."""
    chance = random.Random(number)
    above = thread(number)
    header = [
        f"From: {chance.choice(WORDS).title()} {chance.choice(WORDS).title()} <sender{number % 400}@example.net>",
        f"To: Reader <reader{number % 5}@example.com>, team@example.com",
        f"Subject: {'Re: ' if above else ''}{' '.join(random.Random(f'subject {[number, *above][-1]}').choices(WORDS, k=4))}",
        f"Date: {formatdate(FIRST_SECOND + AGE_SECONDS * number - chance.randint(0, 7200))}",
        f"Message-ID: {message_id(number)}",
        "Content-Type: text/plain; charset=utf-8",
    ]
    if above:
        header += [f"In-Reply-To: {message_id(above[0])}", f"References: {' '.join(map(message_id, above[::-1]))}"]
    if number % 10 == 0:
        header.append(f"List-Id: <{chance.choice(WORDS)}.example.net>")
    body = [" ".join(chance.choices(WORDS, k=9)) + "." for _ in range(17)]
    if number % 50 == 0:
        body.append("Größe")
    return "\r\n".join([*header, "", *body, ""]).encode()


def message_id(number: int) -> str:
    return f"<{number:05}.letter@example.net>"


def thread(number: int) -> list[int]:
    """What a message answers, and what that answers, and so on."""
    found = []
    while (chance := random.Random(f"thread {number}")).random() < 0.5 and number > 0:
        number -= chance.randint(1, min(number, 100))
        found.append(number)
    return found


# Figures


def measured(store: Store, size: int, times: int) -> Found:
    """Statements and median milliseconds of each command. The worker has the index of the mailbox, and keeps no contents:
    those of the smaller mailboxes would fit."""
    print(f"mailbox: measuring {size:,} messages", file=sys.stderr)
    name = mailbox(size)
    Counted(store).cost(f"SELECT {name}")  # takes what is recent
    first = Counted(store)
    first.node.indexes.content_rows = ContentRows(0)
    found = {FIRST: timed(first, f"SELECT {name}")}
    for commands in COMMANDS.values():
        for command in commands:
            said = command.format(name=name)
            timed(first, said)
            taken = [timed(first, said) for _ in range(times)]
            found[command] = max(count for count, _ in taken), statistics.median(duration for _, duration in taken)
    return found


def timed(client: Counted, command: str) -> tuple[int, float]:
    gc.collect()
    began = time.perf_counter()
    statements = client.cost(command)
    return statements, (time.perf_counter() - began) * 1000


def lines(sizes: tuple[int, ...], found: list[Found]) -> Iterator[str]:
    """A table for each kind of command."""
    titles = {command: title for title, commands in COMMANDS.items() for command in commands}
    last = ""
    for command in found[0]:
        if (title := titles.get(command, "a mailbox that the worker does not know")) != last:
            yield from [""] * bool(last)
            yield f"{title:{WIDTH}}statements" + "".join(f"{f'{size:,}':>10}" for size in sizes) + " per message"
            last = title
        counts = [each[command][0] for each in found]
        durations = [each[command][1] for each in found]
        said = str(counts[0]) if len(set(counts)) == 1 else ", ".join(map(str, counts))
        growth = durations[-1] / sizes[-1] / (durations[0] / sizes[0])
        times = "".join(f"{each:10.1f}" for each in durations)
        yield f"{written(command):{WIDTH}}{said:>10}{times}{growth:12.2f}"


def written(command: str) -> str:
    return " ".join(command.format(name="Growth").split())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.mailbox_size", description=__doc__)
    parser.add_argument(
        "--sizes", default=",".join(map(str, SIZES)), help="of the mailboxes, separated by commas, ascending"
    )
    parser.add_argument("--out", help="a file for the report")
    parser.add_argument("--times", type=int, default=TIMES, help="how often each command runs; the median counts")
    return parser.parse_args()


if __name__ == "__main__":
    options = arguments()
    sys.exit(main(tuple(map(int, options.sizes.split(","))), options.times, options.out))
