# SPDX-License-Identifier: MIT
"""A server in processes of its own, and a client of raw octets: what the tests against real processes stand on."""
