# SPDX-License-Identifier: MIT
"""The commands of RFC 3501 and 9051, one file for each family: values, parsers, handlers.

protocol/registry.py finds them through FAMILIES. A handler asks mail/ and yields responses; it knows no socket, no SQL
and no other command's inside.
"""

from imapd.commands import any as any_state
from imapd.commands import (
    append,
    copy,
    expunge,
    fetch,
    listing,
    mailboxes,
    not_authenticated,
    search,
    select,
    status,
    store,
)

FAMILIES = (
    any_state,
    not_authenticated,
    mailboxes,
    listing,
    status,
    append,
    select,
    search,
    fetch,
    store,
    copy,
    expunge,
)
