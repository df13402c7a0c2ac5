# SPDX-License-Identifier: MIT
"""Random commands, against the model. IMAPD_MODEL_SECONDS plays other ones for so long (`make model`)."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from imapd.storage.pool import Database
from tests.model.play import STEPS, Play, Step
from tests.model.stage import Stage
from tests.running.server import Demo, Node

SECONDS = float(os.environ.get("IMAPD_MODEL_SECONDS", "0"))
AT_MOST_SECONDS = 30.0  # in `make test`, where the machine has other things to do
FIRST_SEED = int(os.environ.get("IMAPD_MODEL_SEED", "1"))
WORLDS = 25
LENGTH = 60


Played = Callable[[list[Step]], None]


def playing(server: Demo, *others: Node) -> Iterator[Played]:
    """Plays steps in a world of their own."""
    database = Database(server.dsn)

    def play(steps: list[Step]) -> None:
        stage = Stage([server, *others], database, server.redis_url())
        try:
            Play(stage).play(steps)
        except BaseException as error:
            error.add_note("\n".join(stage.trace[-60:]))
            raise
        finally:
            stage.close()

    yield play
    database.close()


@pytest.fixture
def play(server: Demo, quiet_log: object) -> Iterator[Played]:
    yield from playing(server)


@pytest.fixture
def play_on_two_nodes(server: Demo, tmp_path: Path, quiet_log: object) -> Iterator[Played]:
    node = Node(tmp_path / "node", server.dsn, server.redis_url(), server.data / "blobs")
    node.start()
    yield from playing(server, node)
    assert node.stop() == 0


def played(play: Played, **more: object) -> Callable[[], None]:
    """Made up by hypothesis, which looks for the shortest that fails where it shrinks; `nothing` is what it has left out."""

    @settings(max_examples=WORLDS, deadline=None, database=None, suppress_health_check=list(HealthCheck), **more)
    @given(steps=st.lists(STEPS, min_size=LENGTH, max_size=LENGTH))
    def run(steps: list[Step]) -> None:
        play(steps)

    return run


def test_server_and_model_agree(play: Played) -> None:
    until = time.monotonic() + AT_MOST_SECONDS
    played(lambda steps: play(steps) if time.monotonic() < until else None, derandomize=True, phases=[Phase.generate])()


@pytest.mark.skipif(not SECONDS, reason="goes on for IMAPD_MODEL_SECONDS: make model")
@pytest.mark.timeout(0)
def test_they_agree_for_long_on_two_nodes(play_on_two_nodes: Played) -> None:
    number, until = FIRST_SEED, time.monotonic() + SECONDS
    while time.monotonic() < until:
        print(f"seed {number}")
        seed(number)(played(play_on_two_nodes))()
        number += 1
