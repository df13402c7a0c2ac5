# SPDX-License-Identifier: MIT
"""Connections with real sockets, and TLS."""
