# SPDX-License-Identifier: MIT
"""A story file as values: its header, its messages, its steps. Pure; nothing is sent here."""

import re
from dataclasses import dataclass, field
from pathlib import Path

STATUS = re.compile(r"(\d+) (ok|no|bad)(?: \[((?:[^\]\"]|\"[^\"]*\")*)\])? (.+)", re.S)
BEGIN = re.compile(r"(\d+) begin (.+)")
END = re.compile(r"(\d+) end (ok|no|bad)(?: \[([^\]]*)\])?(?: (.*))?")
OCTETS = re.compile(r'(\d+) octets "(.*)"')
BARE = re.compile(r"(\d+) (sees|bye|ends|starttls|compress|quiet|leaves)")
CONNECTION = re.compile(r"connection (\d+): (.+)")
MESSAGE = re.compile(r"message ([a-z][a-z0-9-]*):")
SHOWS = re.compile(r"shows: RFC \d+( .*)?")


@dataclass
class Expected:
    """A line of an answer. kind: `*` must come, `!` must not, `tagged` for an answer to raw octets."""

    kind: str
    text: str
    line: int


@dataclass
class Step:
    """What one connection does, and what must come of it."""

    line: int
    connection: int
    verb: str  # command, begin, end, octets, sees, bye, ends, starttls, compress, quiet, leaves
    text: str = ""
    status: str = ""
    code: str | None = None
    expected: list[Expected] = field(default_factory=list)
    nothing_else: bool = False


@dataclass
class Story:
    path: Path
    about: str = ""
    server: str = ""
    messages_in_inbox: int = 0
    connections: dict[int, str] = field(default_factory=dict)
    messages: dict[str, bytes] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)


class BadStory(Exception):
    """The file is no story."""


def read_story(path: Path) -> Story:
    """The story of one file."""
    story = Story(path)
    message: list[str] | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if message is not None and line.startswith("|"):
            message.append(line[2:] if line[1:2] == " " else line[1:])
            continue
        if message is not None:
            _keep(story, message)
            message = None
        if found := MESSAGE.fullmatch(line):
            message = [found[1]]
        elif line.startswith("#"):
            story.about += "" if story.steps else line[1:].strip() + " "
        elif line.strip() and not _header(story, line):
            _step(story, line, number)
    if message is not None:
        _keep(story, message)
    return story


def _keep(story: Story, lines: list[str]) -> None:
    story.messages[lines[0]] = "".join(line + "\r\n" for line in lines[1:]).encode()


def _header(story: Story, line: str) -> bool:
    if found := CONNECTION.fullmatch(line):
        story.connections[int(found[1])] = found[2]
        return True
    if SHOWS.fullmatch(line):
        return True  # for who looks for the story of an RFC: shown.py
    word, _, value = line.partition(": ")
    if word == "messages":
        story.messages_in_inbox = int(value)
    elif word == "server":
        story.server = value
    else:
        return False
    return True


def _step(story: Story, line: str, number: int) -> None:
    if line == "nothing else":
        story.steps[-1].nothing_else = True
    elif line[:2] in ("* ", "! "):
        story.steps[-1].expected.append(Expected(line[0], line[2:].removeprefix("* "), number))
    elif line.startswith("+ "):
        story.steps[-1].expected.append(Expected("+", line[2:], number))
    elif found := OCTETS.fullmatch(line):
        story.steps.append(Step(number, int(found[1]), "octets", found[2]))
    elif found := BARE.fullmatch(line):
        story.steps.append(Step(number, int(found[1]), found[2]))
    elif found := BEGIN.fullmatch(line):
        story.steps.append(Step(number, int(found[1]), "begin", found[2]))
    elif found := END.fullmatch(line):
        story.steps.append(Step(number, int(found[1]), "end", found[4] or "", found[2], found[3]))
    elif found := STATUS.fullmatch(line):
        story.steps.append(Step(number, int(found[1]), "command", found[4], found[2], found[3]))
    elif story.steps and story.steps[-1].verb == "octets" and re.fullmatch(r"\S+ (ok|no|bad)( .*)?", line):
        story.steps[-1].expected.append(Expected("tagged", line, number))
    else:
        raise BadStory(f"{story.path.name}:{number}: no step: {line}")
