# SPDX-License-Identifier: MIT
"""Rows of `contents` that a worker has read lately, bounded by octets. They never change, so none grows stale."""

from collections.abc import Callable, Collection
from sys import getsizeof
from typing import Any

Row = tuple[Any, ...]
Rows = dict[int, Row]

ROW_OCTETS = 150
"""What a row costs beside its values: the tuple, and its place in a dict."""


class ContentRows:
    """Two generations: what is used stays in the young one, and when that is full, the old one goes."""

    __slots__ = ("_most", "_octets", "_old", "_young")

    def __init__(self, most_octets: int = 8 << 20):
        self._most = most_octets // 2  # for one generation
        self._young: dict[Any, Rows] = {}
        self._old: dict[Any, Rows] = {}
        self._octets = 0

    def get(
        self, organization_id: int, columns: tuple[str, ...], ids: Collection[int], load: Callable[[list[int]], Rows]
    ) -> Rows:
        """The rows of these contents that are there; `load` is asked, at most once, for those that are not known."""
        key = (organization_id, columns)
        known = self._young.get(key, {})
        missing = [id for id in ids if id not in known]
        if not missing:
            return {id: known[id] for id in ids}
        old = self._old.get(key, {})
        found = {id: known[id] for id in ids if id in known}
        fresh = {id: old[id] for id in missing if id in old}
        if unknown := [id for id in missing if id not in fresh]:
            fresh.update(load(unknown))
        self._keep(key, fresh)
        found.update(fresh)
        return found

    def _keep(self, key: Any, rows: Rows) -> None:
        # One question alone would push out all else, and find nothing again either.
        if len(rows) * ROW_OCTETS > self._most // 2:
            return
        octets = sum(ROW_OCTETS + sum(map(getsizeof, row)) for row in rows.values())
        if octets > self._most // 2:
            return
        if self._octets + octets > self._most:
            self._old, self._young, self._octets = self._young, {}, 0
        self._young.setdefault(key, {}).update(rows)
        self._octets += octets
