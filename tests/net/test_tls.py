# SPDX-License-Identifier: MIT
"""Certificates that are renewed, and what a ClientHello says."""

import shutil
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.net import tls
from imapd.net.tls import Certificates, speaks_another_protocol
from imapd.settings import Tls
from workers.certificate import make_certificate


@pytest.fixture
def files(tmp_path: Path) -> Tls:
    make_certificate(tmp_path / "certificate.pem", tmp_path / "key.pem")
    return Tls(str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem"))


def hello(*protocols: str) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="imap.example.com")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_a_renewed_certificate_is_noticed(files: Tls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_LOOK_AGAIN_SECONDS", 0.0)
    certificates = Certificates(files)
    first = certificates.context()
    assert certificates.context() is first
    make_certificate(tmp_path / "new.pem", tmp_path / "newkey.pem")
    shutil.move(tmp_path / "newkey.pem", tmp_path / "key.pem")
    assert certificates.context() is first  # half renewed: key and certificate do not fit
    shutil.move(tmp_path / "new.pem", tmp_path / "certificate.pem")
    assert certificates.context() is not first


def test_a_certificate_that_is_gone_leaves_the_old_one(files: Tls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_LOOK_AGAIN_SECONDS", 0.0)
    certificates = Certificates(files)
    first = certificates.context()
    Path(str(files.certificate)).unlink()
    assert certificates.context() is first


def test_without_certificate_none_is_offered() -> None:
    certificates = Certificates(Tls(None, None))
    assert not certificates.offered
    with pytest.raises(ssl.SSLError):
        certificates.context()


def test_a_key_that_does_not_fit_is_an_error(files: Tls, tmp_path: Path) -> None:
    make_certificate(tmp_path / "other.pem", tmp_path / "otherkey.pem")
    with pytest.raises(ssl.SSLError):
        tls.context(Tls(files.certificate, str(tmp_path / "otherkey.pem")))


@pytest.mark.parametrize(
    ("protocols", "is_foreign"),
    [((), False), (("imap",), False), (("http/1.1", "imap"), False), (("http/1.1",), True), (("h2", "ftp"), True)],
)
def test_only_a_client_that_wants_something_else_is_foreign(protocols: tuple[str, ...], is_foreign: bool) -> None:
    octets = hello(*protocols)
    assert speaks_another_protocol(octets) is is_foreign
    assert all(speaks_another_protocol(octets[:length]) is None for length in range(len(octets)))


def test_what_is_no_hello_is_left_to_openssl() -> None:
    assert speaks_another_protocol(b"a1 LOGIN") is False
    assert speaks_another_protocol(b"\x16\x03\x01\x00\x00") is False


@given(st.binary(max_size=400))
def test_no_octets_break_the_reading_of_a_hello(octets: bytes) -> None:
    speaks_another_protocol(octets)
    speaks_another_protocol(b"\x16\x03\x01" + len(octets).to_bytes(2, "big") + octets)
    speaks_another_protocol(b"\x16\x03\x01" + (len(octets) + 1).to_bytes(2, "big") + b"\x01" + octets)
