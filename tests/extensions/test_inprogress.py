# SPDX-License-Identifier: MIT
"""INPROGRESS (RFC 9585): which commands report, what, and for how long."""

import pytest

from imapd.mail import search
from imapd.mail.criteria import All, Text
from imapd.mail.search import Evaluation
from imapd.protocol.registry import commands
from tests.commands.fake_mail import Mailbox as FakeMailbox
from tests.protocol import talk
from tests.protocol.talk import SELECT


def test_which_commands_report():
    reporting = {name.decode() for name, command in commands().items() if command.reports_progress}
    assert reporting == {form + name for form in ("", "UID ") for name in ("SEARCH", "SORT", "THREAD", "COPY", "MOVE")}


@pytest.mark.parametrize("outcome", ["OK", "NO"])
def test_only_as_long_as_it_works(outcome, monkeypatch):
    node, seen = talk.node(), []

    def searching(mailbox, criterion):
        connection = mailbox.connection
        seen.append(connection.reporting())
        mailbox.progress = (454, 1000)
        seen.append(connection.reporting())
        if outcome == "NO":
            raise talk.errors.Unavailable
        return [0]

    monkeypatch.setattr(talk.Mailbox, "search", searching, raising=False)

    def begin():
        mailbox = connection.session.selected
        mailbox.connection, mailbox.progress = connection, (None, None)
        return b"a SEARCH TEXT x\r\n"

    connection = talk.Connection([SELECT, begin])
    connection.session = talk.Session(connection, node)
    connection.session.run()
    assert seen == [
        b'* OK [INPROGRESS ("a" NIL NIL)] Still at work.\r\n', b'* OK [INPROGRESS ("a" 454 1000)] Still at work.\r\n'
    ]  # fmt: skip
    assert connection.reporting is None
    assert any(line.startswith(b"a " + outcome.encode()) for line in connection.lines)


def test_how_far_a_search_is(monkeypatch):
    monkeypatch.setattr(search, "AT_ONCE", 3)
    mailbox = FakeMailbox("INBOX", range(1, 8))
    mailbox.view.content_ids = [1, 2, 3, 4, 5, 6, 7]
    seen = []

    def matching(ids, tests):
        seen.append((mailbox.progress, ids))
        return [(content_id, content_id % 2 == 0) for content_id in ids]

    mailbox.matching = matching
    mailbox.aside = lambda work, given, messages: work(given)
    criterion = Text("body", "x")
    evaluation = Evaluation(mailbox, mailbox.view)
    evaluation.look_into_contents(criterion)
    assert seen == [((0, 7), [1, 2, 3]), ((3, 7), [4, 5, 6]), ((6, 7), [7])]
    assert mailbox.progress == (None, None)
    assert evaluation.mask(criterion).to_bytes(7, "little") == b"\0\1\0\1\0\1\0"
    assert evaluation.mask(All()) == evaluation.all
