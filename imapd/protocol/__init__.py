# SPDX-License-Identifier: MIT
"""The conversation: states, the table of commands, one session, and how errors are answered.

A worker makes a Session for each connection and runs it. commands/ and extensions/ register themselves here.
No command is named in this folder; sockets, SQL and Redis are not either.
"""
