# SPDX-License-Identifier: MIT
"""What is served over HTTP: /health and /metrics, from one table of routes. Called by workers/http.py through WSGI.

Talks to storage/ and cluster/ to ask whether they answer; knows no IMAP, no SQL.
"""
