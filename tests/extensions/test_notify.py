# SPDX-License-Identifier: MIT
"""NOTIFY (RFC 5465): how it is read, and which mailboxes are meant. What is then told is tested in tests/storage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd import errors
from imapd.extensions.notify import MOST_NAMES, parse_notify
from imapd.mail.events import Event, EventGroup, Which, events_of
from imapd.mail.listing import Listed
from imapd.settings import Limits
from imapd.wire.errors import BadSyntax
from imapd.wire.framing import requests
from imapd.wire.grammar import Cursor
from tests.commands.fake_mail import Client

BOTH = frozenset({Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE})


def read(arguments):
    [request] = requests(b"a NOTIFY" + arguments + b"\r\n")
    cursor = Cursor(request.text, request.literals, len("a NOTIFY"), limits=Limits())
    found = parse_notify(cursor)
    cursor.end()
    return found


@pytest.mark.parametrize(
    ("arguments", "groups"),
    [
        (" NONE", []),
        (" set (Selected NONE)", [EventGroup(Which.SELECTED, frozenset())]),
        (" SET (selected-delayed (messagenew MESSAGEEXPUNGE))", [EventGroup(Which.SELECTED_DELAYED, BOTH)]),
        (" SET (inboxes (MailboxName))", [EventGroup(Which.INBOXES, frozenset({Event.MAILBOX_NAME}))]),
        (
            " SET (personal (MessageNew FlagChange MessageExpunge)) (subscribed NONE)",
            [EventGroup(Which.PERSONAL, BOTH | {Event.FLAG_CHANGE}), EventGroup(Which.SUBSCRIBED, frozenset())],
        ),
        (
            ' SET (subtree Lists (ServerMetadataChange)) (mailboxes ("a b" {3+}\r\nc d inbox) (MailboxMetadataChange))',
            [
                EventGroup(Which.SUBTREE, frozenset({Event.SERVER_METADATA_CHANGE}), frozenset({"Lists"})),
                EventGroup(
                    Which.MAILBOXES, frozenset({Event.MAILBOX_METADATA_CHANGE}), frozenset({"a b", "c d", "INBOX"})
                ),
            ],
        ),
    ],
)  # fmt: skip
def test_what_is_asked_for(arguments, groups):
    found = read(arguments.encode())
    assert list(found.groups) == groups and not found.status and not found.bad and list(found.items) == []


def test_status_and_items():
    found = read(b" SET STATUS (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (From)]) MessageExpunge))")
    assert found.status and [item.name for item in found.items] == [b"UID", b"BODY[HEADER.FIELDS (From)]"]


@pytest.mark.parametrize("event", ["AnnotationChange", "UserLogin", "x"])
def test_events_that_there_are_not(event):
    assert read(f" SET (inboxes (MessageNew MessageExpunge {event}))".encode()).bad


@pytest.mark.parametrize(
    "arguments",
    [
        "", " ", " SET", " SET ", " SET STATUS", " NONE ", " NONE NONE", " SET NONE", " SET (inboxes)", " SET (inboxes )",
        " SET (inboxes ())", " SET (inboxes MailboxName)", " SET(inboxes NONE)", " SET STATUS(inboxes NONE)",
        " SET (inboxes NONE)(personal NONE)", " SET (inboxes NONE) ", " SET (inboxes (NONE)", " SET (mailboxes NONE)",
        " SET (mailboxes () NONE)", " SET (mailboxes (a  b) NONE)", " SET (subtree (a NONE)", " SET (all NONE)",
        " SET (inboxes (MailboxName MailboxName))", " SET (inboxes (MessageNew () MessageExpunge))",
        " SET (selected (MessageNew (ALL) MessageExpunge))", " SET (selected (MessageNew (UID)MessageExpunge))",
        " SET (selected NONE) (selected NONE)", " SET (selected (MessageNew MessageExpunge SubscriptionChange))",
        " SET (mailboxes &&& NONE)",
    ],
)  # fmt: skip
def test_what_is_no_notify(arguments):
    with pytest.raises(BadSyntax):
        read(arguments.encode())


@given(st.lists(st.sampled_from(
    [b"SET", b"STATUS", b"(", b")", b" ", b"selected", b"inboxes", b"mailboxes", b"MessageNew", b"MessageExpunge", b"NONE", b"x",
     b"(inboxes NONE)", b"FlagChange", b"UID"]
)))  # fmt: skip
def test_whatever_comes_is_read_or_refused(words):
    try:
        read(b" SET " + b"".join(words))
    except (BadSyntax, errors.LimitReached):
        pass


def test_ten_thousand_mailboxes_are_refused():
    names = " ".join(f"f{n}" for n in range(10_000))
    with pytest.raises(errors.LimitReached):
        read(f" SET (mailboxes ({names}) NONE)".encode())
    with pytest.raises(errors.LimitReached):
        read((" SET" + " (inboxes NONE)" * (MOST_NAMES + 1)).encode())


def test_it_needs_somebody():
    assert Client().do("NOTIFY SET (nobody NONE)")[1].startswith("BAD")


def row(name, **more):
    return Listed(name, **more)


@pytest.mark.parametrize(
    ("which", "names", "found"),
    [
        (Which.MAILBOXES, {"a", "Shared/x@y/b"}, ["a", "Shared/x@y/b"]),
        (Which.SUBTREE, {"a"}, ["a", "a/b"]),
        (Which.SUBTREE, {"Shared"}, ["Shared/x@y/b"]),
        (Which.PERSONAL, set(), ["a", "a/b", "ab"]),
        (Which.SUBSCRIBED, set(), ["ab", "example.com/a"]),
    ],
)  # fmt: skip
def test_which_mailboxes_are_meant(which, names, found):
    rows = [
        row("a"), row("a/b"), row("ab", subscribed=True), row("Shared/x@y/b"),
        row("example.com/a", apart=True, subscribed=True),
    ]  # fmt: skip
    group = EventGroup(which, BOTH, frozenset(names))
    assert [each.name for each in rows if events_of([group], each)] == found
    assert [each.name for each in rows if events_of([EventGroup(which, frozenset(), frozenset(names)), group], each)] == []
