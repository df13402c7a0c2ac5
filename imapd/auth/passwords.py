# SPDX-License-Identifier: MIT
"""argon2id hashes of passwords: made, verified, and seen to be out of date. On which thread is not decided here."""

import secrets
import unicodedata

import argon2
from argon2.exceptions import InvalidHash, VerificationError

from imapd import settings

LONGEST_PASSWORD = 1024  # octets


class Unusable(ValueError):
    """A password that no login could ever present. str() says why."""


class Passwords:
    """Hashes with one set of parameters. Verifies a hash made with any."""

    def __init__(self, parameters: settings.Auth):
        self._hasher = argon2.PasswordHasher(
            time_cost=parameters.argon2_iterations,
            memory_cost=parameters.argon2_memory_kib,
            parallelism=parameters.argon2_parallelism,
            hash_len=32,
            salt_len=16,
            type=argon2.Type.ID,
        )
        # What a login of nobody is verified against: a true hash, so that it takes as long as any other.
        self.dummy = self._hasher.hash(secrets.token_hex())

    def hash(self, password: str) -> str:
        """The PHC string to store. Raises Unusable."""
        if not password:
            raise Unusable("The password is empty.")
        if "\0" in password:
            raise Unusable("The password contains a NUL.")
        try:
            password.encode()
        except UnicodeEncodeError:  # of octets that were read as surrogates
            raise Unusable("The password is not UTF-8.") from None
        octets = prepared(password)
        if len(octets) > LONGEST_PASSWORD:
            raise Unusable(f"The password is longer than {LONGEST_PASSWORD} octets.")
        return self._hasher.hash(octets)

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether it is the password. Takes the same time where there is none stored, or nothing that can be read."""
        octets = prepared(password)[: LONGEST_PASSWORD + 1]
        try:
            return self._hasher.verify(stored if stored is not None else self.dummy, octets) and stored is not None
        except VerificationError:
            return False
        except InvalidHash:
            return self.verify(None, password)

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than new ones are."""
        return self._hasher.check_needs_rehash(stored)


def prepared(password: str) -> bytes:
    """The octets that are hashed: OpaqueString of RFC 8265 (spaces of any kind are SPACE, then NFC), in UTF-8."""
    if not password.isascii():
        spaced = "".join(" " if unicodedata.category(each) == "Zs" else each for each in password)
        password = unicodedata.normalize("NFC", spaced)
    return password.encode("utf-8", "surrogatepass")
