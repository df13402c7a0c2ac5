# SPDX-License-Identifier: MIT
"""I18NLEVEL=1 (RFC 5255): SEARCH, SORT and THREAD compare by i;unicode-casemap. How is in mail/folding.py."""

from imapd.protocol.registry import Capability
from imapd.protocol.states import AUTHENTICATED_UP

CAPABILITIES = (Capability(b"I18NLEVEL=1", rfc=5255, states=AUTHENTICATED_UP),)
