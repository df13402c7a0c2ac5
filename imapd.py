#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The operator's command, thin: what it does stands in imapd/operator/. `import imapd` means the package beside it."""

import os
import sys


def in_environment() -> None:
    """From a checkout, use the libraries that `make` has put into .venv."""
    here = os.path.dirname(os.path.abspath(__file__))
    python = os.path.join(here, ".venv", "bin", "python")
    inside = os.path.realpath(sys.prefix) == os.path.join(os.path.realpath(here), ".venv")
    if not inside and sys.prefix == sys.base_prefix and os.access(python, os.X_OK):
        os.execv(python, [python, os.path.abspath(__file__), *sys.argv[1:]])


if __name__ == "__main__":
    in_environment()
    from imapd.operator.command import main

    main()
