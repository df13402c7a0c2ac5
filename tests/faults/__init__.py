# SPDX-License-Identifier: MIT
"""Processes and services die under load here, and nothing that was acknowledged may be missing afterwards."""
