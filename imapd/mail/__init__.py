# SPDX-License-Identifier: MIT
"""The rules of mail: whose folders there are and under which names, who may do what, what a session sees change.

Called by commands/ and extensions/ through Account and Mailbox; asks storage/ and tells cluster/. It knows no IMAP
syntax and no SQL text: names are str with '/' between levels, messages are positions in a view, errors are those of
imapd.errors.
"""
