# SPDX-License-Identifier: MIT
"""The states of a connection (RFC 3501, section 3) and the sets of them that commands are allowed in."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    __hash__ = object.__hash__  # a state is itself alone; Enum's own is a call of Python for each look into a set

    NOT_AUTHENTICATED = "not authenticated"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"
    LOGOUT = "logout"


States = frozenset[State]

NOT_AUTHENTICATED: States = frozenset({State.NOT_AUTHENTICATED})
AUTHENTICATED: States = frozenset({State.AUTHENTICATED})
SELECTED: States = frozenset({State.SELECTED})
AUTHENTICATED_UP: States = frozenset({State.AUTHENTICATED, State.SELECTED})
ANY: States = frozenset({State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED})
