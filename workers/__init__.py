# SPDX-License-Identifier: MIT
"""Which processes run, and how they live and die: a plain master, and the workers that it execs.

Called by imapd.py serve and demo. No IMAP verb, no SQL: what a worker serves is imported from imapd.
"""
