# SPDX-License-Identifier: MIT
"""One RFC, one file. protocol/registry.py finds them through EXTENSIONS, in the order in which CAPABILITY tells them.

The same rules as in commands/. What an extension adds to another command goes into that command's tables.
"""

from imapd.extensions import (
    children,
    enable,
    id,
    idle,
    literal_plus,
    move,
    namespace,
    sasl_ir,
    special_use,
    uidplus,
    unselect,
)

EXTENSIONS = (literal_plus, sasl_ir, id, enable, idle, namespace, children, special_use, unselect, uidplus, move)
