# SPDX-License-Identifier: MIT
"""imapd: an IMAP server for organisations whose people have addresses in several domains.

What the server does. Which processes run, and how they live and die, is the business of the package `workers`.
"""

__version__ = "0.1.0"
