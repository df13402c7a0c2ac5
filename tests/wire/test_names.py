# SPDX-License-Identifier: MIT
"""Names: modified UTF-7 both ways, INBOX in any case but of ASCII only, and the patterns of LIST."""

import re
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.wire import names

# Left: the name. Right: RFC 3501, section 5.1.3, and what Python's own UTF-7 codec says of the same characters.
SPELLINGS = {
    "INBOX": b"INBOX",
    "a&b": b"a&-b",
    "&": b"&-",
    "~peter/mail/台北/日本語": b"~peter/mail/&U,BTFw-/&ZeVnLIqe-",
    "Entwürfe": b"Entw&APw-rfe",
    "☺!": b"&Jjo-!",
    "😀": b"&2D3eAA-",
    "ÿ&ÿ": b"&AP8-&-&AP8-",
    "Papierkorb/Käse & Brot": b"Papierkorb/K&AOQ-se &- Brot",
}

NO_NAMES = [
    b"&", b"a&b", b"&-&", b"&U,BTFw", b"&AGE-", b"&U,BTFw-&ZeVnLIqe-", b"&Jjo", b"&2D0-", b"&3gA-", b"&AAA-", b"&AA0ACg-",
    b"&Jj-", b"&Jjp-", b"&=-", b"&/-", b"Entw\xc3\xbcrfe", b"\xff", b"a\x00b", b"a\rb", b"a\x7fb", b"&AH8-", b"&ICg-",
]  # fmt: skip


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_name_and_its_spelling(name):
    assert names.encode(name) == SPELLINGS[name]
    assert names.decode(SPELLINGS[name]) == name


@pytest.mark.parametrize("octets", NO_NAMES)
def test_what_is_no_spelling_of_a_name(octets):
    with pytest.raises(ValueError):
        names.decode(octets)


sane = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\u2028\u2029"))


@given(sane)
def test_every_name_comes_back(name):
    octets = names.encode(name)
    assert octets.isascii() and not re.search(rb"[\x00-\x1f\x7f]", octets)
    assert names.decode(octets) == name


@given(st.binary(max_size=30))
def test_whatever_is_read_is_written_the_same(octets):
    try:
        name = names.decode(octets)
    except ValueError:
        return
    assert names.encode(name) == octets


@pytest.mark.parametrize("name", ["inbox", "Inbox", "INBOX", "iNBoX"])
def test_inbox_is_one_name(name):
    assert names.folded(name) == "INBOX"
    assert names.folded(name + "/Sub") == "INBOX/Sub"


@pytest.mark.parametrize("name", ["ınbox", "ınBOX", "inboxes", "xinbox", "inbox ", "sent/inbox", "ınbox/a"])
def test_but_not_every_name_that_looks_like_it(name):
    assert names.folded(name) == name


def test_a_name_has_one_spelling():
    assert names.folded("Entwu\u0308rfe") == "Entwürfe"
    assert names.folded("inbo\u212a") == "inboK"


def naive(pattern, name):
    if not pattern:
        return not name
    if pattern[0] in "*%":
        if naive(pattern[1:], name):
            return True
        return bool(name) and (pattern[0] == "*" or name[0] != "/") and naive(pattern, name[1:])
    return bool(name) and name[0] == pattern[0] and naive(pattern[1:], name[1:])


@given(st.text("ab/*%", max_size=8), st.text("ab/", max_size=10))
def test_patterns_find_what_the_definition_says(pattern, name):
    assert names.matcher("", [pattern])(name) == naive(pattern, name)


@given(st.lists(st.text("ab/*%", max_size=6), max_size=5), st.text("ab/", max_size=10))
def test_several_patterns_do_not_touch_each_other(patterns, name):
    assert names.matcher("", patterns)(name) == any(naive(pattern, name) for pattern in patterns)


@pytest.mark.parametrize(
    ("reference", "pattern", "name", "found"),
    [
        ("", "*", "a/b", True),
        ("", "%", "a/b", False),
        ("", "%/%", "a/b", True),
        ("a/", "%", "a/b", True),
        ("", "inbox", "INBOX", True),
        ("", "InB*", "INBOX", True),
        ("", "i%x", "INBOX", True),
        ("", "ınbox", "INBOX", False),
        ("", "inbox/%", "INBOX/a", True),
        ("", "inbox*", "INBOX/a", True),
        ("", "i*a", "INBOX/a", True),
        ("", "i*A", "INBOX/a", False),
        ("", "inbox*", "INBOXES", False),
        ("", "sent", "Sent", False),
        ("", "example.com/*", "example.com/INBOX", True),
        ("", "example.com/*", "example-com/INBOX", False),
        ("", "", "", True),
    ],
)
def test_list_finds(reference, pattern, name, found):
    assert names.matcher(reference, [pattern])(name) is found


def test_any_of_several_patterns_finds():
    matches = names.matcher("", ["a%", "b", "b"])
    assert matches("ax") and matches("b") and not matches("c")


def test_many_patterns_are_not_slow_for_many_names():
    match = names.matcher("", [f"*a*b*{number}" for number in range(5000)])
    began = process_time()
    assert sum(map(match, (f"folder-{number}-" + "ab" * 80 for number in range(1000)))) == 0
    assert process_time() - began < 4


def test_no_pattern_is_slow():
    """A translation into a regular expression took 25 s for eight stars."""
    name = "a" * 61
    began = process_time()
    for pattern in ("*a" * 8 + "*b", "%" * 10000 + "b", "*%" * 5000, "%a" * 5000, "*a%" * 3000):
        names.matcher("", [pattern])(name)
    assert process_time() - began < 2
