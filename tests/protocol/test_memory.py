# SPDX-License-Identifier: MIT
"""What a session keeps while its client is idle: a bound, because there are thousands of them."""

import tracemalloc

from imapd.protocol import dispatch
from imapd.protocol.session import Session
from tests.protocol.talk import SELECT, Connection, node

SESSIONS = 200


class Asleep(BaseException):
    """Stands for the hub: a test cannot wait, so the session is left where it would."""


class Sleeper(Connection):
    def receive(self):
        if not self.pieces:
            raise Asleep
        return super().receive()


def sleeper(on):
    session = Session(Sleeper([SELECT]), on)
    try:
        dispatch.serve(session)
    except Asleep:
        session.connection.sent.clear()
    return session


def test_a_session_at_rest_is_small():
    on = node()
    sleeper(on)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = [sleeper(on) for _ in range(SESSIONS)]
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept) == SESSIONS
    assert (after - before) / SESSIONS < 3000  # with the connection of the test, which is the larger half
