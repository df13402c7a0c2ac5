# SPDX-License-Identifier: MIT
"""The octets of one message, read as they are asked for."""

from imapd.errors import Corrupt
from imapd.storage.blobs import READ_AT_ONCE, BlobStore


class Body:
    """size in octets. A small body is read whole, once, and compared with its hash."""

    __slots__ = ("_octets", "_organization_id", "_sha256", "_store", "size")

    def __init__(self, store: BlobStore, organization_id: int, sha256: bytes, size: int):
        self._store = store
        self._organization_id = organization_id
        self._sha256 = sha256
        self._octets: bytes | None = None
        self.size = size

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """Octets from offset on, to the end at most. Raises errors.Corrupt."""
        if length is None or offset + length > self.size:
            length = max(0, self.size - offset)
        if self.size > READ_AT_ONCE:
            return self._store.read(self._organization_id, self._sha256, offset, length) if length else b""
        if self._octets is None:
            self._octets = self._store.whole(self._organization_id, self._sha256, self.size)
            if len(self._octets) != self.size:
                raise Corrupt
        return self._octets[offset : offset + length]
