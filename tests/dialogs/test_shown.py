# SPDX-License-Identifier: MIT
"""Every example of the RFCs and every extension has its test, and docs/extensions.md says which."""

from imapd.protocol import registry
from tests.dialogs.examples import EXAMPLES, NOT_HERE, labels
from tests.dialogs.shown import DOCUMENT, document, examples_shown, shown

ALL = {
    (rfc, section, label)
    for rfc, sections in EXAMPLES.items()
    for section, text in sections.items()
    for label in labels(text)
}
EXCUSED = {(rfc, section, label) for (rfc, section), why in NOT_HERE.items() for label in why}


def test_every_example_is_shown_or_there_is_a_reason() -> None:
    assert sorted(ALL - EXCUSED - set(examples_shown())) == []


def test_no_example_is_shown_that_is_not_there() -> None:
    assert sorted(set(examples_shown()) - ALL) == []
    assert sorted(EXCUSED - ALL) == []
    assert sorted(EXCUSED & set(examples_shown())) == []


def test_every_extension_has_a_test() -> None:
    standing = {row.rfc for row in [*registry.capability_table(), *registry.table()]}
    assert sorted(standing - {one.rfc for one in shown()}) == []


def test_the_document_is_what_the_tests_say() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "run: python -m tests.dialogs.shown"


def test_labels() -> None:
    assert labels("basic, 1-3") == ["basic", "1", "2", "3"]
    assert labels("") == [""]
    assert labels("10") == ["10"]
