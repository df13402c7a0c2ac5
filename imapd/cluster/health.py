# SPDX-License-Identifier: MIT
"""Whether Redis answers."""

from __future__ import annotations

import redis

from imapd.cluster.redis import client
from imapd.errors import Unavailable


def check(url: str) -> None:
    """Raises Unavailable where it does not."""
    try:
        connection = client(url, timeout_seconds=1, size=1)
        connection.ping()
        connection.close()
    except (redis.RedisError, OSError, ValueError) as error:
        raise Unavailable from error
