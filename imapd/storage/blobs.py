# SPDX-License-Identifier: MIT
"""The octets of messages: files named by their SHA-256 below one directory an organisation.

A file is whole and on the disk (itself and its directory entry) before put() or keep() returns; it never changes after.
No name of a user or mailbox ever becomes part of a path.
"""

import hashlib
import mmap
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO, Protocol

from imapd import errors

READ_AT_ONCE = 256 << 10
"""Octets up to which a blob is read, and checked against its name, in one go."""

AT_A_STRETCH = 2 << 20
"""Octets that are read out of the page cache in a row before other sessions have a turn: whoever reads them works on
them, too, and a message that is decoded or looked through a thousand times would hold up everybody."""

KEPT = 0o400
"""The mode of a blob whose name is on the disk, too. Whoever finds one of another mode has to see to that."""

NOT_KEPT = 0o600

FRESH = stat.S_ISVTX
"""In the mode of a directory that nobody but the server comes to: its own name may not be on the disk yet."""


_ORGANIZATION = re.compile(r"[1-9][0-9]{0,17}")


class Begun(Protocol):
    """A call that another thread makes."""

    def has_ended(self, seconds: float) -> bool:
        """Whether it has, so many seconds from now at the latest."""

    def result(self) -> Any:
        """Waits for its end. Gives what it gave, raises what it raised; each time it is asked."""


Begin = Callable[..., Begun]
"""Has another thread make a call that would hold up the hub: begin(function, *args)."""


class Spool:
    """A message on its way in, too large for memory: a temporary file in the store, hashed as it grows.

    It is open while it grows, no longer: a command may bring thousands of them.
    """

    __slots__ = ("_file", "_hash", "path", "size")

    def __init__(self, directory: str | Path):
        handle, name = tempfile.mkstemp(dir=directory)
        self._file: BinaryIO | None = os.fdopen(handle, "wb", buffering=1 << 16)
        self._hash = hashlib.sha256()
        self.path = name
        self.size = 0

    def write(self, octets: bytes) -> None:
        """Raises errors.Unavailable where the disk is full."""
        assert self._file
        self._hash.update(octets)
        self.size += len(octets)
        try:
            self._file.write(octets)
        except OSError as error:
            raise errors.Unavailable from error

    def sha256(self) -> bytes:
        return self._hash.digest()

    def finish(self) -> None:
        """All of it has come. Raises errors.Unavailable where the disk is full."""
        file, self._file = self._file, None
        try:
            if file:
                file.close()
        except OSError as error:
            raise errors.Unavailable from error

    def octets(self) -> mmap.mmap | bytes:
        """The whole, for the parser: mapped, not read. Raises errors.Unavailable where the disk is full."""
        self.finish()
        try:
            with open(self.path, "rb") as file:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if self.size else b""
        except OSError as error:
            raise errors.Unavailable from error

    def synced(self) -> str:
        """The path of the file, which is on the disk."""
        self.finish()
        with open(self.path, "rb") as file:
            os.fsync(file.fileno())
        return self.path

    def close(self) -> None:
        """Gives up what has not been kept."""
        with suppress(errors.Unavailable):  # what could not be written matters no more, but the file must go
            self.finish()
        with suppress(OSError):
            os.unlink(self.path)


class BlobStore:
    """Blobs on a file system. Raises errors.Unavailable where it cannot write, errors.Corrupt where it cannot read.
    begin: None where there is no hub that a blocking call would hold up."""

    def __init__(self, path: str | Path, begin: Begin | None = None):
        self.root = Path(path)
        self._root = os.path.abspath(path)
        self._begin = begin
        self._incoming = os.path.join(self._root, "incoming")
        self._known: set[str] = set()  # directories that are there, and on the disk
        self._at_a_stretch = 0

    def organizations(self) -> list[int]:
        """Those that have a directory here, be they still there or not."""
        names = os.listdir(self._root) if os.path.isdir(self._root) else []
        return sorted(int(name) for name in names if _ORGANIZATION.fullmatch(name))

    def spool(self) -> Spool:
        try:
            self._prepare(self._incoming)
            return Spool(self._incoming)
        except OSError as error:
            self._known.clear()  # one of them may be gone
            raise errors.Unavailable from error

    def use_again(self, organization_id: int, sha256: bytes, size: int) -> bool:
        """Whether there is such a blob, on the disk; if so, it is now as good as new to the collector of garbage. Two
        system calls, made on the hub: to have another thread make them takes ten times as long."""
        try:
            return _mode_of_used(self._path(organization_id, sha256), size) == KEPT
        except OSError as error:
            raise errors.Unavailable from error

    def begin_put(self, organization_id: int, sha256: bytes, octets: bytes) -> Begun | None:
        """Begins to keep octets; they are on the disk once it has ended well. None where no other thread would do that:
        then nothing has begun."""
        if self._begin is None:
            return None
        return self._begin(self._put, [(self._path(organization_id, sha256), octets)])

    def put(self, organization_id: int, blobs: Iterable[tuple[bytes, bytes]]) -> None:
        """Keeps octets, each given as (sha256, octets). They are on the disk when this returns."""
        self._offload(self._put, [(self._path(organization_id, sha256), octets) for sha256, octets in blobs])

    def keep(self, organization_id: int, spool: Spool) -> bytes:
        """Keeps what was spooled; returns its sha256."""
        self._offload(self._keep, self._path(organization_id, spool.sha256()), spool)
        return spool.sha256()

    def read(self, organization_id: int, sha256: bytes, offset: int, length: int) -> bytes:
        """Octets of a blob. Raises errors.Corrupt where there are fewer than asked for."""
        try:
            handle = os.open(self._path(organization_id, sha256), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise errors.Corrupt from error
        try:
            octets = self._read(handle, offset, length)
        except OSError as error:
            raise errors.Corrupt from error
        finally:
            os.close(handle)
        if len(octets) != length:
            raise errors.Corrupt
        return octets

    def whole(self, organization_id: int, sha256: bytes, size: int) -> bytes:
        """All octets of a blob, compared with its name. For blobs up to READ_AT_ONCE."""
        octets = self.read(organization_id, sha256, 0, size + 1 if size == 0 else size) if size else b""
        if hashlib.sha256(octets).digest() != sha256:
            raise errors.Corrupt
        return octets

    def size(self, organization_id: int, sha256: bytes) -> int:
        """Octets of a blob; 0 where there is none."""
        try:
            return os.stat(self._path(organization_id, sha256)).st_size
        except OSError:
            return 0

    def verify(self, organization_id: int, sha256: bytes, size: int) -> None:
        """Reads a blob of any size and compares it with its name. Raises errors.Corrupt."""
        digest = hashlib.sha256()
        for offset in range(0, size, READ_AT_ONCE):
            digest.update(self.read(organization_id, sha256, offset, min(READ_AT_ONCE, size - offset)))
        if digest.digest() != sha256:
            raise errors.Corrupt

    def exists(self, organization_id: int, sha256: bytes) -> bool:
        return os.path.exists(self._path(organization_id, sha256))

    def remove(self, organization_id: int, sha256: bytes) -> None:
        Path(self._path(organization_id, sha256)).unlink(missing_ok=True)

    def _offload(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(*args) if self._begin is None else self._begin(function, *args).result()

    def _read(self, handle: int, offset: int, length: int) -> bytes:
        """What lies in the page cache at once, the rest off the hub."""
        self._at_a_stretch += length
        if self._at_a_stretch > AT_A_STRETCH:
            self._at_a_stretch = 0
            return bytes(self._offload(os.pread, handle, length, offset))
        buffer = bytearray(length)
        try:
            done = os.preadv(handle, [buffer], offset, os.RWF_NOWAIT)
        except OSError:  # nothing of it is in the cache, or the file system does not know RWF_NOWAIT
            done = 0
        if done < length:
            rest = self._offload(os.pread, handle, length - done, offset + done)
            return bytes(buffer[:done]) + rest
        return bytes(buffer)

    def _path(self, organization_id: int, sha256: bytes) -> str:
        """Where a blob lies. As text: to make a Path costs more than to read the file."""
        name = sha256.hex()
        return f"{self._root}/{organization_id}/{name[:2]}/{name}"

    def _put(self, named: list[tuple[str, bytes]]) -> None:
        self._store([(path, len(octets), partial(self._written, octets)) for path, octets in named])

    def _keep(self, path: str, spool: Spool) -> None:
        self._store([(path, spool.size, spool.synced)])
        spool.close()  # where the blob was there already

    def _store(self, blobs: list[tuple[str, int, Callable[[], str]]]) -> None:
        """Each with its path, its size, and what gives the path of a file with its octets, on the disk, if one is
        needed."""
        new = []
        try:
            for path, size, written in blobs:
                mode = _mode_of_used(path, size)
                if mode == KEPT:
                    continue
                self._prepare(os.path.dirname(path))
                if mode is None:
                    os.rename(written(), path)
                new.append(path)
            _sync_names(new)
        except OSError as error:
            self._known.clear()
            raise errors.Unavailable from error

    def _written(self, octets: bytes) -> str:
        """The path of a new file with these octets, on the disk."""
        self._prepare(self._incoming)
        path = os.path.join(self._incoming, token_hex(16))  # tempfile and a file object would make many calls more
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, NOT_KEPT)
        try:
            view = memoryview(octets)
            while view:
                view = view[os.write(handle, view) :]
            os.fsync(handle)
        except BaseException:
            with suppress(OSError):
                os.unlink(path)
            raise
        finally:
            os.close(handle)
        return path

    def _prepare(self, directory: str) -> None:
        """Makes a directory of the store; it is on the disk, too, whoever has made it. So are the root and those above
        it where they are made here. What is there and on the disk costs no flush, in no process."""
        if directory in self._known:
            return
        is_ours = directory == self._root or directory.startswith(self._root + os.sep)
        if not is_ours and os.path.isdir(directory):
            return
        parent = os.path.dirname(directory)
        self._prepare(parent)
        made = _made(directory, 0o700 | FRESH if is_ours else 0o700)
        mode = stat.S_IMODE(os.stat(directory).st_mode)
        is_fresh = is_ours and mode & FRESH and not mode & 0o077  # to others, as for /tmp, the bit says something else
        if made or is_fresh:
            _sync_directory(parent)
        if is_fresh:
            with suppress(OSError):  # the next one to use it syncs it once more
                os.chmod(directory, mode & ~FRESH)
        self._known.add(directory)


def _made(directory: str, mode: int) -> bool:
    try:
        os.mkdir(directory, mode)
    except FileExistsError:
        return False
    return True


def _mode_of_used(path: str, size: int) -> int | None:
    """Of the blob that is there already, whole; it is now as good as new to the collector of garbage. None where there
    is none."""
    try:
        os.utime(path)  # first: from now on it stays, so what is seen next is what is used
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return stat.S_IMODE(found.st_mode) if found.st_size == size else None


def _sync_names(paths: list[str]) -> None:
    """These blobs will be found after a crash. Who has put one there may not have come to this, or have died before."""
    for directory in {os.path.dirname(path) for path in paths}:
        _sync_directory(directory)
    for path in paths:
        with suppress(OSError):  # the next one to use it does it all once more
            os.chmod(path, KEPT)


def _sync_directory(path: str) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
