# SPDX-License-Identifier: MIT
"""SASL-IR (RFC 4959): AUTHENTICATE with the first response on its line. It is read in commands/not_authenticated.py."""

from imapd.protocol.registry import Capability
from imapd.protocol.states import NOT_AUTHENTICATED

CAPABILITIES = (Capability(b"SASL-IR", rfc=4959, states=NOT_AUTHENTICATED),)
