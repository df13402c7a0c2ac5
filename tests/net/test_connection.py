# SPDX-License-Identifier: MIT
"""A connection and its client: octets, wake-ups, deadlines, endings, TLS. The client is played by native threads."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gevent
import pytest

from imapd.net import farewells
from imapd.net.connection import Connection
from imapd.net.tls import Certificates
from imapd.settings import Limits, Tls
from workers.certificate import make_certificate


class Pair:
    """A connection, its client's socket, and the sweep that a worker makes once a second, here 50 times."""

    def __init__(self, limits: Limits, certificates: Certificates | None = None, authenticated: Any = None):
        listener = socket.create_server(("127.0.0.1", 0))
        self.client = socket.create_connection(listener.getsockname(), timeout=5)
        served, peer = listener.accept()
        listener.close()
        self.connection = Connection(served, peer, "imap", limits, certificates, authenticated)
        self._sweeper = gevent.spawn(self._sweep)

    def _sweep(self) -> None:
        while True:
            gevent.sleep(0.02)
            self.connection.sweep(time.monotonic())

    def close(self) -> None:
        self._sweeper.kill()
        self.connection.abort()
        self.client.close()

    def meanwhile(self, function: Callable[[], Any]) -> Any:
        """The client's part, on a thread, while greenlets go on here."""
        result: list[Any] = []
        thread = threading.Thread(target=lambda: result.append(function()))
        thread.start()
        while thread.is_alive():
            gevent.sleep(0.005)
        return result[0]

    def read_to_end(self) -> bytes:
        def read() -> bytes:
            octets = b""
            while more := self.client.recv(65536):
                octets += more
            return octets

        return bytes(self.meanwhile(read))


Connected = Callable[..., Pair]


@pytest.fixture
def connected() -> Iterator[Connected]:
    pairs: list[Pair] = []

    def make(certificates: Certificates | None = None, authenticated: Any = None, **limits: float) -> Pair:
        pairs.append(Pair(replace(Limits(), **limits), certificates, authenticated))  # type: ignore[arg-type]
        return pairs[-1]

    yield make
    for pair in pairs:
        pair.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    directory = tmp_path_factory.mktemp("tls")
    make_certificate(directory / "certificate.pem", directory / "key.pem")
    return Certificates(Tls(str(directory / "certificate.pem"), str(directory / "key.pem")))


def test_octets_go_both_ways(connected: Connected) -> None:
    pair = connected()
    pair.client.sendall(b"a1 NOOP\r\n")
    assert pair.connection.receive() == b"a1 NOOP\r\n"
    pair.connection.send(b"a1 OK\r\n")
    pair.connection.flush()
    assert pair.client.recv(100) == b"a1 OK\r\n"


def test_what_is_sent_goes_out_together_when_the_session_waits(connected: Connected) -> None:
    pair = connected()
    pair.connection.send(b"* 1 EXISTS\r\n")
    pair.connection.send(b"a1 OK\r\n")
    pair.client.setblocking(False)
    with pytest.raises(BlockingIOError):
        pair.client.recv(100)
    assert pair.connection.wait(0) is False
    assert pair.client.recv(100) == b"* 1 EXISTS\r\na1 OK\r\n"


def test_much_output_goes_out_before_anybody_waits(connected: Connected) -> None:
    pair = connected()
    for _ in range(40):
        pair.connection.send(b"x" * 1000)
    assert len(pair.client.recv(65536)) >= 32 << 10


def test_the_end_is_no_octets(connected: Connected) -> None:
    pair = connected()
    pair.client.close()
    assert pair.connection.wait(1) is True
    assert pair.connection.receive() == b""
    assert pair.connection.receive() == b""


def test_a_reset_is_an_end_too(connected: Connected) -> None:
    pair = connected()
    pair.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    pair.client.close()
    assert pair.connection.receive() == b""
    with pytest.raises(ConnectionError):
        for _ in range(3):
            pair.connection.send(b"x" * 40000)


def test_wait_ends_by_octets_or_by_a_wake_up(connected: Connected) -> None:
    pair = connected()
    gevent.spawn_later(0.05, pair.connection.wake)
    assert pair.connection.wait(5) is False
    gevent.spawn_later(0.05, pair.client.sendall, b"DONE\r\n")
    assert pair.connection.wait(5) is True
    assert pair.connection.receive() == b"DONE\r\n"


def test_a_wake_up_that_comes_early_is_not_lost(connected: Connected) -> None:
    pair = connected()
    pair.connection.wake()
    pair.connection.wake()
    began = time.monotonic()
    assert pair.connection.wait(5) is False
    assert time.monotonic() - began < 4
    assert pair.connection.wait(0.1) is False


def test_who_is_deaf_sleeps_on_for_a_while_but_hears_the_client(connected: Connected) -> None:
    pair = connected()
    pair.connection.wake()
    began = time.monotonic()
    assert pair.connection.wait(None, deaf_seconds=0.5) is False
    assert 0.5 <= time.monotonic() - began < 2
    for _ in range(3):
        gevent.spawn_later(0.05, pair.connection.wake)
    gevent.spawn_later(0.1, pair.client.sendall, b"x")
    began = time.monotonic()
    assert pair.connection.wait(None, deaf_seconds=30) is True
    assert time.monotonic() - began < 1 and pair.connection.receive() == b"x"
    assert pair.connection.wait(5) is False, "the wake-up is not lost"


def test_a_wake_up_does_not_end_receive(connected: Connected) -> None:
    pair = connected()
    gevent.spawn_later(0.02, pair.connection.wake)
    gevent.spawn_later(0.06, pair.client.sendall, b"x")
    assert pair.connection.receive() == b"x"


def test_received_at_is_when_octets_came(connected: Connected) -> None:
    pair = connected()
    before = pair.connection.received_at
    gevent.sleep(0.05)
    pair.client.sendall(b"x")
    pair.connection.receive()
    assert 0.04 < pair.connection.received_at - before < 1


def test_who_does_not_log_in_is_sent_away_though_they_send(connected: Connected) -> None:
    pair = connected(login_seconds=0.3)
    drip = gevent.spawn(lambda: [(pair.client.send(b"x"), gevent.sleep(0.05)) for _ in range(200)])
    began = time.monotonic()
    while pair.connection.receive():
        pass
    assert 0.2 < time.monotonic() - began < 5
    drip.kill()
    pair.connection.close()
    assert pair.read_to_end() == farewells.LOGIN_TOO_SLOW


def test_who_is_idle_for_too_long_is_sent_away(connected: Connected) -> None:
    pair = connected(login_seconds=0.1, idle_seconds=0.4)
    pair.connection.authenticated()
    gevent.spawn_later(0.2, pair.client.sendall, b"x")
    began = time.monotonic()
    assert pair.connection.receive() == b"x"
    assert pair.connection.receive() == b""
    assert 0.5 < time.monotonic() - began < 10
    pair.connection.close()
    assert pair.read_to_end() == farewells.IDLE_TOO_LONG


def test_login_is_told_once(connected: Connected) -> None:
    told: list[int] = []
    pair = connected(authenticated=lambda: told.append(1))
    pair.connection.authenticated()
    pair.connection.authenticated()
    assert told == [1]


def test_who_takes_nothing_is_cut_off_and_memory_is_bounded(connected: Connected) -> None:
    pair = connected(output_stall_seconds=0.3)
    began = time.monotonic()
    sent = 0
    with pytest.raises(ConnectionError):
        while True:
            pair.connection.send(b"x" * 10000)
            gevent.spawn(pair.connection.wake)  # changes elsewhere are no sign of this client's life
            sent += 10000
    assert 0.2 < time.monotonic() - began < 20
    assert sent < 64 << 20  # what kernels buffer


def test_a_slow_reader_gets_everything(connected: Connected) -> None:
    pair = connected()
    whole = bytes(range(256)) * 40000

    def send() -> None:
        for start in range(0, len(whole), 7777):
            pair.connection.send(whole[start : start + 7777])
        pair.connection.close()

    gevent.spawn(send)
    assert pair.read_to_end() == whole


def test_told_to_end_it_ends_while_it_waits(connected: Connected) -> None:
    pair = connected()
    gevent.spawn_later(0.05, pair.connection.end)
    assert pair.connection.receive() == b""
    pair.connection.close()
    assert pair.read_to_end() == farewells.SHUTTING_DOWN


def test_told_to_end_it_finishes_the_command_in_flight(connected: Connected) -> None:
    pair = connected()
    pair.connection.in_command = True
    pair.connection.end()
    pair.client.sendall(b"rest of a literal")
    assert pair.connection.receive() == b"rest of a literal"
    pair.connection.send(b"a1 OK\r\n")
    pair.connection.in_command = False
    assert pair.connection.receive() == b""
    pair.connection.close()
    assert pair.read_to_end() == b"a1 OK\r\n" + farewells.SHUTTING_DOWN


def test_told_to_end_it_leaves_idle(connected: Connected) -> None:
    pair = connected()
    pair.connection.in_command = True
    gevent.spawn_later(0.05, pair.connection.end)
    assert pair.connection.wait(5) is True
    assert pair.connection.receive() == b""


def test_close_delivers_what_was_sent_though_the_client_sends_on(connected: Connected) -> None:
    pair = connected()
    pair.client.sendall(b"GET / HTTP/1.1\r\n" * 100)
    pair.connection.send(b"* BYE\r\n")
    pair.connection.close()
    pair.connection.close()
    assert pair.read_to_end() == b"* BYE\r\n"


def test_an_aborted_connection_ends_who_waits(connected: Connected) -> None:
    pair = connected()
    gevent.spawn_later(0.05, pair.connection.abort)
    assert pair.connection.receive() == b""


def test_loopback_is_known(connected: Connected) -> None:
    assert connected().connection.is_loopback


# TLS


def shaken(pair: Pair, **options: Any) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if "protocols" in options:
        context.set_alpn_protocols(options["protocols"])
    if "version" in options:
        context.minimum_version = context.maximum_version = options["version"]
    if "ciphers" in options:
        context.set_ciphers(options["ciphers"])
    return context.wrap_socket(pair.client, suppress_ragged_eofs=False)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_carries_octets_both_ways(
    connected: Connected, certificates: Certificates, version: ssl.TLSVersion
) -> None:
    pair = connected(certificates)
    whole = bytes(range(256)) * 4000

    def talk() -> tuple[bytes, str | None]:
        with shaken(pair, version=version, protocols=["imap"]) as client:
            client.sendall(whole)
            octets = b""
            while more := client.recv(65536):
                octets += more
            return octets, client.selected_alpn_protocol()

    def serve() -> None:
        pair.connection.start_tls()
        count = 0
        while count < len(whole):
            octets = pair.connection.receive()
            count += len(octets)
            pair.connection.send(octets)
        pair.connection.close()

    gevent.spawn(serve)
    echoed, protocol = pair.meanwhile(talk)
    assert echoed == whole
    assert protocol == "imap"
    assert pair.connection.is_tls


def test_starttls_with_words_in_the_clear_behind_it_fails(connected: Connected, certificates: Certificates) -> None:
    pair = connected(certificates)
    pair.client.sendall(b"a2 LOGIN user password\r\n")
    with pytest.raises(ConnectionError):
        pair.connection.start_tls()


@pytest.mark.parametrize(
    "options",
    [
        {"protocols": ["http/1.1"]},
        {"version": ssl.TLSVersion.TLSv1_1, "ciphers": "ALL:@SECLEVEL=0"},
        {"version": ssl.TLSVersion.TLSv1_2, "ciphers": "AES128-SHA:@SECLEVEL=0"},
    ],
    ids=["ALPN of another protocol", "TLS 1.1", "no forward secrecy"],
)
def test_weak_or_foreign_tls_is_refused(
    connected: Connected, certificates: Certificates, options: dict[str, Any]
) -> None:
    pair = connected(certificates)
    failed: list[BaseException] = []

    def serve() -> None:
        try:
            pair.connection.start_tls()
        except ConnectionError as error:
            failed.append(error)
        pair.connection.close()

    def talk() -> str:
        try:
            shaken(pair, **options)
        except (ssl.SSLError, OSError) as error:
            return str(error)
        return ""

    serving = gevent.spawn(serve)
    assert pair.meanwhile(talk)
    serving.join(10)
    assert failed


def test_a_handshake_that_stands_still_is_bounded(connected: Connected, certificates: Certificates) -> None:
    pair = connected(certificates, login_seconds=0.2)
    pair.client.sendall(b"\x16\x03\x01")
    began = time.monotonic()
    with pytest.raises(ConnectionError):
        pair.connection.start_tls()
    assert time.monotonic() - began < 10


def test_a_farewell_travels_encrypted(connected: Connected, certificates: Certificates) -> None:
    pair = connected(certificates)

    def talk() -> bytes:
        with shaken(pair) as client:
            return client.recv(1000)

    def serve() -> None:
        pair.connection.start_tls()
        gevent.spawn_later(0.05, pair.connection.end)
        assert pair.connection.receive() == b""
        pair.connection.close()

    gevent.spawn(serve)
    assert pair.meanwhile(talk) == farewells.SHUTTING_DOWN


def test_tls_cut_without_goodbye_is_an_end(connected: Connected, certificates: Certificates) -> None:
    pair = connected(certificates)

    def talk() -> None:
        client = shaken(pair)
        client.sendall(b"half a mess")
        socket.socket.close(client)

    got: list[bytes] = []

    def serve() -> None:
        pair.connection.start_tls()
        while octets := pair.connection.receive():
            got.append(octets)
        got.append(b"")

    server = gevent.spawn(serve)
    pair.meanwhile(talk)
    server.join(5)
    assert got == [b"half a mess", b""]


def test_who_has_taken_an_answer_for_long_is_not_idle(connected: Connected) -> None:
    pair = connected(idle_seconds=0.3)
    octets = b"x" * (8 << 20)

    def slowly() -> bytes:
        time.sleep(0.6)
        taken = 0
        while taken < len(octets):
            taken += len(pair.client.recv(1 << 20))
        time.sleep(0.1)
        pair.client.sendall(b"a2 NOOP\r\n")
        return b""

    thread = threading.Thread(target=slowly)
    thread.start()
    pair.connection.send(octets)
    assert pair.connection.receive() == b"a2 NOOP\r\n"
    thread.join()
