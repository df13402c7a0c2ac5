# SPDX-License-Identifier: MIT
"""The lines that end a connection for which no session speaks. Nothing else of IMAP is known to net/ and workers/."""

TOO_MANY_CONNECTIONS = b"* BYE [UNAVAILABLE] Too many connections; try again later.\r\n"
TOO_MANY_FROM_ADDRESS = b"* BYE [LIMIT] Too many connections from your address.\r\n"
TOO_MANY_NOT_AUTHENTICATED = b"* BYE [UNAVAILABLE] Too many logins are under way; try again later.\r\n"
NO_WORKER = b"* BYE [UNAVAILABLE] The server cannot serve you at the moment; try again.\r\n"
LOGIN_TOO_SLOW = b"* BYE Too long without a login.\r\n"
IDLE_TOO_LONG = b"* BYE Autologout; idle for too long.\r\n"
SHUTTING_DOWN = b"* BYE The server is shutting down.\r\n"
BAD_COMPRESSION = b"* BYE What you have sent cannot be decompressed.\r\n"
