# SPDX-License-Identifier: MIT
"""LIST-EXTENDED and LIST-STATUS: the examples of RFC 5258 section 5 and RFC 5819, and their corners."""

import pytest

from tests.commands.fake_mail import Account, Client, Row


def tree(*names):
    """Mailboxes of these names: + subscribed, - there only as a parent; and what is subscribed and gone: !"""
    plain = [name.strip("+-!") for name in names]
    rows, gone = [], []
    for mark, name in zip(names, plain, strict=True):
        row = Row(
            name,
            has_children=any(other.startswith(name + "/") for other in plain),
            subscribed="+" in mark or "!" in mark,
            nonexistent="-" in mark or "!" in mark,
            selectable="-" not in mark and "!" not in mark,
        )
        (gone if "!" in mark else rows).append(row)
    return Client(Account(rows=rows, gone=gone))


FRUIT = ("+INBOX", "Fruit", "Fruit/Apple", "+Fruit/Banana", "!Fruit/Peach", "Tofu", "+Vegetable", "Vegetable/Broccoli",
         "+Vegetable/Corn")  # fmt: skip


def listed(client, command):
    untagged, tagged = client.do(command)
    assert tagged == "OK LIST completed."
    return [line.removeprefix("* LIST ") for line in untagged]


def test_example_1_plain():
    assert listed(tree(*FRUIT), 'LIST "" "*"') == [
        '(\\HasNoChildren) "/" "INBOX"',
        '(\\HasChildren) "/" "Fruit"',
        '(\\HasNoChildren) "/" "Fruit/Apple"',
        '(\\HasNoChildren) "/" "Fruit/Banana"',
        '(\\HasNoChildren) "/" "Tofu"',
        '(\\HasChildren) "/" "Vegetable"',
        '(\\HasNoChildren) "/" "Vegetable/Broccoli"',
        '(\\HasNoChildren) "/" "Vegetable/Corn"',
    ]


def test_example_2_subscribed():
    assert listed(tree(*FRUIT), 'LIST (SUBSCRIBED) "" "*"') == [
        '(\\HasNoChildren \\Subscribed) "/" "Fruit/Banana"',
        '(\\NonExistent \\HasNoChildren \\Subscribed) "/" "Fruit/Peach"',
        '(\\HasNoChildren \\Subscribed) "/" "INBOX"',
        '(\\HasChildren \\Subscribed) "/" "Vegetable"',
        '(\\HasNoChildren \\Subscribed) "/" "Vegetable/Corn"',
    ]


def test_example_3_children():
    assert listed(tree(*FRUIT), 'LIST () "" "%" RETURN (CHILDREN)') == [
        '(\\HasNoChildren) "/" "INBOX"',
        '(\\HasChildren) "/" "Fruit"',
        '(\\HasNoChildren) "/" "Tofu"',
        '(\\HasChildren) "/" "Vegetable"',
    ]


def test_example_4_remote():
    assert len(listed(tree(*FRUIT), 'LIST (REMOTE) "" "%" RETURN (CHILDREN)')) == 4


def test_example_6_return_subscribed():
    assert listed(tree(*FRUIT), 'LIST (REMOTE) "" "%" RETURN (SUBSCRIBED CHILDREN)')[0] == (
        '(\\HasNoChildren \\Subscribed) "/" "INBOX"'
    )


def test_example_7_childinfo():
    client = tree("foo", "+foo/bar", "foo/baz")
    assert listed(client, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"') == [
        '(\\HasChildren) "/" "foo" ("CHILDINFO" ("SUBSCRIBED"))'
    ]
    assert listed(client, 'LIST (SUBSCRIBED) "" "%"') == []


EXAMPLE_9 = ("foo2", "+foo2/bar1", "+foo2/bar2", "baz2", "+baz2/bar2", "baz2/bar22", "+baz2/bar222", "+eps2", "+eps2/mamba",
             "-qux2", "+qux2/bar2")  # fmt: skip


def test_example_9_recursivematch():
    found = listed(tree(*EXAMPLE_9), 'LIST (RECURSIVEMATCH SUBSCRIBED) "" "*2"')
    assert found == [
        '(\\HasNoChildren \\Subscribed) "/" "baz2/bar2"',
        '(\\HasNoChildren \\Subscribed) "/" "baz2/bar222"',
        '(\\HasChildren \\Subscribed) "/" "eps2" ("CHILDINFO" ("SUBSCRIBED"))',
        '(\\HasChildren) "/" "foo2" ("CHILDINFO" ("SUBSCRIBED"))',
        '(\\HasNoChildren \\Subscribed) "/" "foo2/bar2"',
        '(\\HasNoChildren \\Subscribed) "/" "qux2/bar2"',
    ]


def test_recursivematch_with_nothing_hidden_adds_no_parents():
    found = listed(tree(*EXAMPLE_9), 'LIST (RECURSIVEMATCH SUBSCRIBED) "" "*"')
    assert '(\\HasChildren \\Subscribed) "/" "eps2" ("CHILDINFO" ("SUBSCRIBED"))' in found
    assert not any('"foo2"' in line or '"baz2"' in line for line in found)


def test_recursivematch_of_what_is_gone():
    client = tree("INBOX", "!News/Old/Gone")
    client.account.rows.append(Row("News", has_children=True, nonexistent=True, selectable=False))
    assert listed(client, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"') == [
        '(\\NonExistent \\HasChildren) "/" "News" ("CHILDINFO" ("SUBSCRIBED"))'
    ]


def test_recursivematch_where_parents_are_gone_too():
    client = tree("INBOX", "!s1/s2/s3")
    childinfo = ' ("CHILDINFO" ("SUBSCRIBED"))'
    assert listed(client, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" "s1"') == [
        '(\\NonExistent \\HasNoChildren) "/" "s1"' + childinfo
    ]
    assert listed(client, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" ("s1" "s1/%")') == [
        '(\\NonExistent \\HasNoChildren) "/" "s1"' + childinfo,
        '(\\NonExistent \\HasNoChildren) "/" "s1/s2"' + childinfo,
    ]
    assert listed(client, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" "*"') == [
        '(\\NonExistent \\HasNoChildren \\Subscribed) "/" "s1/s2/s3"'
    ]


def test_recursivematch_of_what_lies_apart():
    client = tree("INBOX", "-example.com", "+example.com/INBOX", "-company.org", "company.org/INBOX")
    for row in client.account.rows[1:]:
        row.apart = True
    assert listed(client, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"') == [
        '(\\NonExistent \\HasChildren) "/" "example.com" ("CHILDINFO" ("SUBSCRIBED"))'
    ]


def test_several_patterns():
    names = [line.split('"/" ')[1] for line in listed(tree(*FRUIT), 'LIST "" ("INBOX" "Fruit/%" Tofu)')]
    assert names == ['"INBOX"', '"Fruit/Apple"', '"Fruit/Banana"', '"Tofu"']


@pytest.mark.parametrize(
    "command", ['LIST (SUBSCRIBED) "" ""', 'LIST "" ("")', 'LIST "" "" RETURN (CHILDREN)', 'LIST () "" ""']
)
def test_empty_patterns_match_nothing(command):
    assert listed(tree(*FRUIT), command) == []


def test_what_lies_apart_is_shown_where_it_is_subscribed():
    client = tree("INBOX", "+example.com/INBOX")
    client.account.rows[1].apart = True
    assert listed(client, 'LIST (SUBSCRIBED) "" *') == ['(\\HasNoChildren \\Subscribed) "/" "example.com/INBOX"']
    assert listed(client, 'LIST "" * RETURN (SUBSCRIBED)') == ['(\\HasNoChildren) "/" "INBOX"']


@pytest.mark.parametrize(
    "arguments",
    [
        '(RECURSIVEMATCH) "" *',
        '(RECURSIVEMATCH REMOTE) "" *',
        '(IMAPTEST) "" *',
        '"" * RETURN (IMAPTEST)',
        '"" * RETURN (RECURSIVEMATCH)',
        '(CHILDREN) "" *',
        '(SUBSCRIBED)"" *',
        '(SUBSCRIBED  REMOTE) "" *',
        '"" (a  b)',
        '"" * (CHILDREN)',
        '"" * RETURN CHILDREN',
        '"" * RETURN (STATUS)',
        '"" * RETURN (STATUS ())',
        '"" * RETURN (STATUS (NOSUCH))',
        '"" * RETURN (STATUS MESSAGES)',
    ],
)
def test_bad(arguments):
    assert tree(*FRUIT).do("LIST " + arguments)[1].startswith("BAD ")


def test_status():
    client = tree("INBOX", "-foo", "foo/bar")
    assert client.do('LIST "" % RETURN (STATUS (MESSAGES UNSEEN) CHILDREN)')[0] == [
        '* LIST (\\HasNoChildren) "/" "INBOX"',
        '* STATUS "INBOX" (MESSAGES 231 UNSEEN 12)',
        '* LIST (\\NonExistent \\HasChildren) "/" "foo"',
    ]
    assert client.account.calls == [("list_folders", False)]


def test_status_of_subscribed():
    client = tree("+INBOX", "!gone")
    assert client.do('LIST (SUBSCRIBED RECURSIVEMATCH) "" "*" RETURN (STATUS (UIDNEXT))')[0] == [
        '* LIST (\\HasNoChildren \\Subscribed) "/" "INBOX"',
        '* STATUS "INBOX" (UIDNEXT 44292)',
        '* LIST (\\NonExistent \\HasNoChildren \\Subscribed) "/" "gone"',
    ]
