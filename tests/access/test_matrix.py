# SPDX-License-Identifier: MIT
"""Each command of the matrix with each single right, with what it needs and no more, and with all but that."""

import pytest

from imapd.mail.rights import ALL, KNOWING
from tests.access.conftest import Two
from tests.access.matrix import INTO, NAMED, SELECTED, Row

SINGLE = [*ALL, ALL]
EVERY = [*NAMED, *SELECTED, *INTO]


@pytest.fixture(autouse=True)
def quiet(quiet_log: object) -> None:
    """Nothing of it is an error to the server."""


def judge(two: Two, row: Row, rights: str) -> None:
    """A refusal changes nothing, and says to who cannot list the mailbox that there is none."""
    reply = two.say(row.command)
    if set(row.needs) <= set(rights):
        assert reply.status == "OK", f"{row.command} with {rights}: {reply}"
        assert not row.changes or two.changed(), f"{row.command} with {rights}"
    else:
        why = "NOPERM" if "l" in rights or row in SELECTED else "NONEXISTENT"
        assert (reply.status, reply.code.decode()) == ("NO", why), f"{row.command} with {rights}: {reply}"
        assert not two.changed(), f"{row.command} with {rights} has changed something"


def play(two: Two, row: Row, rights: str) -> None:
    """In the state that it needs."""
    if row in SELECTED:
        rights = "".join(sorted({*rights, "r"}))
        two.make(rights)
        two.reader.ok(f'SELECT "{two.name}"')
        judge(two, row._replace(changes="e" in rights) if row.command == "CLOSE" else row, rights)
        two.reader.command("UNSELECT")
    elif row in INTO:
        two.make(rights)
        two.reader.append("Drafts", b"Subject: mine\r\n\r\n\r\n")
        two.reader.ok("SELECT Drafts")
        judge(two, row, rights)
        left = two.reader.ok("UID SEARCH ALL").untagged != [b"SEARCH"]
        assert left == ("i" not in rights or "COPY" in row.command), "what is refused stays, and what is moved goes"
        two.reader.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)") if left else None
        two.reader.ok("CLOSE")
    else:
        two.make(rights, row.above)
        judge(two, row, rights)
        if row.command.startswith(("SELECT", "EXAMINE")) and "r" in rights:
            two.reader.ok("UNSELECT")


@pytest.mark.parametrize("rights", SINGLE)
def test_each_right_alone_and_all_together(two: Two, rights: str) -> None:
    for row in EVERY:
        play(two, row, rights)


def test_what_it_needs_is_enough(two: Two) -> None:
    for row in EVERY:
        play(two, row, row.needs)


@pytest.mark.parametrize("right", ALL)
def test_all_rights_but_one_that_it_needs(two: Two, right: str) -> None:
    for row in EVERY:
        if right in row.needs:
            play(two, row, ALL.replace(right, ""))


def test_renaming_needs_a_right_above(two: Two) -> None:
    two.make(ALL)
    assert two.say('RENAME "{name}" "{other}"').code == b"NOPERM"


@pytest.mark.parametrize("right", ALL)
def test_who_may_know_of_it(two: Two, right: str) -> None:
    """LIST shows it to who may look it up; MYRIGHTS answers whom RFC 4314 says."""
    two.make(right)
    assert bool(two.say('LIST "" "{name}" RETURN (MYRIGHTS)').untagged) == (right == "l")
    assert (two.say('MYRIGHTS "{name}"').status == "OK") == (right in KNOWING)


@pytest.mark.parametrize("right", ALL)
def test_annotations_are_for_who_works_with_it(two: Two, right: str) -> None:
    """RFC 5464 section 3.3."""
    two.make("l" + right)
    assert (two.say('GETMETADATA "{name}" /shared/comment').status == "OK") == (right in "rswip")
    assert (two.say('SETMETADATA "{name}" (/private/comment "x")').status == "OK") == (right in "rswip")
