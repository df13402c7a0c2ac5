# SPDX-License-Identifier: MIT
"""Every story of this directory, played to a running server."""

from pathlib import Path

import pytest

from tests.dialogs.conftest import Places
from tests.dialogs.runner import Runner
from tests.dialogs.story import Story, read_story

HERE = Path(__file__).parent
STORIES = [read_story(path) for path in sorted(HERE.rglob("*.imap"))]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: str(story.path.relative_to(HERE).with_suffix("")))
@pytest.mark.usefixtures("quiet_log")
def test_story(story: Story, places: Places) -> None:
    Runner(story, places.place(story.server)).run()


def test_every_story_says_what_it_shows() -> None:
    assert [story.path.name for story in STORIES if not story.about.strip()] == []
