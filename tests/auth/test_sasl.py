# SPDX-License-Identifier: MIT
"""SASL PLAIN and LOGIN, and base64 that is nothing else."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.auth import sasl
from imapd.errors import AuthenticationFailed, AuthorizationFailed


def told(mechanism: bytes, *responses: bytes) -> tuple[list[bytes], tuple[str, str] | None]:
    """The challenges of an exchange, and what came out of it."""
    exchange = sasl.MECHANISMS[mechanism]()
    challenges = [next(exchange)]
    try:
        for response in responses:
            challenges.append(exchange.send(response))
    except StopIteration as end:
        return challenges, end.value
    return challenges, None


def test_plain() -> None:
    assert told(b"PLAIN", b"\0user@example.com\0pass word") == ([b""], ("user@example.com", "pass word"))
    assert told(b"PLAIN", "\0ü@example.com\0пароль".encode())[1] == ("ü@example.com", "пароль")


def test_plain_for_oneself_is_fine_and_for_somebody_else_is_not() -> None:
    assert told(b"PLAIN", b"alice\0alice\0pw")[1] == ("alice", "pw")
    with pytest.raises(AuthorizationFailed):
        told(b"PLAIN", b"bob\0alice\0pw")


@pytest.mark.parametrize("message", [b"", b"user", b"\0user", b"\0u\0p\0", b"a\0b\0c\0d", b"\0\xff\0pw", b"\0u\0\xc3"])
def test_plain_that_is_none(message: bytes) -> None:
    with pytest.raises(AuthenticationFailed):
        told(b"PLAIN", message)


def test_login() -> None:
    assert told(b"LOGIN", b"user", b"pw") == ([b"Username:", b"Password:"], ("user", "pw"))
    with pytest.raises(AuthenticationFailed):
        told(b"LOGIN", b"user", b"\xff")


@pytest.mark.parametrize(
    "line", [b"!!!", b"YQ==YQ==", b"YQ=", b"YQ", b"Y Q==", b"YQ==\n", b"YR==", b"\xff", b"==", b"=YQ=", b"YQ===", b"-_"]
)
def test_what_is_no_base64(line: bytes) -> None:
    with pytest.raises(sasl.BadResponse):
        sasl.decode(line)


def test_the_empty_response_and_the_longest() -> None:
    assert sasl.decode(b"=") == b""
    assert sasl.decode(b"") == b""
    assert len(sasl.decode(b"A" * sasl.LONGEST_RESPONSE)) == 6144
    with pytest.raises(sasl.BadResponse):
        sasl.decode(b"A" * (sasl.LONGEST_RESPONSE + 4))


@given(st.binary(max_size=100))
def test_base64_comes_back(octets: bytes) -> None:
    assert sasl.decode(sasl.encode(octets)) == octets


@given(st.binary(max_size=40))
def test_base64_is_taken_only_as_it_would_be_written(line: bytes) -> None:
    try:
        octets = sasl.decode(line)
    except sasl.BadResponse:
        return
    assert base64.b64encode(octets) == line or line == b"="
