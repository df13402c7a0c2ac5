# SPDX-License-Identifier: MIT
"""CONDSTORE and QRESYNC: their syntax, hostile as it may be, and what is told in which form. The dialogues are stories."""

import re
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imapd.extensions import qresync
from imapd.extensions.qresync import Known, parse_known
from imapd.mail.mailbox import StoredFlags
from imapd.mail.tracker import Told
from imapd.wire.errors import BadSyntax
from imapd.wire.grammar import Cursor
from imapd.wire.sequence import SequenceSet
from tests.commands.fake_mail import Account, Client, Mailbox

NUMBERS = st.sets(st.integers(1, 4294967295), min_size=1)


class Box(Mailbox):
    """Knows what has vanished, and what was asked."""

    gone = ()
    is_ahead = False

    def vanished_since(self, modseq, known=None):
        self.calls.append(("vanished", modseq, known))
        return list(self.gone)

    def changed_since(self, positions, modseq):
        return list(positions) if modseq < self.modseq else []


def client(enabled="QRESYNC", uids=(3, 5, 8)):
    some = Client(Account(mailboxes={"INBOX": Box("INBOX", uids)}))
    if enabled:
        some.do(f"ENABLE {enabled}")
    some.do("SELECT INBOX")
    return some


def written(numbers):
    return bytes(SequenceSet((number, number) for number in numbers))


@given(st.integers(1, 4294967295), st.integers(1, 2**63 - 1), st.none() | NUMBERS, st.none() | NUMBERS)
def test_what_a_client_remembers_is_read(validity, modseq, uids, numbers):
    text = b" (%d %d" % (validity, modseq)
    text += b" " + written(uids) if uids else b""
    text += b" (%b %b)" % (written(numbers), written(numbers)) if numbers else b""
    cursor = Cursor(text + b")")
    known = parse_known(cursor)
    cursor.end()
    assert (known.uid_validity, known.modseq) == (validity, modseq)
    assert known.uids is None if uids is None else {uid for span in known.uids for uid in span} == uids
    assert {number for span in known.numbers for number in span} == (numbers or set())


@pytest.mark.parametrize(
    "text",
    [b"", b" ", b" ()", b" (1)", b" (1 0)", b" (0 1)", b" (1 -1)", b" (1 9223372036854775808)", b" (1 1 )", b" (1 1 *)",
     b" (1 1 1:*)", b" (1 1 $)", b" (1 1 1 1)", b" (1 1 (1))", b" (1 1 (1 1)", b" (1 1 (1 *))", b" (1 1 (1:3 1:2))",
     b" (1 1 (1 1) 1)", b" (1 1 () )", b" 1 1", b" (4294967296 1)", b" (1 1 4294967296)"],
)  # fmt: skip
def test_what_is_no_memory_is_refused(text):
    with pytest.raises(BadSyntax):
        cursor = Cursor(text)
        parse_known(cursor)
        cursor.end()


def test_large_ranges_are_not_counted_one_by_one():
    known = parse_known(Cursor(b" (1 1 1:4294967295 (1:4294967295 1:4294967295))"))
    assert known == Known(1, 1, *([range(1, 4294967296)],) * 3)


def test_what_vanished_is_told_in_lines_of_some_length():
    some = client()
    some.account.mailboxes["INBOX"].gone = [range(uid, uid + 1) for uid in range(10, 4000, 2)]
    lines = [line for line in some.do("SELECT INBOX (QRESYNC (3857529045 1))")[0] if "VANISHED" in line]
    assert len(lines) == -(-1995 // qresync.RANGES_A_LINE)
    assert all(re.fullmatch(r"\* VANISHED \(EARLIER\) [0-9,]+", line) and len(line) < 8000 for line in lines)
    assert sum(line.count(",") + 1 for line in lines) == 1995


def test_a_modseq_of_another_time_says_nothing():
    some = client()
    box = some.account.mailboxes["INBOX"]
    some.do("SELECT INBOX (QRESYNC (3857529045 10))")
    assert box.calls[-1] == ("vanished", 0, [range(1, 4294967296)])
    some.do("SELECT INBOX (QRESYNC (3857529045 9 3:8 (1:2 3,5)))")
    assert box.calls[-1] == ("vanished", 9, [range(6, 9)])
    before = list(box.calls)
    some.do("SELECT INBOX (QRESYNC (1 9))")
    assert box.calls == before


def test_vanished_of_fetch_is_told_first_and_of_the_uids_asked_for():
    some = client()
    some.session.selected.gone = [range(4, 5)]
    untagged, _ = some.do("UID FETCH 2:4,8:* (FLAGS) (CHANGEDSINCE 8 VANISHED)")
    assert untagged[0] == "* VANISHED (EARLIER) 4"
    assert untagged[1:] == ["* 1 FETCH (UID 3 FLAGS () MODSEQ (9))", "* 3 FETCH (UID 8 FLAGS () MODSEQ (9))"]
    assert some.session.selected.calls[-1] == ("vanished", 8, [range(2, 5), range(8, 4392)])


def test_news_is_told_by_uid():
    some = client()
    some.session.selected.told = Told(expunged=[2, 1], vanished=[5, 3], flags_changed=[])
    assert some.do("NOOP")[0] == ["* VANISHED 3,5"]
    plain = client(enabled="CONDSTORE")
    plain.session.selected.told = Told(expunged=[2, 1], vanished=[5, 3])
    assert plain.do("NOOP")[0] == ["* 2 EXPUNGE", "* 1 EXPUNGE"]


@pytest.mark.parametrize(
    ("enabled", "told"),
    [("", "* 1 FETCH (FLAGS ())"), ("CONDSTORE", "* 1 FETCH (FLAGS () MODSEQ (9))"),
     ("QRESYNC", "* 1 FETCH (UID 3 FLAGS () MODSEQ (9))")],
)  # fmt: skip
def test_changed_flags_are_told_in_the_form_enabled(enabled, told):
    some = client(enabled)
    some.session.selected.told = Told(flags_changed=[0])
    assert some.do("NOOP")[0] == [told]


def test_who_is_ahead_of_an_expunge_is_told_how_far_it_may_go_back():
    some = client()
    some.session.selected.is_ahead = True
    assert some.do("FETCH 1 UID")[0][1:] == ["* OK [HIGHESTMODSEQ 9] Expunges are to be told."]
    plain = client(enabled="CONDSTORE")
    plain.session.selected.is_ahead = True
    assert len(plain.do("FETCH 1 UID")[0]) == 1


class Refusing(Box):
    def store(self, positions, op, flags, unchanged_since=None):
        super().store(positions, op, flags)
        self.asked = unchanged_since
        return StoredFlags(list(positions), [5], 10)


@pytest.mark.parametrize(
    ("command", "lines", "code"),
    [("STORE 1:3 (UNCHANGEDSINCE 7) +FLAGS (\\Seen)", ["* 1 FETCH (FLAGS (\\Seen) MODSEQ (9))",
                                                        "* 3 FETCH (FLAGS (\\Seen) MODSEQ (9))"], "[MODIFIED 2]"),
     ("UID STORE 3:8 (UNCHANGEDSINCE 7) +FLAGS.SILENT (\\Seen)", ["* 1 FETCH (UID 3 MODSEQ (9))",
                                                                  "* 3 FETCH (UID 8 MODSEQ (9))"], "[MODIFIED 5]")],
)  # fmt: skip
def test_a_condition_that_is_not_met(command, lines, code):
    some = Client(Account(mailboxes={"INBOX": Refusing("INBOX", [3, 5, 8])}))
    some.do("SELECT INBOX")
    untagged, tagged = some.do(command)
    assert untagged[:2] == lines
    assert tagged.startswith(f"OK {code} ")
    assert some.session.selected.asked == 7
    assert b"CONDSTORE" in some.session.enabled
    # Whoever begins with it in the middle is told where it stands.
    assert untagged[2:] == ["* OK [HIGHESTMODSEQ 9] Highest modseq."]


def test_modseqs_do_not_change_what_others_see():
    """FETCH and STORE of a client that has enabled nothing."""
    some = client(enabled="")
    assert some.do("STORE 1 +FLAGS (\\Seen)")[0] == ["* 1 FETCH (FLAGS (\\Seen))"]
    assert some.do("STORE 1 +FLAGS.SILENT (\\Seen)")[0] == []
    assert some.do("EXPUNGE")[1] == "OK EXPUNGE completed."
    some.session.selected.view.modseqs = array("Q")
    assert some.do("UID FETCH 1:* FLAGS")[0][0] == "* 1 FETCH (UID 3 FLAGS (\\Seen))"
