# SPDX-License-Identifier: MIT
"""Hashes of passwords."""

import pytest

from imapd.auth.passwords import LONGEST_PASSWORD, Passwords, Unusable
from imapd.settings import Auth
from tests.auth.conftest import FAST


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords(FAST)


def test_a_hash_is_argon2id_and_salted(passwords: Passwords) -> None:
    first, second = passwords.hash("secret"), passwords.hash("secret")
    assert first.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert first != second
    assert passwords.verify(first, "secret")
    assert not passwords.verify(first, "Secret")


def test_the_defaults_are_those_of_owasp() -> None:
    made = Passwords(Auth()).dummy
    assert made.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_nobody_has_the_password_of_the_dummy(passwords: Passwords) -> None:
    assert passwords.dummy.startswith("$argon2id$")
    assert not passwords.verify(None, "")
    assert not passwords.verify(None, "anything")


@pytest.mark.parametrize(
    "stored", ["", "x", "$argon2id$", "{SSHA}abc", "$argon2id$v=19$m=64,t=1,p=1$c2FsdA$", "$1$a$b"]
)
def test_a_hash_that_cannot_be_read_is_a_wrong_password(passwords: Passwords, stored: str) -> None:
    assert not passwords.verify(stored, "secret")


def test_composed_or_not_it_is_the_same_password(passwords: Passwords) -> None:
    assert passwords.verify(passwords.hash("pa\u0308ss\u3000wort"), "päss wort")


def test_other_parameters_make_a_hash_outdated(passwords: Passwords) -> None:
    old = Passwords(Auth(argon2_memory_kib=32, argon2_iterations=1)).hash("secret")
    assert passwords.verify(old, "secret")
    assert passwords.is_outdated(old)
    assert not passwords.is_outdated(passwords.hash("secret"))


@pytest.mark.parametrize("password", ["", "a\0b", "\udcff\udcfe", "x" * (LONGEST_PASSWORD + 1), "ü" * (LONGEST_PASSWORD // 2 + 1)])
def test_passwords_that_no_login_could_present_are_refused(passwords: Passwords, password: str) -> None:
    with pytest.raises(Unusable):
        passwords.hash(password)


def test_what_is_longer_than_any_password_is_not_one_cut_short(passwords: Passwords) -> None:
    stored = passwords.hash("x" * LONGEST_PASSWORD)
    assert passwords.verify(stored, "x" * LONGEST_PASSWORD)
    assert not passwords.verify(stored, "x" * LONGEST_PASSWORD + "y")
