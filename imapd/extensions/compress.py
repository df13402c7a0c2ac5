# SPDX-License-Identifier: MIT
"""COMPRESS=DEFLATE (RFC 4978). How octets are compressed, and how much they may grow, is in net/deflate_stream.py."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from imapd.protocol.answers import Refused
from imapd.protocol.registry import Capability, Done, command
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire.grammar import Cursor
from imapd.wire.responses import Output

if TYPE_CHECKING:
    from imapd.protocol.session import Session


def is_offered(session: Session) -> bool:
    return not session.connection.is_compressed


CAPABILITIES = (Capability(b"COMPRESS=DEFLATE", rfc=4978, states=AUTHENTICATED_UP, when=is_offered),)


def parse_compress(cursor: Cursor) -> bytes:
    """compress = "COMPRESS" SP algorithm; algorithm = "DEFLATE" """
    cursor.sp()
    return cursor.word(b"DEFLATE")


@command("COMPRESS", parse_compress, states=AUTHENTICATED_UP, rfc=4978, capability="COMPRESS=DEFLATE")
def compress(session: Session, args: bytes) -> Generator[Output, None, Done]:
    if session.connection.is_compressed:
        raise Refused(b"COMPRESSIONACTIVE", "Compression is active already.")
    yield from ()
    return Done("Compression begins now.", then=lambda: begin(session))


def begin(session: Session) -> None:
    """What was sent behind the command was sent too early to be compressed, and is not read as if it were."""
    session.framer.discard()
    session.connection.start_compression()
