# SPDX-License-Identifier: MIT
"""What goes on beside a test, in threads, from the beginning to the end of a with."""

import threading
from typing import Self


class Beside:
    """A kind of it makes its threads, whose work ends soon after _stop is set."""

    _threads: list[threading.Thread]

    def __init__(self) -> None:
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
