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


def context(settings: Tls) -> ssl.SSLContext:
    """A server's context. Raises OSError or ssl.SSLError when the files do not make one."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(_CIPHERS_1_2)
    made.set_alpn_protocols(["imap"])
    made.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    made.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE  # phones without AES in hardware know best
    made.load_cert_chain(str(settings.certificate), settings.key)
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
