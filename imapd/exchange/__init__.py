# SPDX-License-Identifier: MIT
"""Mail as other programs keep it: maildir, mbox, another IMAP server. Its forms are known here; where it goes is not.

A source gives folders, and each folder its letters in order. Names of folders are str with '/' between levels, INBOX is
called INBOX, and flags are those of IMAP.
"""
