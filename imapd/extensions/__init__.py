# SPDX-License-Identifier: MIT
"""One RFC, one file. protocol/registry.py finds them through EXTENSIONS, in the order in which CAPABILITY tells them.

The same rules as in commands/. What an extension adds to another command goes into that command's tables.
"""

from imapd.extensions import (
    appendlimit,
    children,
    condstore,
    enable,
    esearch,
    id,
    idle,
    imap4rev2,
    list_extended,
    list_status,
    literal_plus,
    move,
    multiappend,
    namespace,
    objectid,
    qresync,
    sasl_ir,
    searchres,
    special_use,
    status_size,
    uidplus,
    unselect,
    within,
)

EXTENSIONS = (
    imap4rev2,
    literal_plus,
    sasl_ir,
    id,
    enable,
    idle,
    namespace,
    children,
    special_use,
    unselect,
    uidplus,
    move,
    condstore,
    qresync,
    list_extended,
    list_status,
    status_size,
    esearch,
    searchres,
    within,
    multiappend,
    appendlimit,
    objectid,
)
