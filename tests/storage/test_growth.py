# SPDX-License-Identifier: MIT
"""No command on names asks once a domain, once a folder or once a shared mailbox. tests/benchmarks/growth.py has the times."""

import pytest

from tests.benchmarks.growth import COMMANDS
from tests.running.counted import PASSWORD, Counted, can_log_in
from tests.running.crowd import Crowd, Person
from tests.running.store import Store

SMALL = Person()
LARGE = {
    "domains": (SMALL, Person(domains=12)),
    # What is merged of two domains may take more than what is of one; what is of twelve, no more than that.
    "merged domains": (Person(domains=2, mode="unified"), Person(domains=12, mode="unified")),
    "folders": (SMALL, Person(folders=300)),
    "merged folders": (Person(domains=2, mode="unified"), Person(domains=2, folders=300, mode="unified")),
    "mailboxes of others": (SMALL, Person(shared=24)),
}


def costs(store: Store, person: Person) -> dict[str, int]:
    node = store.node()
    can_log_in(node)
    client = Counted(store, None, node)
    found = {"LOGIN": client.cost(f"LOGIN {person.address} {PASSWORD}")}
    return found | {command: client.cost(command) for command in COMMANDS}


@pytest.mark.parametrize("what", LARGE)
def test_the_number_of_statements_stays_the_same(store: Store, what: str) -> None:
    crowd = Crowd(store, can_log_in(store.node()))
    for person in LARGE[what]:
        crowd.add(person)
    few, many = (costs(store, person) for person in LARGE[what])
    assert many == few
    assert many["LOGIN"] == 2
    assert max(many.values()) <= 5
