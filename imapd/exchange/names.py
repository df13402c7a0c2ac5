# SPDX-License-Identifier: MIT
"""Names of folders as they lie in a file system: modified UTF-7 in Maildir++, whatever a person typed in others."""

import re
from base64 import b64decode, b64encode

from imapd.exchange.letters import INBOX

_CODED = re.compile(r"&([A-Za-z0-9+,]*)-")
# In Maildir++ a dot is the delimiter, and a file's name cannot hold a slash.
_TO_CODE = re.compile(r"[^\x20-\x7e]+|[&./\\]+")


def decoded(name: str) -> str:
    """A level from modified UTF-7; what is none is left as it is."""

    def letters(found: re.Match[str]) -> str:
        coded = found[1]
        if not coded:
            return "&"
        return b64decode(coded + "=" * (-len(coded) % 4), b"+,").decode("utf-16-be")

    try:
        return _CODED.sub(letters, name)
    except ValueError:
        return name


def encoded(level: str) -> str:
    """A level in modified UTF-7, dots in it, too."""

    def coded(found: re.Match[str]) -> str:
        octets = b64encode(found[0].encode("utf-16-be"), b"+,").rstrip(b"=")
        return f"&{octets.decode()}-"

    return _TO_CODE.sub(coded, level)


def inbox_or(name: str) -> str:
    """INBOX however it is written."""
    first, slash, rest = name.partition("/")
    return INBOX + slash + rest if first.upper() == INBOX and first.isascii() else name
