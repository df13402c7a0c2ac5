# SPDX-License-Identifier: MIT
"""A master as `imapd.py serve` runs it, with echo workers. Usage: echo_master.py CONFIG"""

import functools
import sys
from dataclasses import replace
from pathlib import Path

from imapd.configuration import EXIT_CONFIG, ConfigError, load
from workers.master import serve
from workers.types import TYPES

ECHO = (sys.executable, str(Path(__file__).with_name("echo_worker.py")))

try:
    types = [
        replace(kind, command=ECHO) if kind.name == "imap" else kind for kind in TYPES if kind.name != "maintenance"
    ]
    sys.exit(serve(functools.partial(load, sys.argv[1], serving=True), types=types))
except ConfigError as error:
    print(error, file=sys.stderr)
    sys.exit(EXIT_CONFIG)
