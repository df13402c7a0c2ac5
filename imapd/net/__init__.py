# SPDX-License-Identifier: MIT
"""Sockets: one client's connection, TLS, listeners. Workers and the protocol call it.

Knows octets, time and gevent; knows no command and no SQL. The few lines that must be said when no session can
say them (refused, idle too long, shutting down) stand here, in farewells.py.
"""
