# SPDX-License-Identifier: MIT
"""ID: what is taken, what is refused (RFC 2971, section 3.3), and that it decides nothing."""

import pytest

from tests.protocol.talk import LOGIN, node, talk

ANSWER = [b'* ID ("name" "imapd")', b"a OK ID completed."]


@pytest.mark.parametrize(
    "given",
    [
        b"NIL", b"nil", b"()", b'("name" "x")', b'("name" NIL)', b'("name" "x" "version" "1.0")', b'("name" {3+}\r\na"b)',
        b"(" + b" ".join(b'"k%d" "v"' % n for n in range(30)) + b")", b'("' + b"k" * 30 + b'" "' + b"v" * 1024 + b'")',
    ],
)  # fmt: skip
def test_it_takes(given):
    for before in (b"", LOGIN):
        assert talk(before + b"a ID " + given + b"\r\n").lines[-2:] == ANSWER


@pytest.mark.parametrize(
    "given",
    [
        b"", b"x", b"(", b'("name")', b'("name" )', b'("name" x)', b"(NIL NIL)", b'("name" "x" )', b'("name" {4+}\r\na\r\nb)',
        b'("n\x01" "x")', b"(" + b" ".join(b'"k%d" "v"' % n for n in range(31)) + b")", b'("' + b"k" * 31 + b'" "v")',
        b'("k" "' + b"v" * 1025 + b'")', b'("name" "a" "NAME" "b")', b'(("name" "x"))', b"NILL",
    ],
)  # fmt: skip
def test_it_refuses(given):
    lines = talk(b"a ID " + given + b"\r\nz NOOP\r\n").lines
    assert lines[-2].startswith(b"a BAD ") and lines[-1] == b"z OK NOOP completed."


def test_a_client_is_known_by_what_it_says():
    connection = talk(b'a ID ("version" "1.2" "name" "Mail\xc3\xa9r" "x-originating-ip" "127.0.0.1")\r\n')
    assert connection.session.user_agent == "Mailér 1.2"
    assert connection.peer[0] == "192.0.2.1"


def test_the_operator_says_what_the_server_is_called():
    assert talk(b"a ID NIL\r\n", on=node(imap={"id": {}})).lines[1] == b"* ID NIL"
