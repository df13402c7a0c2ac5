# SPDX-License-Identifier: MIT
"""Masters with echo workers."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workers.running import EchoServer


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[..., EchoServer]]:
    """serving(server={"workers": 1}) is up; what is given replaces what stands in its configuration."""
    made: list[EchoServer] = []

    def start(**sections: dict[str, Any]) -> EchoServer:
        made.append(EchoServer(tmp_path, **sections))
        made[-1].start()
        return made[-1]

    yield start
    for server in made:
        server.stop()
