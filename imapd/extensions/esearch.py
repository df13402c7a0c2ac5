# SPDX-License-Identifier: MIT
"""ESEARCH (RFC 4731): SEARCH that tells the first, the last, all in compact form, or just how many."""

from imapd.commands.search_return import RETURN, ReturnOption
from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.sequence import compact

CAPABILITIES = (Capability(b"ESEARCH", rfc=4731, states=AUTHENTICATED_UP),)

# RFC 4731 section 3.1: MIN, MAX and ALL are left out where nothing was found; COUNT is always told.
RETURN[b"MIN"] = ReturnOption(
    lambda numbers, _: b"MIN %d" % numbers[0] if numbers else None, chooses=lambda positions, _: positions[:1]
)
RETURN[b"MAX"] = ReturnOption(
    lambda numbers, _: b"MAX %d" % numbers[-1] if numbers else None, chooses=lambda positions, _: positions[-1:]
)
RETURN[b"ALL"] = ReturnOption(lambda numbers, _: b"ALL " + compact(numbers) if numbers else None, lists=True)
RETURN[b"COUNT"] = ReturnOption(lambda numbers, _: b"COUNT %d" % len(numbers))
