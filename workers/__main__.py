# SPDX-License-Identifier: MIT
"""python -m workers TYPE: one worker process. The master starts it; with --config FILE it runs by hand, alone."""

import sys

if sys.argv[1:2] == ["imap"]:
    from gevent import monkey

    monkey.patch_all()

import importlib
import os

from imapd.configuration import EXIT_CONFIG, ConfigError, load
from imapd.settings import Settings
from workers.channel import CHANNEL_VARIABLE, mine
from workers.child import prepare
from workers.types import TYPES


def main(arguments: list[str]) -> int:
    names = [kind.name for kind in TYPES]
    if not arguments or arguments[0] not in names:
        print(f"usage: python -m workers {'|'.join(names)} [--config FILE]", file=sys.stderr)
        return 64
    run = importlib.import_module(f"workers.{arguments[0]}").run
    if CHANNEL_VARIABLE in os.environ:
        channel, text, identity = mine()
        settings = Settings.from_json(text)
        prepare(settings, identity)
        return run(settings, channel, identity)
    try:
        settings = load(arguments[2], serving=True) if arguments[1:2] == ["--config"] else Settings()
    except (ConfigError, IndexError) as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    return run(settings, None, None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
