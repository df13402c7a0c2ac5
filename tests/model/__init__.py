# SPDX-License-Identifier: MIT
"""The server against a model of it: random commands from several sessions, and after each the two must say the same."""
