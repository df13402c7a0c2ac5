# SPDX-License-Identifier: MIT
"""What is kept of a message, however it came."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from imapd import errors
from imapd.mail.account import Draft
from imapd.storage.contents import TYPES
from tests.running.store import Store
from workers.embedded import Embedded

LETTERS = [
    b"\r\n",
    b"no header at all",
    b"Subject: =?utf-8?q?100_%25_{a,b}_=22c=22_\\?=\r\nFrom: \"O'Hara, {x}\" <o@example.com>\r\n"
    b"Date: Thu, 1 Jan 2026 10:00:00 -0330\r\nMessage-ID: <a@b>\r\nReferences: <c@d> <e@f>\r\n\r\nNULL, {NULL}, $1 %s\r\n",
    "Subject: Re: Gr\u00fc\u00dfe\r\nTo: NULL\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\U0001f600\\x00\r\n".encode(),
    b"Subject: =?utf-8?q?a=00b?=\r\nFrom: =?utf-8?q?=00?= <x@example.com>\r\nContent-Transfer-Encoding: base64\r\n\r\nAGEA\r\n",
    b"Subject: octets\r\nContent-Type: text/plain; charset=latin-1\r\n\r\n" + bytes(range(1, 256)),
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\none\r\n--x\r\nContent-Type: text/html\r\n\r\n<b>two</b>\r\n--x--",
]


def kept(store: Store) -> list[tuple[object, ...]]:
    names = ", ".join(TYPES)
    return [
        tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
        for row in store.database.rows(f"SELECT {names} FROM contents ORDER BY sha256")
    ]


def draft(octets: bytes) -> Draft:
    return Draft(SimpleNamespace(data=octets, spool=None, size=len(octets)))


def test_what_comes_alone_is_kept_as_what_comes_with_others(
    store: Store, services: Embedded, tmp_path: Path
) -> None:
    other = Store(services.dsn, tmp_path)
    drafts = [draft(octets) for octets in LETTERS]
    together, alone = store.account(store.node()), other.account(other.node())
    together.append("INBOX", [*drafts, drafts[0]])
    for each in [*drafts, drafts[0]]:
        alone.append("INBOX", [each])
    assert kept(store) == kept(other) and len(kept(store)) == len(drafts)
    assert together.status("INBOX").messages == alone.status("INBOX").messages == len(drafts) + 1
    other.close()


@pytest.mark.parametrize("count", [1, 2])
def test_nothing_is_kept_where_there_is_no_folder(store: Store, count: int) -> None:
    account = store.account(store.node())
    with pytest.raises(errors.NoTarget):
        account.append("Nowhere", [draft(b"x")] * count)
    assert kept(store) == []
