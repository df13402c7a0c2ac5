# SPDX-License-Identifier: MIT
"""The servers that stories are played to: the demo, and nodes with other configurations on the demo's services."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dialogs.runner import Place
from tests.running.server import Demo, Node, Settings

# `server: NAME` in the header of a story.
VARIATIONS: dict[str, Settings] = {
    "unified": {"imap": {"namespace_mode": "unified"}},
    "hidden": {"imap": {"primary_prefix": "hidden"}},
    "filtered": {"imap": {"capabilities": ["IMAP4rev1", "IDLE", "NAMESPACE"]}},
    "literal-minus": {"imap": {"capabilities": ["IMAP4rev1", "LITERAL-", "IDLE"]}},
    "tls-only": {"auth": {"cleartext": "never"}},
    "small": {"limits": {"message_octets": 2000, "folders_per_mailbox": 10, "line_octets": 2000, "metadata_entries": 10}},
}


class Places:
    """Starts each variation when the first story asks for it."""

    def __init__(self, demo: Demo, directory: Path):
        self.demo = demo
        self.directory = directory
        self.nodes: dict[str, Node] = {}

    def place(self, name: str) -> Place:
        where = self._node(name) if name else self.demo
        return Place(where.host, where.port, where.tls_port, self.demo.new_user)

    def _node(self, name: str) -> Node:
        if name not in self.nodes:
            demo = self.demo
            node = Node(
                self.directory / name, demo.dsn, demo.redis_url(), demo.data / "blobs", VARIATIONS[name]
            )  # fmt: skip
            node.start()
            self.nodes[name] = node
        return self.nodes[name]

    def stop(self) -> None:
        for node in self.nodes.values():
            assert node.stop() == 0, node.end_of_log()


@pytest.fixture(scope="session")
def places(server: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    places = Places(server, tmp_path_factory.mktemp("nodes"))
    yield places
    places.stop()
