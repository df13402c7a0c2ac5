# SPDX-License-Identifier: MIT
"""MULTIAPPEND (RFC 3502): only its capability. APPEND reads several messages and stores all of them or none."""

from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP

CAPABILITIES = (Capability(b"MULTIAPPEND", rfc=3502, states=AUTHENTICATED_UP),)
