# SPDX-License-Identifier: MIT
"""The table audit_log: rows are added and read, never changed. What is recorded is decided in imapd/audit.py."""

import json
from collections.abc import Iterable
from typing import Any

from imapd.storage.pool import Database, Row, Transaction


def insert(database: Database | Transaction, events: Iterable[dict[str, Any]]) -> None:
    """Adds events in one statement. Their keys are the table's columns; `at` is in seconds since 1970."""
    database.execute(
        """
        INSERT INTO audit_log (organization_id, at, event, outcome, user_id, address, remote_ip, detail)
        SELECT organization_id, to_timestamp(at), event, outcome, user_id, address, remote_ip, detail
        FROM jsonb_to_recordset(%s::jsonb) AS e (
            organization_id bigint, at double precision, event text, outcome text, user_id bigint, address text,
            remote_ip text, detail jsonb
        )
        """,
        (json.dumps(list(events)),),
    )


def latest(
    database: Database, organization_id: int | None, count: int, event: str | None = None, address: str | None = None
) -> list[Row]:
    """The latest events, newest first: of an organisation, or of all and of none."""
    return database.rows(
        """
        SELECT at, event, outcome, user_id, address, remote_ip, detail FROM audit_log
        WHERE (%(organization_id)s::bigint IS NULL OR organization_id = %(organization_id)s)
          AND (%(event)s::text IS NULL OR event = %(event)s)
          AND (%(address)s::text IS NULL OR address = %(address)s)
        ORDER BY at DESC, audit_id DESC LIMIT %(count)s
        """,
        {"organization_id": organization_id, "event": event, "address": address, "count": count},
    )
