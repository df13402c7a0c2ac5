# SPDX-License-Identifier: MIT
"""The C library's heap, where all objects of a worker lie: it gives back what is free at its end, and this the rest."""

import ctypes
import os

EVERY_SECONDS = 60
SPARE_OCTETS = 64 << 20
"""So much more than a worker began with may lie free in its memory."""

_PAGE = os.sysconf("SC_PAGE_SIZE")
_LIBRARY = ctypes.CDLL(None)


class _Mallinfo2(ctypes.Structure):
    """malloc.h; octets, but for the numbers of blocks."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
        )
    ]  # fmt: skip


_LIBRARY.mallinfo2.restype = _Mallinfo2


class Heap:
    """One small object that stays can keep all below it from going back: that is looked after now and then."""

    def __init__(self) -> None:
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)  # there may be no descriptor left later
        self._usual = self._beside_what_is_used()
        self._due = 0.0

    def look(self, now: float) -> None:
        """Asked as often as one likes, it looks once a minute. Takes a tenth of a millisecond; where there is something
        to give back, ten or so for each GiB."""
        if now < self._due:
            return
        self._due = now + EVERY_SECONDS
        if self._beside_what_is_used() - self._usual > SPARE_OCTETS:
            _LIBRARY.malloc_trim(0)
            self._usual = max(self._usual, self._beside_what_is_used())  # what it could not help needs no further try

    def _beside_what_is_used(self) -> int:
        """Octets of this process in memory that no object takes up: programs, stacks, and what is free in the heap."""
        resident = int(os.pread(self._statm, 200, 0).split()[1]) * _PAGE
        info = _LIBRARY.mallinfo2()
        return int(resident - info.uordblks - info.hblkhd)
