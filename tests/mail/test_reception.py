# SPDX-License-Identifier: MIT
"""Mail for an address: whose it is, one blob an organisation, nobody kept waiting by somebody else's full mailbox."""

from pathlib import Path
from typing import Any

import pytest

from imapd import errors
from imapd.mail import delivery, reception
from imapd.mail.reception import MEMORY_OCTETS, Incoming
from imapd.storage import provision, quotas
from imapd.storage.addresses import address
from imapd.storage.messages import Appended
from imapd.storage.quotas import Limits
from tests.running.store import Store

BEFORE = b"Return-Path: <>\r\nReceived: here\r\n"
SMALL = b"Subject: small\r\n\r\nbody\r\n"
LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcde\r\n" * (MEMORY_OCTETS // 8)


@pytest.fixture(scope="module")
def node(store: Store) -> Any:
    provision.add_organization(store.database, "Other")
    provision.add_domain(store.database, "Other", "other.example")
    for name in ("ann", "bob"):
        provision.add_user(store.database, address(f"{name}@other.example"), name, None)
    provision.add_mailbox(store.database, address("support@example.com"), None, Limits())
    provision.add_mailbox(store.database, address("a+b@example.com"), None, Limits())
    provision.add_alias(store.database, address("info@company.org"), address("user@example.com"))
    return store.node()


def find(node: Any, of: str) -> reception.Recipient:
    return reception.find(node, *of.split("@"))


def deliver(node: Any, message: bytes, *to: str) -> list[Any]:
    incoming = Incoming(node, BEFORE)
    for start in range(0, len(message), 10_000):
        incoming.write(message[start : start + 10_000])
    try:
        return list(reception.deliver(node, incoming.held(), [find(node, each) for each in to], 1_700_000_000))
    finally:
        incoming.close()


def newest(node: Any, of: str) -> bytes:
    """The octets of the message that came last."""
    found = find(node, of)
    row = node.database.row(
        "SELECT c.sha256, c.size FROM messages m JOIN contents c USING (organization_id, content_id)"
        " WHERE m.organization_id = %s AND m.folder_id = %s ORDER BY m.uid DESC LIMIT 1",
        (found.organization_id, found.folder_id),
    )
    octets: bytes = node.blobs.read(found.organization_id, row[0], 0, row[1])
    return octets


def blobs(node: Any) -> dict[str, int]:
    """Bodies, by organisation; and what is still coming in."""
    found: dict[str, int] = {}
    for path in Path(node.blobs.root).rglob("*"):
        if path.is_file():
            top = path.relative_to(node.blobs.root).parts[0]
            found[top] = found.get(top, 0) + 1
    return found


def test_whose_an_address_is(node: Any) -> None:
    user = find(node, "user@example.com")
    assert (
        find(node, "USER@Example.COM")
        == find(node, "user+detail+more@example.com")
        == find(node, "info@company.org")
        == user
    )
    assert find(node, "info+x@company.org") == user
    assert find(node, "support@example.com").owner.startswith("m")
    assert find(node, "a+b@example.com").mailbox_id != user.mailbox_id
    for nobody in (
        "nobody@example.com",
        "user@nowhere.example",
        "+x@example.com",
        "a@example.com",
        "ſupport@example.com",
    ):
        with pytest.raises(errors.NotFound):
            find(node, nobody)


def test_who_is_disabled(node: Any, store: Store) -> None:
    for disable in (
        lambda off: provision.set_user(store.database, address("bob@other.example"), disabled=off),
        lambda off: provision.set_mailbox(store.database, address("bob@other.example"), disabled=off),
        lambda off: provision.set_domain(store.database, "other.example", disabled=off),
        lambda off: provision.set_organization(store.database, "Other", disabled=off),
    ):
        disable(True)
        assert find(node, "bob@other.example").disabled
        disable(False)
        assert not find(node, "bob@other.example").disabled


@pytest.mark.parametrize("message", [SMALL, LARGE], ids=["small", "large"])
def test_one_blob_an_organisation(node: Any, message: bytes) -> None:
    before = blobs(node)
    everybody = ("user@example.com", "ann@other.example", "colleague@example.com", "bob@other.example")
    assert all(isinstance(each, Appended) for each in deliver(node, message, *everybody))
    after = blobs(node)
    assert sum(after.values()) - sum(before.values()) == 2
    assert after.get("incoming", 0) == before.get("incoming", 0)
    for each in everybody:
        assert newest(node, each) == BEFORE + message


@pytest.mark.parametrize("message", [SMALL, LARGE], ids=["small", "large"])
def test_it_is_parsed_and_written_for_the_first_alone(
    node: Any, monkeypatch: pytest.MonkeyPatch, message: bytes
) -> None:
    """Also where it is brought once more for others, as is done with a message for very many."""
    parsed, written = [], []
    real = delivery.parse
    monkeypatch.setattr(delivery, "parse", lambda octets, sha256: parsed.append(1) or real(octets, sha256=sha256))
    for verb in ("put", "keep"):
        done = getattr(node.blobs, verb)
        monkeypatch.setattr(node.blobs, verb, lambda of, what, done=done: written.append(of) or done(of, what))
    unheard = message + b"of by anybody\r\n"
    deliver(node, unheard, "user@example.com", "colleague@example.com")
    deliver(node, unheard, "user@company.org", "user@example.com")
    assert (len(parsed), len(written)) == (1, 1)
    deliver(node, unheard, "user@example.com", "ann@other.example", "bob@other.example", "colleague@example.com")
    assert (len(parsed), len(written)) == (2, 2)
    for each in ("user@example.com", "colleague@example.com", "ann@other.example", "bob@other.example"):
        assert newest(node, each) == BEFORE + unheard
    assert "incoming" not in blobs(node)


@pytest.mark.parametrize("first", ["user@example.com", "ann@other.example"])
@pytest.mark.parametrize("message", [SMALL, LARGE], ids=["small", "large"])
def test_it_is_known_to_one_organisation_and_new_to_another(node: Any, message: bytes, first: str) -> None:
    unheard = message + b"known to " + first.encode() + b"\r\n"
    deliver(node, unheard, first)
    everybody = ("user@example.com", "ann@other.example", "colleague@example.com", "bob@other.example")
    assert all(isinstance(each, Appended) for each in deliver(node, unheard, *everybody))
    for each in everybody:
        assert newest(node, each) == BEFORE + unheard
    assert "incoming" not in blobs(node)


def test_a_store_that_fails_once_keeps_nobody_else_waiting(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a large message for somebody else meanwhile, whose blob the spool becomes."""
    real, asked = node.blobs.use_again, []

    def use_again(*of: Any) -> bool:
        asked.append(of)
        if len(asked) == 1:
            raise errors.Unavailable
        there: bool = real(*of)
        return there

    monkeypatch.setattr(node.blobs, "use_again", use_again)
    outcomes = deliver(node, LARGE + b"once\r\n", "user@example.com", "ann@other.example", "colleague@example.com")
    assert [type(each) for each in outcomes] == [errors.Unavailable, Appended, Appended]
    assert "incoming" not in blobs(node)


def test_who_is_meant_twice_gets_it_once(node: Any) -> None:
    first, second = deliver(node, SMALL, "user@example.com", "info@company.org")
    assert first == second
    other = deliver(node, SMALL, "user@company.org")[0]
    assert isinstance(other, Appended)


@pytest.mark.parametrize("message", [SMALL, LARGE], ids=["small", "large"])
def test_a_full_mailbox_is_nobody_elses_trouble(node: Any, store: Store, message: bytes) -> None:
    full = find(node, "support@example.com")
    deliver(node, message, "user@example.com")  # now its octets are there
    before = blobs(node)
    quotas.set_limits(store.database, full.organization_id, f"m{full.mailbox_id}", Limits(storage=10))
    outcomes = deliver(node, message, "support@example.com", "user@example.com", "support@example.com")
    assert [type(each) for each in outcomes] == [errors.OverQuota, Appended, errors.OverQuota]
    assert outcomes[0].root == f"m{full.mailbox_id}"
    deliver(node, message[:-3], "support@example.com")
    if message is LARGE:
        assert sum(blobs(node).values()) - sum(before.values()) == 0, (
            "the first is there from before, nothing was kept of the second"
        )


@pytest.mark.parametrize("message", [SMALL, LARGE], ids=["small", "large"])
def test_a_store_that_takes_nothing(node: Any, monkeypatch: pytest.MonkeyPatch, message: bytes) -> None:
    def full(*_: object) -> None:
        raise errors.Unavailable

    first = find(node, "user@example.com").organization_id
    for verb in ("put", "keep"):
        real = getattr(node.blobs, verb)
        monkeypatch.setattr(
            node.blobs, verb, lambda of, what, real=real: full() if of == first else real(of, what)
        )  # fmt: skip
    unheard = message + b"of before\r\n"
    outcomes = deliver(node, unheard, "user@example.com", "colleague@example.com", "ann@other.example")
    assert [type(each) for each in outcomes] == [errors.Unavailable, errors.Unavailable, Appended]
    assert "incoming" not in blobs(node)


def test_nul_is_nothing_that_imap_can_send(node: Any) -> None:
    deliver(node, b"Subject: a\0b\r\n\r\n\0\r\n", "user@example.com")
    assert newest(node, "user@example.com") == BEFORE + b"Subject: a\x80b\r\n\r\n\x80\r\n"


def test_too_large(node: Any) -> None:
    incoming = Incoming(node, BEFORE)
    with pytest.raises(errors.TooBig):
        for _ in range(100):
            incoming.write(b"x" * (1 << 20))
    incoming.close()
    incoming.write(b"x")
    assert "incoming" not in blobs(node)


@pytest.mark.parametrize("pad", [b"", b"x" * MEMORY_OCTETS])
@pytest.mark.parametrize(
    ("message", "circles"),
    [
        (b"Received: x\r\n" * 100 + b"\r\nbody\r\n", False),
        (b"Received: x\r\n" * 101 + b"\r\nbody\r\n", True),
        (b"rEceived : x\r\n y\r\n" * 101 + b"\r\n", True),
        (b"Subject: x\r\n\r\n" + b"Received: x\r\n" * 150, False),
        (b"X-Received: x\r\n" * 150 + b"\r\n", False),
    ],
)
def test_circles(node: Any, message: bytes, circles: bool, pad: bytes) -> None:
    incoming = Incoming(node, b"Received: here\r\n")
    incoming.write(message + pad)
    assert reception.goes_in_circles(incoming.held()) is circles
    incoming.close()


def test_a_delivery_wakes_folder_and_owner(node: Any) -> None:
    found = find(node, "user@example.com")
    heard: list[str] = []
    node.wakeups.watch_owner(found.organization_id, found.owner, heard.append)
    (done,) = deliver(node, SMALL, "user@example.com")
    assert heard == [str(done.group_id)]


@pytest.mark.parametrize(("message", "statements"), [(SMALL, 1), (LARGE, 2)], ids=["small", "large"])
def test_round_trips(node: Any, store: Store, message: bytes, statements: int) -> None:
    before = store.database.statements
    find(node, "user+x@example.com")
    assert store.database.statements - before == 1
    deliver(node, message, "user@example.com", "colleague@example.com", "ann@other.example")
    assert store.database.statements - before == 1 + 3 + 3 * statements


def test_trace() -> None:
    lines = reception.trace("a@b", "mx.example", "mta.example", "192.0.2.1", "LMTP", "id.1", 0.5).decode().split("\r\n")
    assert lines == [
        "Return-Path: <a@b>",
        "Received: from mta.example ([192.0.2.1])",
        "\tby mx.example (imapd) with LMTP id id.1;",
        "\tThu, 01 Jan 1970 00:00:00 +0000",
        "",
    ]
