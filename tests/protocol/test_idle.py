# SPDX-License-Identifier: MIT
"""IDLE: what happens is told while the client listens, DONE ends it, and nothing is missed or held meanwhile."""

from imapd import errors
from imapd.extensions.idle import AGAIN_SECONDS
from imapd.protocol.session import Session
from tests.protocol.talk import LOGIN, SELECT, Connection, Mailbox, node, talk


def idling(*happenings, after=(b"DONE\r\n",), before=SELECT):
    """A session in IDLE to which these things happen, one for each time that it waits."""
    on = node()
    mailbox = on.account.mailboxes["INBOX"]
    connection = Connection([before + b"i IDLE\r\n", *after])
    connection.when_waiting = [lambda happening=happening: happening(mailbox, connection) for happening in happenings]
    Session(connection, on).run()
    lines = connection.lines
    return lines[lines.index(b"+ idling") + 1 :], mailbox, connection


def test_what_happens_is_told_as_it_happens():
    lines, mailbox, connection = idling(
        lambda mailbox, _: mailbox.news.append({"exists": 4, "recent": 1}),
        lambda mailbox, _: None,
        lambda mailbox, _: mailbox.news.append({"expunged": [2], "flags_changed": [0]}),
    )
    assert lines == [
        b"* 4 EXISTS", b"* 1 RECENT", b"* 2 EXPUNGE", b"* 1 FETCH (FLAGS ())", b"i OK IDLE terminated.",
    ]  # fmt: skip
    assert connection.waits == 4
    assert len(mailbox.refreshed) == 4 and not mailbox.watching


def test_what_happened_before_the_watch_began_is_told_at_once():
    on = node()
    mailbox = on.account.mailboxes["INBOX"]
    mailbox.news = [{"exists": 9}]
    connection = talk(SELECT + b"i IDLE\r\n", b"DONE\r\n", on=on)
    assert connection.lines[-3:] == [b"+ idling", b"* 9 EXISTS", b"i OK IDLE terminated."]


def test_a_store_that_is_away_is_asked_again_and_the_client_listens_on(monkeypatch):
    asked = []

    def refresh(self, received_at=None):
        asked.append(received_at)
        if len(asked) < 3:
            raise errors.Unavailable
        self.news.append({"exists": 4})

    monkeypatch.setattr(Mailbox, "refresh", refresh)
    lines, _, connection = idling(lambda *_: None, lambda *_: None, lambda *_: None)
    assert lines == [b"* 4 EXISTS", b"* 4 EXISTS", b"i OK IDLE terminated."]
    assert connection.patience == [AGAIN_SECONDS, AGAIN_SECONDS, None, None]
    assert asked[0] == asked[1] == asked[2] is not None and asked[3] is None, "it has not looked since it began"


def test_it_watches_only_while_it_lasts_and_lets_the_server_shut_down():
    seen = []
    idling(lambda mailbox, connection: seen.append((mailbox.watching, connection.in_command)))
    assert seen == [(True, False)]


def test_done_in_any_case_and_in_pieces():
    assert idling(after=(b"do", b"Ne\r", b"\n"))[0] == [b"i OK IDLE terminated."]
    assert idling(after=(b"DONE\r\nz NOOP\r\n",))[0] == [b"i OK IDLE terminated.", b"z OK NOOP completed."]


def test_done_in_the_same_segment():
    connection = talk(SELECT + b"i IDLE\r\nDONE\r\nz NOOP\r\n")
    assert connection.lines[-3:] == [b"+ idling", b"i OK IDLE terminated.", b"z OK NOOP completed."]
    assert connection.waits == 0


def test_anything_else_is_bad_and_is_not_carried_out():
    for line in (b"z DELETE Sent\r\n", b"\r\n", b"DONE x\r\n", b"DONE {3+}\r\n", b"NOOP\r\n"):
        lines, mailbox, _ = idling(after=(line + b"y NOOP\r\n",))
        assert lines == [b"i BAD Expected DONE.", b"y OK NOOP completed."] and not mailbox.watching


def test_without_a_mailbox_it_listens_all_the_same():
    connection = talk(LOGIN + b"i IDLE\r\n", b"DONE\r\n")
    assert connection.lines[-2:] == [b"+ idling", b"i OK IDLE terminated."]


def test_a_client_that_leaves_leaves_nothing():
    lines, mailbox, _ = idling(after=())
    assert lines == [] and mailbox.closed and not mailbox.watching


def test_a_line_without_end():
    lines, mailbox, _ = idling(after=(b"x" * 70_000,))
    assert lines == [b"* BYE [TOOBIG] The line is too long."] and not mailbox.watching


def test_it_takes_no_arguments():
    assert talk(SELECT + b"i IDLE x\r\n").lines[-1].startswith(b"i BAD ")
