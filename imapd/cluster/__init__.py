# SPDX-License-Identifier: MIT
"""What workers and nodes tell each other through Redis: wake-ups, control messages, counters, live sessions.

The only package that names redis. Everything here may be lost at any moment and says only *that* something happened:
PostgreSQL says what. Called by workers/, mail/ and auth/; no SQL, no IMAP.
"""
