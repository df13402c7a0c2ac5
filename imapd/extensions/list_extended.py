# SPDX-License-Identifier: MIT
"""LIST-EXTENDED (RFC 5258): LIST of what is subscribed, and of parents for what is below. LIST reads the grammar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from imapd.commands.listing import RETURN, SELECTION, Return, Selection, parents_of
from imapd.mail.listing import Listed
from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire import encode

if TYPE_CHECKING:
    from imapd.mail.account import Account

CAPABILITIES = (Capability(b"LIST-EXTENDED", rfc=5258, states=AUTHENTICATED_UP),)

Test = Callable[[Listed], bool]


def subscribed_rows(account: Account, selection: Mapping[bytes, Any]) -> list[Listed]:
    """What is subscribed, be it there or not; and for RECURSIVEMATCH what lies above that, be it there or not."""
    rows = account.list_folders(subscribed_only=True)
    if b"RECURSIVEMATCH" in selection:
        names = {row.name for row in rows}
        above = {parent for name in names for parent in parents_of(name)} - names
        there = {row.name: row for row in account.list_folders()}
        rows += [there.get(name) or Listed(name) for name in above]
        rows.sort(key=lambda row: (row.name != "INBOX", row.name))
    return rows


def with_parents(
    rows: list[Listed], match: Test, test: Test, selection: Mapping[bytes, Any]
) -> Iterator[tuple[Listed, bytes]]:
    """Mailboxes selected, and those that are not but have one selected below them which the pattern does not show."""
    above, hidden = set(), set()
    for row in rows:
        if test(row):
            parents = set(parents_of(row.name))
            above |= parents
            if not match(row):
                hidden |= parents
    bases = b" ".join(encode.quoted(name) for name in selection if SELECTION[name].base)
    childinfo = b'("CHILDINFO" (%b))' % bases
    for row in rows:
        if match(row) and (test(row) or row.name in hidden):
            yield row, childinfo if row.name in above else b""


SELECTION[b"SUBSCRIBED"] = Selection(test=lambda row: row.subscribed, base=True, rows=subscribed_rows)
SELECTION[b"REMOTE"] = Selection()  # There are no remote mailboxes here, and so none more to show.
SELECTION[b"RECURSIVEMATCH"] = Selection(choose=with_parents)

RETURN[b"SUBSCRIBED"] = Return(attribute=lambda row: b"\\Subscribed" if row.subscribed else None)
RETURN[b"CHILDREN"] = Return()  # LIST tells of children unasked.
