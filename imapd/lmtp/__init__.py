# SPDX-License-Identifier: MIT
"""LMTP (RFC 2033): what an MTA says to deliver mail, and what it is answered. syntax.py is pure octets; session.py is
the dialogue, the only place of aiosmtpd; replies.py is every reply to a recipient.

Called by workers/lmtp.py. Who a recipient is, and what comes into an INBOX, is decided in mail/reception.py.
"""
