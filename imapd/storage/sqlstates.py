# SPDX-License-Identifier: MIT
"""What PostgreSQL says by its SQLSTATEs, in neutral words."""

import psycopg2

from imapd import errors, log

# A migration has changed what a planned statement returns: the plans of all connections are of no use any more.
PLAN_OUTDATED = "0A000"

# read_only_sql_transaction: a standby, or a server that its operator or its provider has made one that is only read.
READ_ONLY = "25006"

# SQLSTATEs after which the same transaction can be tried again: serialization_failure, deadlock_detected.
RETRIED = {"40001", "40P01", PLAN_OUTDATED}

# What functions in migrations/ raise on purpose, and what constraints say.
MEANING: dict[str, type[errors.MailError]] = {
    "IM001": errors.OverQuota,
    "IM002": errors.NotFound,
    "IM003": errors.LimitReached,
    "IM004": errors.NoTarget,
    "IM005": errors.AlreadyExists,
    "IM006": errors.HasChildren,
    "IM007": errors.Expunged,
    "IM008": errors.UseTaken,
    "23505": errors.AlreadyExists,
    "23503": errors.NotFound,
    "55P03": errors.InUse,  # lock_not_available: lock_timeout
    "57014": errors.InUse,  # query_canceled: statement_timeout
    "40001": errors.InUse,
    "40P01": errors.InUse,
    PLAN_OUTDATED: errors.InUse,
    READ_ONLY: errors.Unavailable,
}


def meaning(error: psycopg2.Error) -> Exception:
    """The neutral word for what PostgreSQL said; an error of ours in SQL stays what it is, to be logged."""
    if error.pgcode == "IM001":
        return errors.OverQuota(root=error.diag.message_detail or "")
    if error.pgcode == "IM009":
        # Nothing can come into it any more; whoever runs this has to make a new folder of it.
        log.error("no uid left", folder_group=error.diag.message_detail)
        return errors.LimitReached("The UIDs of this mailbox are used up.")
    if error.pgcode in MEANING:
        return MEANING[error.pgcode]()
    if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
        return errors.Unavailable()
    return error
