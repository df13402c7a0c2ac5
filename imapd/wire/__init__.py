# SPDX-License-Identifier: MIT
"""Octets to values and back, pure: framing, the grammar of RFC 3501 and 9051, names, sequence sets, responses.

protocol/ and commands/ call it. Nothing here waits, opens, logs or knows what a mailbox holds; only the
standard library is imported, so every line can be tested and fuzzed without a service.
"""
