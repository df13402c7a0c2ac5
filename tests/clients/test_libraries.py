# SPDX-License-Identifier: MIT
"""Sessions of Python's imaplib and of IMAPClient."""

import imaplib
import ssl
import time
from datetime import UTC, datetime

import pytest

from tests.clients.conftest import Box, message

imapclient = pytest.importorskip("imapclient")


def insecure() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_imaplib(box: Box) -> None:
    with imaplib.IMAP4(box.host, box.port) as session:
        assert session.starttls(insecure())[0] == "OK"
        assert session.login(box.user, box.password)[0] == "OK"
        assert session.select("INBOX") == ("OK", [b"5"])
        assert session.search(None, "SUBJECT", '"letter 3"') == ("OK", [b"3"])
        status, fetched = session.fetch("2", "(UID BODY[])")
        assert status == "OK" and isinstance(fetched[0], tuple) and fetched[0][1] == message(2)
        assert session.store("1:2", "+FLAGS", "(\\Deleted)")[0] == "OK"
        assert session.create("Shelf")[0] == "OK"
        assert session.copy("1:3", "Shelf")[0] == "OK"
        assert session.expunge() == ("OK", [b"2", b"1"])
        assert session.append("Shelf", "(\\Seen)", imaplib.Time2Internaldate(time.time()), message(6))[0] == "OK"
        assert session.status("Shelf", "(MESSAGES UNSEEN)")[1] == [b'"Shelf" (MESSAGES 4 UNSEEN 2)']
        assert session.uid("SEARCH", "ALL")[1] == [b"3 4 5"]
        assert session.rename("Shelf", "Shelves/One")[0] == "OK"
        assert session.namespace()[0] == "OK"
        assert session.close()[0] == "OK"
    assert box.subjects() == ["letter 3", "letter 4", "letter 5"]
    assert box.subjects("Shelves/One") == ["letter 1", "letter 2", "letter 3", "letter 6"]


def test_imapclient(box: Box) -> None:
    with imapclient.IMAPClient(box.host, port=box.tls_port, ssl=True, ssl_context=insecure()) as session:
        session.login(box.user, box.password)
        assert {b"IMAP4REV1", b"IDLE", b"MOVE", b"UIDPLUS"} <= set(session.capabilities())
        assert session.namespace().personal[0] == ("", "/")
        assert session.find_special_folder(b"\\Sent") == "Sent"
        assert session.select_folder("INBOX")[b"EXISTS"] == 5
        envelopes = session.fetch([1, 2], ["ENVELOPE", "FLAGS", "INTERNALDATE"])
        assert envelopes[1][b"ENVELOPE"].subject == b"letter 1"
        session.add_flags([1], [imapclient.FLAGGED, b"Important"])
        assert {b"\\Flagged", b"Important"} <= set(session.get_flags([1])[1])
        assert session.search(["FLAGGED", "SUBJECT", "letter"]) == [1]
        assert session.search(["TEXT", "brücke"], "UTF-8") == []
        session.create_folder("Entwürfe/Größe")
        assert "Entwürfe/Größe" in [name for _, _, name in session.list_folders()]
        session.move([2, 3], "Entwürfe/Größe")
        session.append("Entwürfe/Größe", message(6), [imapclient.SEEN], datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC))
        assert session.folder_status("Entwürfe/Größe", ["MESSAGES"]) == {b"MESSAGES": 3}
        session.idle()
        box.eyes.append("INBOX", message(7))
        assert (4, b"EXISTS") in session.idle_check(timeout=5)
        session.idle_done()
        session.delete_messages([1])
        session.uid_expunge([1])
        assert session.search() == [4, 5, 6]
        session.unselect_folder()
        session.subscribe_folder("Entwürfe/Größe")
        assert "Entwürfe/Größe" in [name for _, _, name in session.list_sub_folders()]
        session.logout()


def test_imapclient_with_condstore(box: Box) -> None:
    """Keeps modseqs, and asks by them for what has changed."""
    with imapclient.IMAPClient(box.host, port=box.tls_port, ssl=True, ssl_context=insecure()) as session:
        session.login(box.user, box.password)
        assert session.enable("CONDSTORE") == [b"CONDSTORE"]
        everything = range(1, 7)
        known = session.select_folder("INBOX")[b"HIGHESTMODSEQ"]
        assert session.folder_status("INBOX", ["HIGHESTMODSEQ"])[b"HIGHESTMODSEQ"] == known
        before = {uid: data[b"MODSEQ"][0] for uid, data in session.fetch(everything, ["MODSEQ"]).items()}
        assert sorted(before) == [1, 2, 3, 4, 5] and max(before.values()) == known
        assert session.fetch(everything, ["FLAGS"], [f"CHANGEDSINCE {known}"]) == {}

        box.eyes.ok("SELECT INBOX")
        box.eyes.ok("UID STORE 2,4 +FLAGS (\\Answered)")
        box.eyes.append("INBOX", message(6))
        session.noop()
        changed = session.fetch(everything, ["FLAGS"], [f"CHANGEDSINCE {known}"])
        assert sorted(changed) == [2, 4, 6]
        assert all(b"\\Answered" in changed[uid][b"FLAGS"] for uid in (2, 4))
        assert all(changed[uid][b"MODSEQ"][0] > known for uid in changed)

        found = session.search(["MODSEQ", str(known + 1)])
        assert list(found) == [2, 4, 6]
        assert found.modseq == max(data[b"MODSEQ"][0] for data in changed.values())
        assert session.folder_status("INBOX", ["HIGHESTMODSEQ"])[b"HIGHESTMODSEQ"] == found.modseq
        flagged = session.add_flags([2], [imapclient.FLAGGED])
        assert b"\\Flagged" in flagged[2]
        assert list(session.search(["MODSEQ", str(found.modseq + 1)])) == [2]
        session.logout()
