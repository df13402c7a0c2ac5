# SPDX-License-Identifier: MIT
"""What is played: steps that hypothesis makes up, and a look at everything after each."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.model import picture
from tests.model.mailbox_commands import MailboxCommands
from tests.model.message_commands import KEYS, MessageCommands
from tests.model.names import ALL
from tests.model.stage import CONTENTS, SIZES


class Step(NamedTuple):
    verb: str
    arguments: dict[str, Any]

    def __repr__(self) -> str:
        return f"{self.verb}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"


SESSIONS = st.integers(0, 3)
WHERE = st.sampled_from(["", "home", "work", "more", "alice's", "alice's work", "bob's", "desk"])
PATHS = st.sampled_from(["INBOX", "A", "A/B", "Sent", "inbox/C", "A/B/B", "DOMAIN/A"])
ANY_NAMES = st.tuples(WHERE, PATHS)
NAMES = st.integers(0, 5).flatmap(lambda one: st.integers(0, 60) if one else ANY_NAMES)
FLAGS = st.sets(st.sampled_from(["\\Seen", "\\Deleted", "\\Flagged", "\\Answered", "Blue", "$Label1"]), max_size=3)
DELETED = st.just({"\\Deleted"})
PICKS = st.lists(st.integers(0, 15), min_size=1, max_size=4)
RIGHTS = st.one_of(
    st.sampled_from(["", "lr", "lrswite", ALL]),
    st.text(ALL, max_size=4).map(lambda letters: "".join(sorted({*letters}))),
)
ONE_OR_OTHER = st.booleans()


def step(verb: str, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.fixed_dictionaries({"s": SESSIONS, **arguments}).map(lambda chosen: Step(verb, chosen))


def often(times: int, strategy: st.SearchStrategy[Step]) -> list[st.SearchStrategy[Step]]:
    return [strategy] * times


KINDS = [
    st.just(Step("nothing", {})),
    *often(4, step("append", to=NAMES, content=st.integers(0, CONTENTS - 1), flags=FLAGS)),
    *often(3, step("select", name=NAMES, examine=st.just(False))),
    step("select", name=NAMES, examine=st.just(True)),
    step("leave", closing=ONE_OR_OTHER),
    *often(3, step("come_back", pick=st.integers(0, 9))),
    *often(6, step("store", picks=PICKS, uid=ONE_OR_OTHER, op=st.sampled_from("+-="), flags=FLAGS, silent=ONE_OR_OTHER)),
    *often(2, step("store", picks=PICKS, uid=ONE_OR_OTHER, op=st.just("+"), flags=DELETED, silent=ONE_OR_OTHER)),
    *often(2, step("expunge", picks=st.one_of(st.none(), PICKS))),
    *often(6, step("transfer", picks=PICKS, uid=ONE_OR_OTHER, to=NAMES, moving=ONE_OR_OTHER)),
    *often(2, step("read", picks=PICKS)),
    *often(2, step("search", key=st.sampled_from(sorted(KEYS)))),
    *often(2, step("create", name=NAMES)),
    step("delete", name=NAMES),
    step("subscription", name=NAMES, subscribing=ONE_OR_OTHER),
    *often(3, step("rename", old=NAMES, new=ANY_NAMES)),
    *often(3, step("set_access", name=NAMES, who=st.integers(0, 2), op=st.sampled_from("+-="), rights=RIGHTS)),
    step("change_mode", unified=ONE_OR_OTHER),
    step("change_primary", which=st.integers(0, 2)),
    step("close_or_open", which=st.integers(0, 1)),
    *often(2, step("nap", steps=st.integers(1, 8))),
]  # fmt: skip
STEPS = st.integers(0, len(KINDS) - 1).flatmap(KINDS.__getitem__)


BEGINNING = [
    (0, "", "INBOX"), (0, "", "INBOX"), (0, "", "INBOX"), (0, "work", "INBOX"), (0, "work", "INBOX"), (0, "", "A"),
    (0, "work", "A"), (0, "more", "INBOX"), (1, "", "INBOX"), (1, "", "INBOX"), (1, "work", "INBOX"), (1, "desk", "INBOX"),
    (1, "desk", "INBOX"),
]  # fmt: skip


class Play(MessageCommands, MailboxCommands):
    """Sessions begin with something open, and not all mailboxes are empty."""

    def play(self, steps: list[Step]) -> None:
        self.begin()
        for verb, arguments in steps:
            if verb != "nothing":
                getattr(self, verb)(**arguments)
                self.agrees()
        self.end()

    def begin(self) -> None:
        for where, path in [("", "A"), ("work", "A"), ("work", "A/B")]:
            self.create(0, (where, path))
        for session, where, path in BEGINNING:
            flags = {"\\Seen", "\\Deleted"} if self.dates % 2 else {"\\Flagged", "Blue"}
            self.append(session, (where, path), self.dates % CONTENTS, flags)
        self.agrees()
        for number, name in enumerate([("", "INBOX"), ("alice's", "INBOX"), ("", "INBOX"), ("", "INBOX")]):
            self.select(number, name, False)

    def agrees(self) -> None:
        """After each step the server shows each person what the model has, and tells who looks what is new."""
        quickly, self.access_changed = self.access_changed, False
        for session in self.stage.sessions:
            session.follow_rights(quickly)
        for session in self.stage.sessions[:2]:
            picture.compare(session, self.world, SIZES)
        for session in self.stage.sessions:
            session.naps -= session.naps > 0
            if not session.naps:
                session.look()

    def end(self) -> None:
        """What was told is what is there, message by message."""
        for session in self.stage.sessions:
            session.look()
            if session.opened:
                session.compare_all()

    def nap(self, s: int, steps: int) -> None:
        self.stage.sessions[s].naps = steps
