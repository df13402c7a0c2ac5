# SPDX-License-Identifier: MIT
"""What the commands have in common: a name that is chosen, an answer that is compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.model.names import Refused, listing
from tests.model.session import Session
from tests.model.stage import Stage
from tests.running.client import Reply

Name = int | tuple[str, str]
"""One of those that the person has, or any."""


class Commands:
    """dates: how many messages were appended; access_changed: sessions are to hear of it soon."""

    def __init__(self, stage: Stage):
        self.stage = stage
        self.world = stage.world
        self.dates = 0
        self.access_changed = False

    def name_of(self, session: Session, name: Name) -> str:
        if isinstance(name, int):
            known = sorted(listing(self.world, session.person))
            return known[name % len(known)]
        return self.stage.name(*name)

    def expect(self, reply: Reply, deed: Callable[[], Any]) -> Any:
        """What the deed gives. The model refuses what the server refuses, for the same reason; None then."""
        try:
            done = deed()
        except Refused as why:
            assert reply.status == "NO" and reply.code.decode() in why.codes, f"{reply.text!r}, not {why.codes}"
            return None
        assert reply.status == "OK", f"{reply.status} {reply.text!r}"
        return done
