# SPDX-License-Identifier: MIT
"""A mailbox in memory that FETCH can read: real parsed contents, bodies that can be made to fail."""

from array import array
from types import SimpleNamespace

from imapd import errors
from imapd.mail.mime.parse import parse
from tests.commands.fake_mail import Mailbox

JULY = 837596665  # 17-Jul-1996 02:44:25 -0700


class Body:
    def __init__(self, octets, fails_at=None):
        self.octets = octets
        self.size = len(octets)
        self.fails_at = fails_at  # what lies from here on cannot be read

    def read(self, offset=0, length=None):
        end = self.size if length is None else min(offset + length, self.size)
        if self.fails_at is not None and end > self.fails_at:
            raise errors.Corrupt
        return self.octets[offset:end]


class FetchMailbox(Mailbox):
    """messages: octets; those that are equal share one content. UIDs are 10, 20, 30 …"""

    def __init__(self, messages, seen=(), read_only=False):
        uids = range(10, 10 * len(messages) + 1, 10)
        super().__init__("INBOX", uids, read_only)
        distinct = {octets: number for number, octets in enumerate(dict.fromkeys(messages), 100)}
        self.parsed = {number: parse(octets, sha256=b"") for octets, number in distinct.items()}
        self.stored = {number: Body(octets) for octets, number in distinct.items()}
        self.view = SimpleNamespace(
            uids=array("I", uids),
            flag_numbers=array("I", [int(number in seen) for number in range(1, len(messages) + 1)]),
            flag_bytes=[b"()", b"(\\Seen)", b"(\\Flagged $x)"],
            modseqs=array("Q", [7] * len(messages)),
            content_ids=array("Q", [distinct[octets] for octets in messages]),
            sizes=array("Q", map(len, messages)),
            dates=array("q", [JULY] * len(messages)),
            zones=array("h", [-420] * len(messages)),
        )
        self.queries = []

    def contents(self, content_ids, columns):
        self.queries.append((sorted(content_ids), columns))
        return {
            number: tuple(getattr(self.parsed[number], column) for column in columns)
            for number in content_ids
            if number in self.parsed
        }

    def bodies(self, content_ids):
        self.queries.append((sorted(content_ids), "bodies"))
        return {number: self.stored[number] for number in content_ids if number in self.stored}

    def body(self, content_id):
        return self.bodies([content_id])[content_id]

    def mark_seen(self, positions):
        if all(self.view.flag_numbers[at] == 1 for span in positions for at in span):
            return False
        self.calls.append(("mark_seen", positions))
        old = self.view
        self.view = SimpleNamespace(**{**vars(old), "flag_numbers": old.flag_numbers[:]})
        for span in positions:
            for at in span:
                self.view.flag_numbers[at] = 1
        return True
