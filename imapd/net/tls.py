# SPDX-License-Identifier: MIT
"""TLS as this server speaks it: 1.2 with forward secrecy and AEAD, or 1.3; ALPN "imap"; renewed certificates noticed.

Only what a TLS context is made of; the handshake happens in connection.py.
"""

from __future__ import annotations

import os
import ssl
import time

from imapd import log
from imapd.settings import Tls

_CIPHERS_1_2 = ":".join(
    f"ECDHE-{kind}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for kind in ("ECDSA", "RSA")
)
_LOOK_AGAIN_SECONDS = 30.0

PROTOCOL = b"imap"
#: A fatal alert, no_application_protocol (RFC 7301, section 3.2).
NO_APPLICATION_PROTOCOL = b"\x15\x03\x03\x00\x02\x02\x78"
_HANDSHAKE, _CLIENT_HELLO, _ALPN = 22, 1, 16
_LONGEST_HELLO = 5 + (16 << 10)


def context(settings: Tls) -> ssl.SSLContext:
    """A server's context. Raises OSError or ssl.SSLError when the files do not make one."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(_CIPHERS_1_2)
    made.set_alpn_protocols([PROTOCOL.decode()])
    made.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    made.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE  # phones without AES in hardware know best
    made.load_cert_chain(str(settings.certificate), settings.key, password="")  # else it asks at the terminal
    return made


class Certificates:
    """The context for new connections, made anew when the files have changed. A faulty new file: the old one stays."""

    def __init__(self, settings: Tls):
        self._settings = settings
        self._context: ssl.SSLContext | None = None
        self._seen: tuple[object, ...] = ()
        self._look_at = 0.0
        if settings.certificate is not None:
            self._seen = self._stamp()
            self._context = context(settings)

    @property
    def offered(self) -> bool:
        return self._context is not None

    def context(self) -> ssl.SSLContext:
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + _LOOK_AGAIN_SECONDS
            self._look()
        if self._context is None:
            raise ssl.SSLError("no certificate is configured")
        return self._context

    def _look(self) -> None:
        try:
            stamp = self._stamp()
            if stamp != self._seen:
                self._seen = stamp
                self._context = context(self._settings)
                log.info("tls certificate loaded again", file=self._settings.certificate)
        except (OSError, ssl.SSLError) as error:
            log.error("tls certificate cannot be loaded; the old one stays", error=error)

    def _stamp(self) -> tuple[object, ...]:
        stamps: list[object] = []
        for file in (self._settings.certificate, self._settings.key):
            found = os.stat(str(file))
            stamps += [found.st_mtime_ns, found.st_size, found.st_ino]
        return tuple(stamps)


def speaks_another_protocol(hello: bytes) -> bool | None:
    """Whether a client offers application protocols and ours is none of them. None: more octets are needed.

    OpenSSL as Python has it would go on without one, and a browser could be made to talk to us (ALPACA).
    """
    if len(hello) < 5 and hello[:1] in (b"", b"\x16"):
        return None
    if hello[0] != _HANDSHAKE:
        return False  # OpenSSL says what is wrong with it
    end = 5 + int.from_bytes(hello[3:5], "big")
    if len(hello) < end <= _LONGEST_HELLO:
        return None
    try:
        offered = _offered(hello[5:end])
    except IndexError:  # garbage, or a hello in several records
        return False
    return bool(offered) and PROTOCOL not in offered


def _offered(message: bytes) -> list[bytes]:
    """The protocol names in a ClientHello (RFC 8446, section 4.1.2)."""
    if message[0] != _CLIENT_HELLO:
        return []
    at = 4 + 2 + 32
    at += 1 + message[at]  # legacy_session_id
    at += 2 + (message[at] << 8 | message[at + 1])  # cipher_suites
    at += 1 + message[at]  # legacy_compression_methods
    end = at + 2 + (message[at] << 8 | message[at + 1])
    at += 2
    while at < end:
        kind, size = message[at] << 8 | message[at + 1], message[at + 2] << 8 | message[at + 3]
        at += 4
        if kind == _ALPN:
            return _names(message[at + 2 : at + size])
        at += size
    return []


def _names(octets: bytes) -> list[bytes]:
    names, at = [], 0
    while at < len(octets):
        names.append(octets[at + 1 : at + 1 + octets[at]])
        at += 1 + octets[at]
    return names
