# SPDX-License-Identifier: MIT
"""Who somebody is: SASL mechanisms, password hashes, and what failed logins cost.

Called by the commands that log in, and by the operator's command for hashes. It knows nothing of IMAP and holds no SQL.
"""
