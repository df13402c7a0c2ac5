# SPDX-License-Identifier: MIT
"""Somebody in two domains, and what their mailboxes show: for the tests of what is merged."""

import re
from typing import Any, NamedTuple

from imapd.storage.addresses import Address
from tests.running.speaker import Speaker
from tests.running.store import Store


class Person(NamedTuple):
    """Somebody in two domains, in unified mode; nobody has used these mailboxes yet."""

    home: Address
    work: Address

    def on(self, store: Store, node: Any = None) -> Speaker:
        return Speaker(store, str(self.home), node)


def names(speaker: Speaker, pattern: str = "*") -> list[str]:
    return [line.split('"')[3] for line in speaker.ok(f'LIST "" "{pattern}"')]


def look(speaker: Speaker, name: str) -> dict[int, str]:
    """UID and subject of every message; STATUS must count as many."""
    speaker.ok(f'EXAMINE "{name}"')
    lines = speaker.ok("UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    text = "\r\n".join(lines)
    found = {int(uid): subject for uid, subject in re.findall(r"UID (\d+) .*?Subject: ([^\r]*)", text, re.S)}
    speaker.ok("UNSELECT")
    assert f"(MESSAGES {len(found)})" in speaker.ok(f'STATUS "{name}" (MESSAGES)')[-1]
    return found


def number(speaker: Speaker, name: str, item: str) -> str:
    return re.search(rf"{item} \(?([^ )]+)", speaker.ok(f'STATUS "{name}" ({item})')[-1])[1]  # type: ignore[index]


def fill(speaker: Speaker, *names: str) -> None:
    for name in names:
        if speaker.say(f'STATUS "{name}" (MESSAGES)')[1].startswith("NO"):
            speaker.ok(f'CREATE "{name}"')
        speaker.append(name, f"in {name}")


def resynchronized(speaker: Speaker, name: str, known: set[int], validity: str, modseq: str) -> set[int]:
    """The UIDs that a client knows after it has come back with what it knew."""
    speaker.ok("ENABLE QRESYNC")
    said = "\r\n".join(speaker.ok(f"SELECT {name} (QRESYNC ({validity} {modseq}))"))
    gone: set[int] = set()
    for low, high in re.findall(r"(\d+)(?::(\d+))?", "".join(re.findall(r"VANISHED \(EARLIER\) (\S+)", said))):
        gone |= {*range(int(low), int(high or low) + 1)}
    return (known - gone) | {int(uid) for uid in re.findall(r"FETCH \(UID (\d+)", said)}
