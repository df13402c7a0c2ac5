# SPDX-License-Identifier: MIT
"""STATUS=SIZE (RFC 8438), APPENDLIMIT (RFC 7889), and what CAPABILITY says of them."""

from imapd.settings import Limits
from tests.commands.fake_mail import Client


def test_size():
    assert Client().do("STATUS blurdybloop (UIDNEXT SIZE)")[0] == ['* STATUS "blurdybloop" (UIDNEXT 44292 SIZE 99999)']


def test_appendlimit():
    client = Client(limits=Limits(message_octets=257890))
    assert client.do("STATUS a (APPENDLIMIT)")[0] == ['* STATUS "a" (APPENDLIMIT 257890)']
    (line,), _ = client.do("CAPABILITY")
    assert "APPENDLIMIT=257890" in line.split()


def test_capabilities():
    (line,), _ = Client().do("CAPABILITY")
    assert {
        *("NAMESPACE", "CHILDREN", "SPECIAL-USE", "UNSELECT", "UIDPLUS", "MOVE", "LIST-EXTENDED", "LIST-STATUS"),
        *("STATUS=SIZE", "ESEARCH", "SEARCHRES", "WITHIN", "MULTIAPPEND"),
    } <= set(line.split())
