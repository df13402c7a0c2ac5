# SPDX-License-Identifier: MIT
"""Measures, never tests: `make bench` runs the server and Debian's Dovecot side by side and prints ratios."""
