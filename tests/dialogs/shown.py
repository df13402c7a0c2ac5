# SPDX-License-Identifier: MIT
"""Which test shows what of which RFC, read off the lines `shows: RFC …` in stories and in docstrings of tests.

`python -m tests.dialogs.shown` writes docs/extensions.md from them and from the registry.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imapd.protocol import registry
from tests.dialogs.examples import EXAMPLES, NOT_HERE, labels

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "extensions.md"
SHOWS = re.compile(r'^ *(?:""")?shows: RFC (\d+) ([A-Z0-9.]+)(?: (\S.*?))?(?:""")?$', re.M)


@dataclass(frozen=True)
class Shown:
    """A section of an RFC in a test; examples: which of them, none where the section is shown at large."""

    rfc: int
    section: str
    examples: tuple[str, ...]
    test: str  # its file, relative to tests/


def shown() -> Iterator[Shown]:
    """All of them, by file."""
    tests = ROOT / "tests"
    for path in sorted([*tests.rglob("*.imap"), *tests.rglob("*.py")]):
        for rfc, section, text in SHOWS.findall(path.read_text(encoding="utf-8")):
            yield Shown(int(rfc), section, tuple(labels(text)) if text else (), str(path.relative_to(tests)))


def examples_shown() -> dict[tuple[int, str, str], list[str]]:
    """The tests of each example. A section with one example is shown with it."""
    found: dict[tuple[int, str, str], list[str]] = defaultdict(list)
    for one in shown():
        has = EXAMPLES.get(one.rfc, {}).get(one.section)
        for label in one.examples or ([""] if has == "" else []):
            found[one.rfc, one.section, label].append(one.test)
    return found


def document() -> str:
    """docs/extensions.md"""
    return "\n".join([*_head(), *_extensions(), *_between(), *_examples(), ""])


def _head() -> Iterator[str]:
    yield "# Extensions, their tests, and the examples of the RFCs"
    yield ""
    yield "Written by `python -m tests.dialogs.shown` from the registry of commands and capabilities and from the lines"
    yield "`shows: RFC …` in the tests; a test holds it to them. Files lie in `imapd/`, tests in `tests/`."
    yield ""


def _extensions() -> Iterator[str]:
    yield "| RFC | capability | commands | file | tests |"
    yield "|---|---|---|---|---|"
    tests: dict[int, list[str]] = defaultdict(list)
    for one in shown():
        if one.test not in tests[one.rfc]:
            tests[one.rfc].append(one.test)
    rows: dict[tuple[int, str], tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for row in registry.capability_table():
        rows[row.rfc, row.file][0].append(row.name)
    for row in registry.table():
        if not row.name.startswith("UID ") or row.name == "UID EXPUNGE":
            rows[row.rfc, row.file][1].append(row.name)
    for (rfc, file), (capabilities, commands) in sorted(rows.items()):
        names = " ".join(f"`{name}`" for name in capabilities)
        yield f"| {rfc} | {names} | {' '.join(commands)} | `{file.removeprefix('imapd/')}` | {_files(tests[rfc])} |"


def _between() -> Iterator[str]:
    yield ""
    yield "## Examples"
    yield ""
    yield "Where the answers here are others than those of the RFC, the story says why."
    yield ""


def _examples() -> Iterator[str]:
    yield "| RFC | section | example | test |"
    yield "|---|---|---|---|"
    found = examples_shown()
    for rfc, sections in EXAMPLES.items():
        for section, text in sections.items():
            for label in labels(text):
                why = NOT_HERE.get((rfc, section), {}).get(label)
                where = f"– {why}" if why else _files(found.get((rfc, section, label), []))
                yield f"| {rfc} | {section} | {label} | {where} |"


def _files(tests: list[str]) -> str:
    return " ".join(f"`{test}`" for test in tests)


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
