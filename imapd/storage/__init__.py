# SPDX-License-Identifier: MIT
"""Where things lie: PostgreSQL for metadata, the blob store for octets.

The only package that names psycopg2 or boto3, and the only one that holds SQL. Called by mail/ and auth/. It knows
nothing of IMAP, of rights or of Redis: what may be done is decided in mail/.
"""
