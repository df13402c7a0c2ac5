# SPDX-License-Identifier: MIT
"""LITERAL+ (RFC 7888): literals that do not wait for our word. How they are read is in wire/framing.py."""

from imapd.extensions import literal_minus
from imapd.protocol.registry import Capability

# There is never both of them (section 6).
CAPABILITIES = (Capability(b"LITERAL+", rfc=7888, when=lambda session: not literal_minus.is_listed(session)),)
