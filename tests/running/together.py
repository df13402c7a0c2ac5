# SPDX-License-Identifier: MIT
"""Many do something at the same time."""

import threading
from collections.abc import Callable


def together(*deeds: Callable[[], object], seconds: float = 100) -> None:
    """Does all of them, each on a thread, and raises what the first to fail raised. Nobody may take longer."""
    failed: list[BaseException] = []

    def run(deed: Callable[[], object]) -> None:
        try:
            deed()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(deed,), daemon=True) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
        assert not thread.is_alive()
    if failed:
        raise failed[0]
