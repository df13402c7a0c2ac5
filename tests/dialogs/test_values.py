# SPDX-License-Identifier: MIT
"""The stories' own eyes must be good: what matches and what does not. No server needed."""

import pytest

from tests.dialogs.values import Bindings, matches, read


def caught(wanted: str, got: str, **bound: bytes) -> Bindings | None:
    return matches(read(wanted.encode(), escapes=True), read(got.encode()), dict(bound))


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ("3 exists", "3 EXISTS"),
        ("_ exists", "3 EXISTS"),
        ('list (\\HasNoChildren) "/" Work', 'LIST (\\HasNoChildren) "/" "Work"'),
        ('list (\\sent ...) "/" Sent', 'LIST (\\HasNoChildren \\Sent) "/" Sent'),
        ("flags (\\seen \\answered)", "FLAGS (\\Answered \\Seen)"),
        ("1 fetch (flags (\\seen))", "1 FETCH (UID 5 FLAGS (\\Seen \\Recent))"),
        ('1 fetch (body[header.fields (to)]<0> "a\\r\\n")', "1 FETCH (BODY[HEADER.FIELDS (TO)]<0> {3}\r\na\r\n)"),
        ('1 fetch (envelope (nil "a" ...))', '1 FETCH (ENVELOPE (NIL "a" NIL NIL))'),
        ("search 1 2", "SEARCH 1 2"),
    ],
)
def test_that_is_it(wanted: str, got: str) -> None:
    assert caught(wanted, got) is not None


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ("3 exists", "4 EXISTS"),
        ("flags (\\seen)", "FLAGS (\\Answered \\Seen)"),
        ("1 fetch (flags (\\recent))", "1 FETCH (FLAGS ())"),
        ("1 fetch (uid 5)", "1 FETCH (FLAGS ())"),
        ("search 1", "SEARCH 1 2"),
        ("search", "SEARCH 1"),
        ('x "nil"', "x NIL"),
        ("x nil", 'x "NIL"'),
        ('x "A"', 'x "a"'),
    ],
)
def test_that_is_not_it(wanted: str, got: str) -> None:
    assert caught(wanted, got) is None


def test_variables_catch_and_then_hold() -> None:
    assert caught("$n fetch (uid $uid)", "2 FETCH (UID 7)") == {"n": b"2", "uid": b"7"}
    assert caught("1 fetch (uid $uid)", "1 FETCH (UID 8)", uid=b"7") is None


def test_capabilities_have_no_order() -> None:
    assert caught("capability starttls ...", "CAPABILITY IMAP4rev1 STARTTLS IDLE") is not None
    assert caught("capability idle imap4rev1", "CAPABILITY IMAP4rev1 STARTTLS IDLE") is None
