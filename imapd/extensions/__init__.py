# SPDX-License-Identifier: MIT
"""One RFC, one file. protocol/registry.py finds them through EXTENSIONS, in the order in which CAPABILITY tells them.

The same rules as in commands/. What an extension adds to another command goes into that command's tables.
"""

from imapd.extensions import enable, id, idle, literal_plus, sasl_ir

EXTENSIONS = (literal_plus, sasl_ir, id, enable, idle)
