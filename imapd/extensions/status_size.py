# SPDX-License-Identifier: MIT
"""STATUS=SIZE (RFC 8438): how many octets the messages of a mailbox have in all."""

from imapd.commands.status import ITEMS
from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP

CAPABILITIES = (Capability(b"STATUS=SIZE", rfc=8438, states=AUTHENTICATED_UP),)

ITEMS[b"SIZE"] = lambda session, numbers: numbers.size
