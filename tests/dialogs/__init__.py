# SPDX-License-Identifier: MIT
"""Stories (*.imap): dialogs of numbered connections with a running server. README.md says how to write one."""
