# SPDX-License-Identifier: MIT
"""The names of the standard folders: possible ones, and different ones, in every language."""

import pytest

from imapd.errors import Cannot
from imapd.mail.namespaces import check_new
from imapd.storage.standard_folders import LANGUAGES, USES, standard_folders


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language(language: str) -> None:
    folders = standard_folders(language, {})
    assert [use for _, use in folders] == ["", *USES]
    for name, _ in folders:
        check_new(name, 200)
        assert "/" not in name


def test_an_unknown_language_is_english() -> None:
    assert standard_folders("xx", {}) == standard_folders("en", {})


def test_two_of_one_name() -> None:
    with pytest.raises(Cannot):
        standard_folders("en", {"\\Sent": "drafts"})
