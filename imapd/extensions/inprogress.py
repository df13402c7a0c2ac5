# SPDX-License-Identifier: MIT
"""INPROGRESS (RFC 9585): only its capability. Which commands report is in the table of commands, when they do in
net/connection.py, and what they say in protocol/session.py."""

from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP

CAPABILITIES = (Capability(b"INPROGRESS", rfc=9585, states=AUTHENTICATED_UP),)
