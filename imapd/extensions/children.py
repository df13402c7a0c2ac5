# SPDX-License-Identifier: MIT
"""CHILDREN (RFC 3348): only its capability. LIST has \\HasChildren and \\HasNoChildren in every answer."""

from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP

CAPABILITIES = (Capability(b"CHILDREN", rfc=3348, states=AUTHENTICATED_UP),)
