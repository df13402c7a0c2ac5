# SPDX-License-Identifier: MIT
"""NAMESPACE, octet by octet as it is promised."""

import pytest

from imapd.mail.namespaces import Namespaces
from tests.commands.fake_mail import Client


@pytest.mark.parametrize(
    ("spaces", "line"),
    [
        (
            Namespaces(["", "example.com/", "company.org/"], [], ["Shared/"]),
            '* NAMESPACE (("" "/")("example.com/" "/")("company.org/" "/")) NIL (("Shared/" "/"))',
        ),
        (
            Namespaces([""], ["example.com/", "company.org/"], ["Shared/"]),
            '* NAMESPACE (("" "/")) (("example.com/" "/")("company.org/" "/")) (("Shared/" "/"))',
        ),
        (Namespaces(["", "bücher.example/"], [], []), '* NAMESPACE (("" "/")("b&APw-cher.example/" "/")) NIL NIL'),
    ],
)
def test_namespace(spaces, line):
    client = Client()
    client.account.spaces = spaces
    assert client.do("NAMESPACE") == ([line], "OK NAMESPACE completed.")


def test_arguments():
    assert Client().do("NAMESPACE x")[1].startswith("BAD ")
