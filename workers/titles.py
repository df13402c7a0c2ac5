# SPDX-License-Identifier: MIT
"""What `ps` shows for each of our processes."""

from setproctitle import setproctitle

_shown = ""


def set_title(title: str) -> None:
    """Cheap when nothing has changed."""
    global _shown
    if title != _shown:
        _shown = title
        setproctitle(title)
