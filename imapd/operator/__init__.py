# SPDX-License-Identifier: MIT
"""The operator's command: what imapd.py offers on the command line.

It reads the configuration, asks storage/ to do the deed, and prints. It never speaks IMAP; `serve` and `demo` hand over
to workers/.
"""
