# SPDX-License-Identifier: MIT
"""What goes through the channel between master and worker."""

import os
import socket

import pytest

from workers.channel import AUTHENTICATED, CONNECTION, Arrival, Channel, arrival


@pytest.fixture
def ends() -> tuple[Channel, Channel]:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Channel(one), Channel(other)


def test_a_connection_arrives_with_its_socket(ends: tuple[Channel, Channel]) -> None:
    master, worker = ends
    client, served = socket.socketpair()
    sent = Arrival(17, "imaps", "2001:db8::1", 51234)
    master.hand_over(sent, served)
    served.close()
    heard = worker.heard()
    assert heard is not None
    word, rest, descriptors = heard
    assert (word, arrival(rest)) == (CONNECTION, sent)
    os.write(descriptors[0], b"hello")
    assert client.recv(10) == b"hello"
    os.close(descriptors[0])


def test_messages_keep_their_bounds_and_order(ends: tuple[Channel, Channel]) -> None:
    master, worker = ends
    for number in range(20):
        worker.say(AUTHENTICATED, number)
    heard = [master.heard() for _ in range(20)]
    assert [(word, int(rest)) for word, rest, _ in filter(None, heard)] == [(AUTHENTICATED, n) for n in range(20)]
    assert master.heard() is None


def test_nobody_waits_for_who_does_not_read(ends: tuple[Channel, Channel]) -> None:
    with pytest.raises(BlockingIOError):
        for number in range(1_000_000):
            ends[0].say(AUTHENTICATED, number)


def test_the_end_of_one_side_is_heard_by_the_other(ends: tuple[Channel, Channel]) -> None:
    master, worker = ends
    master.close()
    assert worker.heard() == (b"", b"", [])
    with pytest.raises(ConnectionError):
        worker.say(AUTHENTICATED)
