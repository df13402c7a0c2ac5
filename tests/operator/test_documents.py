# SPDX-License-Identifier: MIT
"""What the documents tell administrators to type is what the command takes."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from imapd.operator.command import cli

CHECKOUT = Path(__file__).resolve().parents[2]
DOCUMENTS = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
TYPED = re.compile(r"^ {4}(?:\$ )?\./imapd\.py (.*)$|`(?:\./imapd\.py|imapd) ([a-z][^`]*)`", re.MULTILINE)


def typed(document: Path) -> Iterator[str]:
    for found in TYPED.finditer(document.read_text(encoding="utf-8")):
        yield (found[1] or found[2]).partition(" #")[0]


def options_of(words: list[str]) -> tuple[str, set[str]]:
    """The command that these words name, and its options. Fails where there is none."""
    at: click.Command = cli
    names = []
    for word in words:
        if not isinstance(at, click.Group):
            break
        assert word in at.commands, f"there is no command {' '.join([*names, word])}"
        at = at.commands[word]
        names.append(word)
    assert not isinstance(at, click.Group), f"{' '.join(names)} needs a command"
    return " ".join(names), {option for param in at.params for option in (*param.opts, *param.secondary_opts)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_commands_and_options_are_there(document: Path) -> None:
    for line in typed(document):
        words = shlex.split(line)
        name, options = options_of(words)
        for word in words:
            if word.startswith("--") and word != "--help":
                assert word.partition("=")[0] in options, f"{name} has no {word}: {line}"


def test_every_document_is_linked_from_the_first() -> None:
    readme = DOCUMENTS[0].read_text(encoding="utf-8")
    assert [each.name for each in DOCUMENTS[1:] if f"(docs/{each.name})" not in readme] == []


def test_every_link_leads_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), (document.name, target)


def leaves(at: click.Command, *names: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(at, click.Group):
        for name, below in at.commands.items():
            yield from leaves(below, *names, name)
    else:
        yield " ".join(names), at


WITHOUT_JSON = {"serve", "demo", "migrate", "check-config", "user password"}


def test_every_command_speaks_json_but_those_that_have_nothing_to_say() -> None:
    assert {name for name, one in leaves(cli) if "--json" not in {o for p in one.params for o in p.opts}} == WITHOUT_JSON
