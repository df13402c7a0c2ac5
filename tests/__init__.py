# SPDX-License-Identifier: MIT
"""Tests. They mirror the tree; dialogs/, fuzz/, faults/, clients/ and benchmarks/ run against real processes."""
