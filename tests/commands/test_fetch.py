# SPDX-License-Identifier: MIT
"""FETCH: what is read, and what each item answers, with the examples of RFC 3501."""

import time

import pytest

from imapd.commands import fetch_plan, fetch_sections
from imapd.protocol.registry import commands
from tests.commands.fake_mail import Client
from tests.commands.fetch_mail import FetchMailbox

TERRY = (
    b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
    b"From: Terry Gray <gray@cac.washington.edu>\r\n"
    b"Subject: IMAP4rev1 WG mtg summary and minutes\r\n"
    b"To: imap@cac.washington.edu\r\n"
    b"cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
    b"Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n"
    b"\r\n"
    b"one\r\ntwo\r\n"
)
ENVELOPE = (
    '("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" '
    '(("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) '
    '(("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) '
    '((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL '
    '"<B27397-0100000@cac.washington.edu>")'
)
BODY = '("text" "plain" ("charset" "US-ASCII") NIL NIL "7bit" 10 2'
FAST = f'FLAGS (\\Seen) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE {len(TERRY)}'
HEADER, TEXT = TERRY[:-10].decode(), "one\r\ntwo\r\n"


def fetched(arguments, messages=(TERRY,), seen=(1,), **kind):
    """The whole reply to FETCH as octets, without the tagged line."""
    client = Client().selected(FetchMailbox(list(messages), seen, **kind))
    command = arguments if arguments.startswith("UID ") else "FETCH " + arguments
    lines = client.do(command)[0]
    return "".join(line + "\r\n" for line in lines)


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ("1 FAST", FAST),
        ("1 ALL", f"{FAST} ENVELOPE {ENVELOPE}"),
        ("1 full", f"{FAST} ENVELOPE {ENVELOPE} BODY {BODY})"),
        ("1 UID", "UID 10"),
        ("1 (uid flags)", "UID 10 FLAGS (\\Seen)"),
        ("1 BODYSTRUCTURE", f"BODYSTRUCTURE {BODY} NIL NIL NIL NIL)"),
        ("1 BODY", f"BODY {BODY})"),
        ("1 RFC822.HEADER", f"RFC822.HEADER {{{len(HEADER)}}}\r\n{HEADER}"),
        ("1 RFC822.TEXT", f"RFC822.TEXT {{10}}\r\n{TEXT}"),
        ("1 RFC822", f"RFC822 {{{len(TERRY)}}}\r\n{HEADER}{TEXT}"),
        ("1 BODY[]", f"BODY[] {{{len(TERRY)}}}\r\n{HEADER}{TEXT}"),
        ("1 BODY.PEEK[HEADER]", f"BODY[HEADER] {{{len(HEADER)}}}\r\n{HEADER}"),
        ("1 BODY[TEXT]", f"BODY[TEXT] {{10}}\r\n{TEXT}"),
        ("1 BODY[1]", f"BODY[1] {{10}}\r\n{TEXT}"),
        ("1 body.peek[text]<4.3>", "BODY[TEXT]<4> {3}\r\n\ntw"),
        ("1 BODY[TEXT]<10.1>", "BODY[TEXT]<10> {0}\r\n"),
        ("1 BODY[TEXT]<4294967295.4294967295>", "BODY[TEXT]<4294967295> {0}\r\n"),
        ("1 BODY[HEADER]<6.3>", "BODY[HEADER]<6> {3}\r\nWed"),
        ("1 BODY[2]", "BODY[2] NIL"),
        ("1 BODY[1.1]", "BODY[1.1] NIL"),
        ("1 BODY[4294967295]", "BODY[4294967295] NIL"),
        ("1 BODY[1.1234567890.MIME]", "BODY[1.1234567890.MIME] NIL"),
        ("1 BODY[1.HEADER]", "BODY[1.HEADER] NIL"),
        ("1 BODY[HEADER.FIELDS (X)]", "BODY[HEADER.FIELDS (X)] {2}\r\n\r\n"),
        (
            "1 BODY[HEADER.FIELDS (Date FROM)]",
            "BODY[HEADER.FIELDS (Date FROM)] {91}\r\nDate: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
            "From: Terry Gray <gray@cac.washington.edu>\r\n\r\n",
        ),
        (
            "1 BODY[HEADER.FIELDS.NOT (DATE FROM SUBJECT TO CC MESSAGE-ID CONTENT-TYPE)]<0.7>",
            "BODY[HEADER.FIELDS.NOT (DATE FROM SUBJECT TO CC MESSAGE-ID CONTENT-TYPE)]<0> {7}\r\nMIME-Ve",
        ),
        ('1 BODY[HEADER.FIELDS ("to")]', "BODY[HEADER.FIELDS (to)] {31}\r\nTo: imap@cac.washington.edu\r\n\r\n"),
        ('1 BODY[HEADER.FIELDS ("a b%s")]', 'BODY[HEADER.FIELDS ("a b%s")] {2}\r\n\r\n'),
    ],
)
def test_items(arguments, answer):
    assert fetched(arguments) == f"* 1 FETCH ({answer})\r\n"


@pytest.mark.parametrize(
    "arguments",
    [
        "", "1", "1 ", "1 ()", "1 (FLAGS", "1 (FLAGS))", "1 FLAGS UID", "1 (FLAGS  UID)", "1 (ALL)", "1 NOPE", "1 FLAGSX",
        "1 BODY[", "1 BODY[]x", "1 BODY[0]", "1 BODY[1.0]", "1 BODY[01]", "1 BODY[1.]", "1 BODY[.1]", "1 BODY[MIME]",
        "1 BODY[1MIME]", "1 BODY[.TEXT]", "1 BODY[TEXT.1]", "1 BODY[HEADER.FIELDS]", "1 BODY[HEADER.FIELDS ()]",
        "1 BODY[HEADER.FIELDS(A)]", "1 BODY[]<1>", "1 BODY[]<1.0>", "1 BODY[]<-1.1>", "1 BODY[]<0.4294967296>",
        "1 BODY.PEEK", "1 RFC822.PEEK", "1 BODYSTRUCTURE[]", "0 FLAGS", "2 FLAGS", "1:2 FLAGS", "1 FLAGS (NOPE)",
        "1 BODY[4294967296]",
    ],
)  # fmt: skip
def test_refused(arguments):
    client = Client().selected(FetchMailbox([TERRY]))
    untagged, tagged = client.do("FETCH " + arguments)
    assert not untagged
    assert tagged.startswith("BAD ")


def test_uid_fetch_always_names_the_uid():
    messages = [b"\r\n1", b"\r\n2", b"\r\n3"]
    assert fetched("UID FETCH 20:* FLAGS", messages) == (
        "* 2 FETCH (UID 20 FLAGS ())\r\n* 3 FETCH (UID 30 FLAGS ())\r\n"
    )
    assert fetched("UID FETCH 5,30 (FLAGS UID)", messages) == "* 3 FETCH (UID 30 FLAGS ())\r\n"
    assert fetched("UID FETCH 11:19 FLAGS", messages) == ""


def test_an_item_is_told_once_however_often_it_is_asked_for():
    once = fetched("1 BODY.PEEK[]")
    assert fetched("1 (" + " ".join(["BODY.PEEK[]"] * 1000) + ")") == once
    assert fetched("1 (FLAGS UID FLAGS)") == "* 1 FETCH (FLAGS (\\Seen) UID 10)\r\n"
    assert fetched("1 (BODY[TEXT]<4.3> BODY[TEXT]<4.3> BODY.PEEK[TEXT]<4.1>)") == (
        "* 1 FETCH (BODY[TEXT]<4> {3}\r\n\ntw BODY[TEXT]<4> {1}\r\n\n)\r\n"
    )


@pytest.mark.parametrize("partial", ["<%d.1>", "<0.%d>"])
def test_too_many_items(partial):
    items = " ".join("BODY.PEEK[]" + partial % n for n in range(1, 102))
    assert Client().selected(FetchMailbox([TERRY])).do(f"FETCH 1 ({items})")[1].startswith("BAD ")


class TestSeen:
    @pytest.mark.parametrize("item", ["BODY[]", "RFC822", "RFC822.TEXT", "BODY[1]<0.1>", "(BODY.PEEK[] BODY[])"])
    def test_is_set_and_told(self, item):
        client = Client().selected(FetchMailbox([TERRY, TERRY], seen=[2]))
        untagged, _ = client.do(f"FETCH 1:2 {item}")
        assert client.session.selected.calls[0] == ("mark_seen", [range(0, 2)])
        assert untagged[0].startswith("* 1 FETCH (FLAGS (\\Seen) ")

    @pytest.mark.parametrize("item", ["BODY.PEEK[]", "RFC822.HEADER", "BODYSTRUCTURE", "BODY", "RFC822.SIZE"])
    def test_is_left(self, item):
        client = Client().selected(FetchMailbox([TERRY]))
        client.do(f"FETCH 1 {item}")
        assert ("mark_seen", [range(0, 1)]) not in client.session.selected.calls

    def test_is_not_told_when_it_was_there(self):
        client = Client().selected(FetchMailbox([TERRY], seen=[1]))
        untagged, _ = client.do("FETCH 1 BODY[]")
        assert untagged[0].startswith("* 1 FETCH (BODY[] ")
        assert client.session.selected.calls == []

    def test_comes_with_the_uid_first(self):
        client = Client().selected(FetchMailbox([TERRY]))
        assert client.do("UID FETCH 10 BODY[TEXT]")[0][0] == "* 1 FETCH (UID 10 FLAGS (\\Seen) BODY[TEXT] {10}"

    def test_flags_are_told_as_they_are_after_it(self):
        client = Client().selected(FetchMailbox([TERRY]))
        assert client.do("FETCH 1 (FLAGS BODY[TEXT])")[0][0] == "* 1 FETCH (FLAGS (\\Seen) BODY[TEXT] {10}"


def test_recent_is_among_the_flags():
    client = Client().selected(FetchMailbox([b"\r\n"] * 3, seen=[2]))
    client.session.selected.recent_uids = {20, 30}
    assert client.do("FETCH 2:3 FLAGS")[0] == [
        "* 2 FETCH (FLAGS (\\Recent \\Seen))",
        "* 3 FETCH (FLAGS (\\Recent ))",
    ]


class TestQueries:
    def test_the_index_suffices_for_what_it_holds(self):
        client = Client().selected(FetchMailbox([TERRY]))
        client.do("FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE)")
        assert client.session.selected.queries == []

    def test_one_for_all_messages_and_all_items(self):
        messages = [b"Subject: %d\r\n\r\n" % (n % 50) for n in range(100)]
        client = Client().selected(FetchMailbox(messages))
        client.do("FETCH 1:* (ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER])")
        assert client.session.selected.queries == [
            (list(range(100, 150)), ("envelope", "body_structure", "header", "header_size"))
        ]

    def test_bodies_are_asked_for_together(self):
        client = Client().selected(FetchMailbox([b"\r\n%d" % n for n in range(20)]))
        client.do("FETCH 1:* BODY.PEEK[TEXT]")
        assert client.session.selected.queries == [
            (list(range(100, 120)), ("header_size",)),
            (list(range(100, 120)), "bodies"),
        ]


class TestDamage:
    MESSAGES = (b"A: 1\r\n\r\nfirst", b"A: 2\r\n\r\nsecond", b"A: 3\r\n\r\nthird")

    def test_the_other_messages_are_told_and_then_no(self):
        """shows: RFC 9051 7.1 CORRUPTION"""
        client = Client().selected(FetchMailbox(self.MESSAGES))
        client.session.selected.stored[101].fails_at = 3
        untagged, tagged = client.do("FETCH 1:3 BODY.PEEK[TEXT]")
        assert untagged == ["* 1 FETCH (BODY[TEXT] {5}", "first)", "* 3 FETCH (BODY[TEXT] {5}", "third)"]
        assert tagged.startswith("NO [CORRUPTION] ")
        assert client.do("NOOP")[1].startswith("OK")

    def test_what_does_not_need_the_octets_is_told(self):
        client = Client().selected(FetchMailbox(self.MESSAGES))
        client.session.selected.stored[101].fails_at = 0
        assert len(client.do("FETCH 1:3 (ENVELOPE BODY.PEEK[HEADER])")[0]) == 12

    def test_messages_that_are_gone_for_good(self):
        """shows: RFC 9051 7.1 EXPUNGEISSUED"""
        client = Client().selected(FetchMailbox(self.MESSAGES))
        del client.session.selected.parsed[101]
        untagged, tagged = client.do("FETCH 1:3 (UID BODY.PEEK[TEXT])")
        assert untagged == ["* 1 FETCH (UID 10 BODY[TEXT] {5}", "first)", "* 3 FETCH (UID 30 BODY[TEXT] {5}", "third)"]
        assert tagged.startswith("NO [EXPUNGEISSUED] ")

    def test_a_large_one_that_is_cut_short_is_found_out_before_its_literal(self):
        large = b"A: 1\r\n\r\n" + b"x" * (1 << 20)
        client = Client().selected(FetchMailbox([large, *self.MESSAGES]))
        client.session.selected.stored[100].fails_at = 1 << 19
        untagged, tagged = client.do("FETCH 1:2 BODY.PEEK[TEXT]")
        assert untagged == ["* 2 FETCH (BODY[TEXT] {5}", "first)"]
        assert tagged.startswith("NO [CORRUPTION] ")

    def test_a_literal_that_has_begun_and_cannot_be_ended_ends_the_connection(self):
        large = b"A: 1\r\n\r\n" + b"x" * (1 << 20)
        mailbox = FetchMailbox([large])
        body = mailbox.stored[100]
        whole, body.read = body.read, lambda offset, length: whole(offset, length) if length < 60_000 else failing()

        def failing():
            body.fails_at = 0
            return whole(0, 1)

        client = Client().selected(mailbox)
        with pytest.raises(ConnectionError):
            client.say("a1 FETCH 1 BODY.PEEK[TEXT]\r\n")
        assert b"a1 " not in client.connection.sent


class TestLarge:
    LARGE = b"Subject: large\r\n\r\n" + bytes(range(256)) * 8192

    def replies(self, arguments, messages=(LARGE,)):
        mailbox = FetchMailbox(list(messages), seen=range(1, len(messages) + 1))
        session = Client().selected(mailbox).session
        registered = commands()[b"FETCH"]
        from imapd.wire.grammar import Cursor

        return list(registered.handler(session, registered.parse(Cursor(b" " + arguments.encode()))))

    def test_is_sent_in_pieces(self):
        pieces = self.replies("1 (UID BODY.PEEK[] FLAGS)")
        octets = b"* 1 FETCH (UID 10 BODY[] {%d}\r\n%b FLAGS (\\Seen))\r\n" % (len(self.LARGE), self.LARGE)
        assert b"".join(pieces) == octets
        assert max(map(len, pieces)) <= fetch_sections.PIECE_OCTETS

    def test_a_small_part_of_it_is_not(self):
        assert b"".join(self.replies("1 BODY.PEEK[]<9.5>")) == b"* 1 FETCH (BODY[]<9> {5}\r\nlarge)\r\n"

    def test_a_large_part_of_it_is(self):
        half = len(self.LARGE) // 2
        octets = b"".join(self.replies(f"1 BODY.PEEK[]<{half}.{half}>"))
        assert octets == b"* 1 FETCH (BODY[]<%d> {%d}\r\n%b)\r\n" % (half, half, self.LARGE[half:])

    def test_many_small_ones_are_gathered(self):
        messages = [b"\r\n%d" % n + b"x" * 4000 for n in range(200)]
        pieces = self.replies("1:* BODY.PEEK[]", messages)
        assert len(pieces) < 10
        assert max(map(len, pieces)) < fetch_plan.OUTPUT_OCTETS + 8192
        assert b"".join(pieces).count(b" FETCH (BODY[] {") == 200

    def test_a_header_beyond_what_is_stored_is_read_from_the_message(self):
        long = b"X-Long: " + b"y" * (300 << 10) + b"\r\n"
        message = long + b"Subject: after\r\n\r\nbody"
        header = message[:-4]
        octets = b"".join(self.replies("1 BODY.PEEK[HEADER]", [message]))
        assert octets == b"* 1 FETCH (BODY[HEADER] {%d}\r\n%b)\r\n" % (len(header), header)
        octets = b"".join(self.replies("1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]", [message]))
        assert octets == b"* 1 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {18}\r\nSubject: after\r\n\r\n)\r\n"


def test_sets_of_many_runs_are_answered_in_order():
    messages = [b"\r\n%d" % n for n in range(1000)]
    numbers = [n for n in range(1, 1001) if n % 2 or 400 < n < 700]
    lines = fetched(",".join(map(str, numbers)) + " UID", messages).split("\r\n")[:-1]
    assert lines == [f"* {n} FETCH (UID {10 * n})" for n in numbers]


def test_header_fields_in_bulk_are_the_same_by_pattern_and_by_set():
    block = b"A: 1\r\nb : 2\r\n folded\r\n\tmore\r\nAB: 3\r\njunk\r\na: 4\r\nC:5\n\r\n"
    for names in ([b"A"], [b"a", b"B"], [b"c", b"AB"], [b"nope"], [b"ju.k", b"B"]):
        by_pattern = fetch_sections.header_fields(names, negated=False)(block)
        many = names + [b"X-%d" % n for n in range(fetch_sections.FIELDS_BY_PATTERN)]
        assert fetch_sections.header_fields(many, negated=False)(block) == by_pattern
        others = fetch_sections.header_fields(names, negated=True)(block)
        assert sorted((by_pattern + others).splitlines()) == sorted(
            (block + b"\r\n").replace(b"junk\r\n", b"").splitlines()
        )


def test_flags_of_ten_thousand_messages_take_no_time():
    mailbox = FetchMailbox([b"\r\n"] * 10_000)
    client = Client().selected(mailbox)
    began = time.process_time()
    client.say("a1 FETCH 1:* (UID FLAGS)\r\n")
    assert time.process_time() - began < 1.0
