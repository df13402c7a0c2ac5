# SPDX-License-Identifier: MIT
"""What put() and keep() promise when they return, and what they leave behind where the disk is full."""

import hashlib
import os
import resource
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from imapd import errors
from imapd.storage import blobs
from imapd.storage.blobs import Begun, BlobStore
from tests.running import store as running

OCTETS = b"x" * 3000
NAME = hashlib.sha256(OCTETS).digest()


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


@contextmanager
def full_disk() -> Iterator[None]:
    """The operating system takes the first 1,000 octets of a file and says so; only the next write fails.

    No longer than for the call that is tested: what the tests print may go to a file, too.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The directories that were synced."""
    found: list[Path] = []
    monkeypatch.setattr(blobs, "_sync_directory", lambda path: found.append(Path(path)))
    return found


def files(store: BlobStore) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file()]


def test_a_full_disk_never_keeps_a_part(store: BlobStore) -> None:
    with pytest.raises(errors.Unavailable), full_disk():
        store.put(1, [(NAME, OCTETS)])
    assert files(store) == []


def test_a_full_disk_leaves_nothing_of_a_spool(store: BlobStore) -> None:
    spool = store.spool()
    with full_disk():
        spool.write(OCTETS)
        with pytest.raises(errors.Unavailable):
            spool.octets()
        spool.close()
    assert files(store) == []


def test_what_has_come_whole_holds_no_descriptor(store: BlobStore) -> None:
    before = os.listdir("/proc/self/fd")
    spools = [spooled(store) for _ in range(10)]
    for spool in spools:
        spool.finish()
    assert os.listdir("/proc/self/fd") == before
    store.keep(1, spools[0])
    assert store.whole(1, NAME, len(OCTETS)) == OCTETS
    for spool in spools:
        spool.close()
    assert os.listdir(store.root / "incoming") == []


StoreIt = Callable[[BlobStore], object]

WAYS = [
    pytest.param(lambda store: store.put(1, [(NAME, OCTETS)]), id="put"),
    pytest.param(lambda store: store.put(1, [(NAME, OCTETS)] * 2), id="put twice at once"),
    pytest.param(lambda store: store.keep(1, spooled(store)), id="keep"),
]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("store_it", WAYS)
def test_a_blob_whose_writer_has_died_is_on_the_disk_all_the_same(
    store: BlobStore, synced: list[Path], monkeypatch: pytest.MonkeyPatch, store_it: StoreIt
) -> None:
    directory = store.root / "1" / NAME.hex()[:2]

    def die_there(path: str) -> None:
        if Path(path) == directory:
            raise OSError
        synced.append(Path(path))

    with monkeypatch.context() as patched:
        patched.setattr(blobs, "_sync_directory", die_there)
        with pytest.raises(errors.Unavailable):
            store_it(store)
    (blob,) = files(store)
    assert mode(blob) != blobs.KEPT
    assert directory not in synced
    store_it(BlobStore(store.root))
    assert {store.root, directory.parent, directory} <= set(synced)
    assert files(store) == [blob]
    assert mode(blob) == blobs.KEPT


@pytest.mark.parametrize("store_it", WAYS)
def test_a_blob_that_is_kept_is_neither_written_nor_synced_again(
    store: BlobStore, synced: list[Path], store_it: StoreIt
) -> None:
    store.put(1, [(NAME, OCTETS)])
    (blob,) = files(store)
    before = blob.stat()
    os.utime(blob, (0, 0))
    synced.clear()
    store_it(BlobStore(store.root))
    assert blob.parent not in synced
    assert files(store) == [blob]
    after = blob.stat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert after.st_mtime >= before.st_mtime  # it is as good as new to the collector of garbage


def test_only_what_is_whole_and_whose_name_is_on_the_disk_is_there(store: BlobStore) -> None:
    assert not store.use_again(1, NAME, len(OCTETS))
    store.put(1, [(NAME, OCTETS)])
    (blob,) = files(store)
    os.utime(blob, (0, 0))
    assert store.use_again(1, NAME, len(OCTETS))
    assert blob.stat().st_mtime > 0  # as good as new to the collector of garbage
    assert not store.use_again(1, NAME, len(OCTETS) + 1)
    assert not store.use_again(2, NAME, len(OCTETS))
    blob.chmod(blobs.NOT_KEPT)
    assert not store.use_again(1, NAME, len(OCTETS))
    shutil.rmtree(blob.parent)
    blob.parent.write_bytes(b"")  # something else has its place
    with pytest.raises(errors.Unavailable):
        store.use_again(1, NAME, len(OCTETS))


def test_a_new_store_is_on_the_disk_from_the_first_directory_that_was_there(tmp_path: Path, synced: list[Path]) -> None:
    for path, keep in (("var/blobs", False), ("srv/mail/blobs", True)):
        synced.clear()
        store = BlobStore(tmp_path / path)
        if keep:
            store.keep(1, spooled(store))
        else:
            store.put(1, [(NAME, OCTETS)])
        made = files(store)[0].relative_to(tmp_path).parents
        assert {tmp_path / directory for directory in made} <= set(synced)
        assert tmp_path.parent not in synced


@pytest.mark.parametrize("store_it", WAYS)
def test_a_directory_whose_maker_has_died_is_on_the_disk_all_the_same(
    store: BlobStore, synced: list[Path], monkeypatch: pytest.MonkeyPatch, store_it: StoreIt
) -> None:
    leaf = store.root / "1" / NAME.hex()[:2]
    for directory in (leaf, leaf.parent, store.root):

        def die_there(path: str, directory: Path = directory) -> None:
            if Path(path) == directory.parent and directory.is_dir():
                raise OSError

        shutil.rmtree(store.root, ignore_errors=True)
        with monkeypatch.context() as patched:
            patched.setattr(blobs, "_sync_directory", die_there)
            with pytest.raises(errors.Unavailable):
                store_it(BlobStore(store.root))
        assert directory.is_dir()
        synced.clear()
        store_it(BlobStore(store.root))
        assert directory.parent in synced
        assert mode(directory) == 0o700


def test_a_directory_that_another_process_is_making_is_synced_by_both(
    store: BlobStore, synced: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.spool().close()
    directory = store.root / "1"
    others = [BlobStore(store.root)]
    seen: list[Path] = []

    def made_slowly(path: str) -> None:
        if Path(path) == store.root and others:
            others.pop().put(1, [(NAME, OCTETS)])
        seen.append(Path(path))

    monkeypatch.setattr(blobs, "_sync_directory", made_slowly)
    store.put(1, [(NAME, OCTETS)])
    assert seen.count(store.root) == 2 and mode(directory) == 0o700


def test_where_modes_cannot_be_changed_it_works_all_the_same(
    store: BlobStore, synced: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "chmod", refused)
    for _ in range(2):
        synced.clear()
        BlobStore(store.root).put(1, [(NAME, OCTETS)])
        assert {store.root.parent, store.root, store.root / "1"} <= set(synced)


def test_directories_that_are_on_the_disk_are_not_synced_by_each_process(store: BlobStore, synced: list[Path]) -> None:
    store.put(1, [(NAME, OCTETS)])
    store.root.joinpath("1").chmod(0o2750)  # as an administrator may want it
    store.root.chmod(0o1777)
    (blob,) = files(store)
    blob.unlink()
    synced.clear()
    BlobStore(store.root).put(1, [(NAME, OCTETS)])
    assert synced == [blob.parent]  # for the name of the blob
    assert (mode(store.root / "1"), mode(store.root)) == (0o2750, 0o1777)


def spooled(store: BlobStore) -> blobs.Spool:
    spool = store.spool()
    spool.write(OCTETS)
    return spool


def test_what_was_kept_is_read_back(store: BlobStore) -> None:
    store.keep(1, spooled(store))
    assert store.whole(1, NAME, len(OCTETS)) == OCTETS
    assert store.read(1, NAME, 2990, 10) == b"x" * 10
    with pytest.raises(errors.Corrupt):
        store.read(1, NAME, 2990, 11)
    assert os.listdir(store.root / "incoming") == []


def test_others_have_a_turn_while_much_is_read(tmp_path: Path) -> None:
    turns = []

    def begin(function: Callable[..., Any], *arguments: Any) -> Begun:
        turns.append(function)
        return running.begin(function, *arguments)

    store = BlobStore(tmp_path / "blobs", begin)
    octets = bytes(range(256)) * 4096
    name = hashlib.sha256(octets).digest()
    store.put(1, [(name, octets)])
    assert store.read(1, name, 0, len(octets)) == octets  # it lies in the cache now, if it did not before
    turns.clear()
    for offset in range(16):
        assert store.read(1, name, offset, len(octets) - 16) == octets[offset : offset - 16]
    assert 4 <= turns.count(os.pread) <= 8


def test_directories_that_somebody_has_taken_away_are_made_again(store: BlobStore, synced: list[Path]) -> None:
    """As when another file system is mounted there, or what was removed by mistake is brought back."""
    for keep in (False, True):
        store.put(1, [(NAME, OCTETS)])
        shutil.rmtree(store.root)
        with pytest.raises(errors.Unavailable):
            if keep:
                store.root.mkdir()
                spool = store.spool()
                spool.write(OCTETS)
                store.keep(1, spool)
            else:
                store.put(1, [(NAME, OCTETS)])
        synced.clear()
        store.put(1, [(NAME, OCTETS)])
        assert store.whole(1, NAME, len(OCTETS)) == OCTETS
        assert {store.root, store.root / "1"} <= set(synced)
