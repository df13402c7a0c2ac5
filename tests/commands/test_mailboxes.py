# SPDX-License-Identifier: MIT
"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE: how names are read and errors answered."""

import pytest

from imapd import errors
from tests.commands.fake_mail import Client


@pytest.mark.parametrize(
    ("command", "call"),
    [
        ("CREATE owatagusiam/", ("create", "owatagusiam", None)),
        ("CREATE owatagusiam/blurdybloop", ("create", "owatagusiam/blurdybloop", None)),
        ('create "a b"', ("create", "a b", None)),
        ("CREATE {3+}\r\na/b", ("create", "a/b", None)),
        ("CREATE &U,BTFw-/&ZeVnLIqe-", ("create", "台北/日本語", None)),
        ("CREATE a&-b", ("create", "a&b", None)),
        ("CREATE iNbOx/x", ("create", "INBOX/x", None)),
        ("DELETE blurdybloop", ("delete", "blurdybloop")),
        ("RENAME blurdybloop sarasoon", ("rename", "blurdybloop", "sarasoon")),
        ("RENAME inbox old-mail", ("rename", "INBOX", "old-mail")),
        ("SUBSCRIBE #news.comp.mail.mime", ("subscribe", "#news.comp.mail.mime")),
        ("UNSUBSCRIBE #news.comp.mail.mime", ("unsubscribe", "#news.comp.mail.mime")),
        # Whether a name can exist is asked of mail/: the grammar takes it.
        ('CREATE ""', ("create", "", None)),
        ("CREATE ../../../etc/x", ("create", "../../../etc/x", None)),
        ('CREATE "a//b"', ("create", "a//b", None)),
        ('CREATE "a%b"', ("create", "a%b", None)),
        ('CREATE "a*b"', ("create", "a*b", None)),
        ("CREATE ~root", ("create", "~root", None)),
    ],
)
def test_call(command, call):
    client = Client()
    untagged, tagged = client.do(command)
    assert client.account.calls[0] == call
    assert not untagged
    assert tagged.startswith("OK ")
    assert tagged.endswith(f"{command.split()[0].upper()} completed.")


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (errors.NotFound(), "NO [NONEXISTENT] "),
        (errors.AlreadyExists(), "NO [ALREADYEXISTS] "),
        (errors.Cannot(), "NO [CANNOT] "),
        (errors.LimitReached(), "NO [LIMIT] "),
        (errors.NoPermission(), "NO [NOPERM] "),
        (errors.HasChildren(), "NO [HASCHILDREN] "),
        (errors.InUse(), "NO [INUSE] "),
        (errors.Unavailable(), "NO [UNAVAILABLE] "),
    ],
)
@pytest.mark.parametrize("command", ["CREATE a", "DELETE a", "RENAME a b", "SUBSCRIBE a", "UNSUBSCRIBE a"])
def test_refused(command, error, answer):
    """shows: RFC 9051 7.1 INUSE"""
    client = Client()
    client.account.fails = error
    assert client.do(command)[1].startswith(answer)


VERBS = pytest.mark.parametrize("verb", ["CREATE", "DELETE", "SUBSCRIBE", "UNSUBSCRIBE", "RENAME a"])


@VERBS
@pytest.mark.parametrize(
    "rest", ["", " ", " a b", "  a", " a ", ' "a', ' "a\\q"', " a\0b", ' "a\0b"', " (a)", " \xff", " &\xff-"]
)
def test_bad(verb, rest):
    client = Client()
    tagged = client.do(verb + rest)[1]
    assert tagged.startswith(("BAD ", "NO [CANNOT] "))
    assert not client.account.calls
    assert client.do("NOOP")[1].startswith("OK")


@VERBS
@pytest.mark.parametrize(
    "name", ['"a\tb"', "&AGEB", "&AGE-", "&U,BTFw-&ZeVnLIqe-", "&AAo-", "bad&mutf7", "{2+}\r\n\xff"]
)
def test_octets_that_are_no_name(verb, name):
    client = Client()
    assert client.do(f"{verb} {name}")[1].startswith("NO [CANNOT] ")
    assert not client.account.calls


def test_a_name_that_looks_like_inbox_is_not():
    client = Client()
    client.do("CREATE {6+}\r\n" + "ınbox")
    client.do("DELETE &ATE-nbox")
    assert client.account.calls == [("delete", "ınbox")]


def test_long_names_reach_mail_or_nothing():
    client = Client()
    client.do("CREATE " + "x" * 1001)
    client.do("RENAME a " + "x" * 10000)
    assert [call[0] for call in client.account.calls if call[0] != "status"] == ["create", "rename"]


def test_create_parameters_unknown():
    assert Client().do("CREATE a (NOSUCH x)")[1].startswith("BAD")
