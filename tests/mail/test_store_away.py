# SPDX-License-Identifier: MIT
"""The store goes away in the middle of a command: what is done is said to be done, what is not leaves nothing behind."""

from typing import Any

import pytest

from imapd import errors
from imapd.storage import messages
from tests.running.speaker import Speaker
from tests.running.store import Store


def away(*_: Any) -> Any:
    raise errors.Unavailable


def test_what_was_stored_is_not_refused_for_the_news_after_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    speaker = Speaker(store)
    speaker.ok("CREATE Store")
    speaker.ok("SELECT Store")
    with monkeypatch.context() as patch:
        patch.setattr(messages, "news_since", away)
        assert speaker.append("Store")[1].startswith("OK [APPENDUID")
        speaker.no("NOOP", "UNAVAILABLE")
    assert "* 1 EXISTS" in speaker.ok("CHECK")


def test_a_select_that_fails_late_leaves_nothing_selected(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    speaker = Speaker(store)
    speaker.ok("CREATE Late")
    speaker.append("Late")
    speaker.ok("ENABLE QRESYNC")
    speaker.ok("SELECT Late")
    validity = speaker.session.selected.uid_validity
    with monkeypatch.context() as patch:
        patch.setattr(messages, "expunged_since", away)
        assert speaker.say(f"SELECT Late (QRESYNC ({validity} 1))")[1].startswith("NO [UNAVAILABLE]")
    assert speaker.session.selected is None
    assert speaker.say("FETCH 1 FLAGS")[1].startswith("BAD")
