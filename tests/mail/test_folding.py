# SPDX-License-Identifier: MIT
"""Text as it is compared: what is the same, in which order it comes, and that it does not grow beyond its bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.mail.folding import collation_key, fold


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello", "hELLO"),
        ("É", "e\u0301"),
        ("\u212b", "å"),
        ("STRASSE", "straße"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("ﬁne", "FINE"),
        ("ｆｕｌｌ", "full"),
        ("\u210c", "h"),
    ],
)
def test_the_same(one, other):
    assert fold(one) == fold(other)


def test_what_is_told_apart():
    assert fold("resume") != fold("résumé")
    assert fold("\u0131") != fold("i")


def test_order():
    words = ["_", "Zebra", "apple", "Äpfel", "apricot", "[x]"]
    assert sorted(words, key=lambda word: collation_key(fold(word))) == [
        "apple",
        "apricot",
        "Äpfel",
        "Zebra",
        "[x]",
        "_",
    ]


@given(st.text(max_size=30), st.integers(0, 40))
def test_bound(text, limit):
    assert fold(text, limit) == fold(text)[:limit]


def test_text_that_grows():
    assert len(fold("\ufdfa" * 1_000_000, 5_000)) == 5_000
    assert fold("\ufdfa" * 100_000) == fold("\ufdfa") * 100_000
