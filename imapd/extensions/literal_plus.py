# SPDX-License-Identifier: MIT
"""LITERAL+ (RFC 7888): literals that do not wait for our word. How they are read is in wire/framing.py."""

from imapd.protocol.registry import Capability

CAPABILITIES = (Capability(b"LITERAL+", rfc=7888),)
