# SPDX-License-Identifier: MIT
"""A command on very many messages whose worker is killed at some moment has been done, or it has not: never in part."""

import time

import pytest

from tests.faults.conftest import USERS
from tests.running.client import Client, Closed
from tests.running.processes import kill, wait_for
from tests.running.server import Node

pytestmark = pytest.mark.timeout(120)
COUNT = 1024
DELAYS_MILLISECONDS = (3, 30)


def filled(client: Client) -> None:
    """Source holds COUNT messages, Target none."""
    for name in ("Source", "Target"):
        client.command(f"DELETE {name}")
        client.ok(f"CREATE {name}")
    client.append("Source", b"Subject: one of many\r\n\r\nx\r\n")
    client.ok("SELECT Source")
    for _ in range(COUNT.bit_length() - 1):
        client.ok("COPY 1:* Source")
        client.ok("NOOP")


def counts(client: Client) -> tuple[int, int]:
    def messages(name: str) -> int:
        return int(client.ok(f"STATUS {name} (MESSAGES)").untagged[0].rpartition(b" ")[2].rstrip(b")"))

    return messages("Source"), messages("Target")


# Command: what Source and Target may hold after it.
OUTCOMES = {
    "COPY 1:* Target": {(COUNT, 0), (COUNT, COUNT)},
    "MOVE 1:* Target": {(COUNT, 0), (0, COUNT)},
    "EXPUNGE": {(COUNT, 0), (0, 0)},
    "RENAME Source Target/Below": {(COUNT, 0), (0, 0)},
}


@pytest.mark.parametrize("command", OUTCOMES)
def test_killed_in_the_middle(node: Node, command: str) -> None:
    user = USERS[7]
    seen = set()
    for delay in DELAYS_MILLISECONDS:
        with node.client(user) as client:
            filled(client)
            if command == "EXPUNGE":
                client.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
            client.send(b"k " + command.encode() + b"\r\n")
            time.sleep(delay / 1000)
            for worker in node.workers():
                kill(worker)
            acknowledged = answered(client)
        wait_for(lambda: len(node.ready_workers()) == 2, 20, "workers")
        with node.client(user) as client:
            if command.startswith("RENAME"):
                renamed = client.command("STATUS Source (MESSAGES)").status == "NO"
                found = (0, 0) if renamed else (COUNT, 0)
                where = "Target/Below" if renamed else "Source"
                assert client.ok(f"STATUS {where} (MESSAGES)").untagged[0].endswith(b"(MESSAGES %d)" % COUNT)
                client.command("DELETE Target/Below")
            else:
                found = counts(client)
        assert found in OUTCOMES[command]
        assert not acknowledged or found != (COUNT, 0), "it was acknowledged, and has not been done"
        seen.add(found)
    print(command, seen)


def answered(client: Client) -> bool:
    """Whether the tagged OK still came out."""
    try:
        while not (line := client.response(5)).startswith(b"k "):
            pass
    except Closed:
        return False
    return line.startswith(b"k OK")
