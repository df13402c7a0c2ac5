# SPDX-License-Identifier: MIT
"""Hostile octets against a running server: sessions that are valid, mutated, cut short, or never were valid."""
