# SPDX-License-Identifier: MIT
"""SPECIAL-USE and CREATE-SPECIAL-USE (RFC 6154)."""

import pytest

from tests.commands.fake_mail import Account, Client, Row


@pytest.mark.parametrize(
    ("parameters", "use"),
    [
        ("(USE (\\Drafts))", "\\Drafts"),
        ("(use (\\sent))", "\\Sent"),
        ("(USE (\\Junk \\JUNK))", "\\Junk"),
        ("(USE ())", None),
    ],
)
def test_create(parameters, use):
    client = Client()
    assert client.do(f"CREATE MyDrafts {parameters}")[1].startswith("OK ")
    assert client.account.calls[0] == ("create", "MyDrafts", use)


@pytest.mark.parametrize("uses", ["\\All", "\\Flagged", "\\Sent \\Drafts", "\\NoSuch", "\\Drafts \\All"])
def test_use_that_is_none_here(uses):
    client = Client()
    assert client.do(f"CREATE Everything (USE ({uses}))") == ([], "NO [USEATTR] A mailbox cannot be made for that use.")
    assert not client.account.calls


@pytest.mark.parametrize(
    "parameters",
    ["(USE)", "(USE \\Sent)", "(USE (Sent))", "(USE (\\))", "(USE (\\Sent)", "USE (\\Sent)", "()", "(USE (\\Sent)x)"],
)
def test_bad(parameters):
    client = Client()
    assert client.do(f"CREATE a {parameters}")[1].startswith("BAD ")
    assert not client.account.calls


def test_list():
    client = Client(
        Account(rows=[Row("INBOX"), Row("Sent", special_use="\\Sent"), Row("Trash", special_use="\\Trash")])
    )
    both = ['* LIST (\\HasNoChildren \\Sent) "/" "Sent"', '* LIST (\\HasNoChildren \\Trash) "/" "Trash"']
    assert client.do('LIST (SPECIAL-USE) "" "*"')[0] == both
    assert client.do('LIST "" "%" RETURN (SPECIAL-USE)')[0] == ['* LIST (\\HasNoChildren) "/" "INBOX"', *both]
