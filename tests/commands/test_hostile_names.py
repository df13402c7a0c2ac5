# SPDX-License-Identifier: MIT
"""Names that no mailbox should have, races for one name, and patterns made to be slow; against a running server."""

import threading
import time
from collections.abc import Callable

import pytest

from tests.running.client import Client

pytestmark = pytest.mark.usefixtures("quiet_log")

Connect = Callable[..., Client]


def said(client: Client, command: str) -> str:
    """The status and code of the answer."""
    reply = client.command(command.encode())
    return reply.status + (" " + reply.code.decode() if reply.code else "")


@pytest.fixture
def one(client: Connect, new_user: Callable[[], str]) -> Client:
    return client(new_user())


@pytest.mark.parametrize("verb", ["CREATE", "RENAME Sent"])
@pytest.mark.parametrize(
    "name",
    [
        *('"../../../etc/x"', '"a/../b"', '"."', '"/abs"', '"a//b"', '"~root"', '"a%b"', '"a*b"', '""', '"//"', '"a/./b"'),
        *("&AAAAQQ-", '"\x01"', "x" * 201, "/".join(["x" * 150] * 7), "x" * 10000, "/".join("x" * 33), "&2D0-", "&3gDYPQ-"),
    ],
)  # fmt: skip
def test_n01_n03_names_that_cannot_be(one: Client, verb: str, name: str) -> None:
    before = one.command(b'LIST "" *').untagged
    assert said(one, f"{verb} {name}") in ("NO CANNOT", "BAD")
    assert one.command(b'LIST "" *').untagged == before
    assert said(one, "NOOP") == "OK"


@pytest.mark.parametrize(
    "command",
    [
        "CREATE iNbOx",
        "CREATE INBOX",
        "DELETE INBOX",
        "RENAME Sent inbox",
        "DELETE nowhere",
        "CREATE Shared",
        "CREATE Shared/x",
    ],
)
def test_n09_inbox_and_what_is_not_there(one: Client, command: str) -> None:
    assert said(one, command).startswith("NO ")
    assert said(one, "SELECT INBOX").startswith("OK")


def test_longest_name_that_can_be(one: Client) -> None:
    name = "/".join(["x" * 199] * 5)
    assert said(one, f"CREATE {name}").startswith("OK")
    assert said(one, f"SELECT {name}").startswith("OK")
    top = name.partition("/")[0]
    # Inferior names grow when a name above them does, but not without end.
    for _ in range(8):
        answer = said(one, f"RENAME {top} {'/'.join(['y' * 190] * 2)}/{top}")
        said(one, f"RENAME {'/'.join(['y' * 190] * 2)}/{top} {top}")
        assert answer == "OK"
    assert said(one, f"CREATE {'/'.join(['z' * 199] * 5)}").startswith("OK")
    long = "/".join(["w" * 199] * 5)
    assert said(one, f"RENAME {top} {long}") == "OK"
    assert said(one, f"RENAME {'w' * 199} {'/'.join(['z' * 199] * 4)}/v") == "NO LIMIT"


def test_deepest_name_that_can_be(one: Client) -> None:
    tree = "/".join("x" * 31)
    assert said(one, f"CREATE {tree}/y").startswith("OK")
    assert said(one, f"RENAME x {'/'.join('z' * 32)}") == "OK"
    # Whoever could go on would have a thousand levels, and each is a line of LIST.
    assert said(one, f"RENAME z {'/'.join('w' * 31)}") == "NO LIMIT"


def in_parallel(count: int, client: Connect, user: str, command: Callable[[int], str]) -> list[str]:
    """What `count` connections of one user are told when they send a command at the same time."""
    clients = [client(user) for _ in range(count)]
    answers: list[str] = []
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        barrier.wait()
        answers.append(said(clients[number], command(number)))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(answers) == count
    return sorted(answers)


def test_n11_races_for_one_name(client: Connect, new_user: Callable[[], str]) -> None:
    user = new_user()
    made = in_parallel(30, client, user, lambda _: "CREATE contested")
    assert [answer for answer in made if answer.startswith("OK")] == made[-1:]
    assert made[:-1] == ["NO ALREADYEXISTS"] * 29
    gone = in_parallel(30, client, user, lambda _: "DELETE contested")
    assert gone == ["NO NONEXISTENT"] * 29 + ["OK"]
    mixed = in_parallel(20, client, user, lambda n: ("CREATE", "DELETE")[n % 2] + " contested")
    assert {answer.split(" MAILBOXID")[0] for answer in mixed} <= {"OK", "NO ALREADYEXISTS", "NO NONEXISTENT"}


def test_races_of_renames(client: Connect, new_user: Callable[[], str]) -> None:
    user = new_user()
    first = client(user)
    assert said(first, "CREATE a/b/c").startswith("OK")
    answers = in_parallel(10, client, user, lambda n: f"RENAME a to{n}")
    assert answers.count("OK") == 1
    assert set(answers) <= {"OK", "NO NONEXISTENT", "NO INUSE"}
    names = list(first.command(b'LIST "" to*').untagged)
    assert len(names) == 3


@pytest.mark.parametrize(
    "pattern", ["*a*a*a*a*a*a*a*a*b", "%a%a%a%a%a%a%a%a%b", "%" * 10000, "*%" * 5000, "a" * 60000, "/" * 1000]
)
def test_n13_patterns(one: Client, pattern: str) -> None:
    said(one, "CREATE " + "a" * 61)
    began = time.process_time()
    assert said(one, f'LIST "" "{pattern}"') == "OK"
    assert said(one, f'LSUB "" "{pattern}"') == "OK"
    assert time.process_time() - began < 1


def test_n13_ten_thousand_patterns(one: Client) -> None:
    began = time.process_time()
    reply = one.command(b'LIST "" (' + b" ".join(b"*%d*" % n for n in range(9000)) + b" INBOX)")
    assert reply.status == "OK"
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "name",
    [
        'with "quotes"',
        "back\\slash",
        "with ) and (",
        "{5}",
        "NIL",
        "a]b",
        "&-",
        "Entw&APw-rfe",
        "&U,BTFw-",
        "spaces  two",
    ],
)
def test_r01_names_are_quoted_wherever_they_are_told(one: Client, name: str) -> None:
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert said(one, f"CREATE {quoted}").startswith("OK")
    (line,) = one.command(f'LIST "" {quoted}'.encode()).untagged
    assert line == b'LIST (\\HasNoChildren) "/" ' + quoted.encode()
    (line,) = one.command(f"STATUS {quoted} (MESSAGES)".encode()).untagged
    assert line == b"STATUS " + quoted.encode() + b" (MESSAGES 0)"
    assert said(one, f"SUBSCRIBE {quoted}") == "OK"
    assert b'LSUB () "/" ' + quoted.encode() in one.command(b'LSUB "" *').untagged
