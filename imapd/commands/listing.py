# SPDX-License-Identifier: MIT
"""LIST and LSUB. What exists and who may see it is asked of mail/; the names are matched and written here.

LIST is read with the grammar of RFC 5258 from the start; its options come from the tables SELECTION and RETURN,
which are empty here and filled by extensions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imapd.errors import LimitReached
from imapd.protocol.registry import command
from imapd.protocol.session import IMAP4REV2
from imapd.protocol.states import AUTHENTICATED_UP
from imapd.wire import responses
from imapd.wire.grammar import BadSyntax, Cursor
from imapd.wire.names import DELIMITER, matcher
from imapd.wire.responses import Output

if TYPE_CHECKING:
    from imapd.mail.account import Account, Listed
    from imapd.protocol.session import Session

Names = Callable[[str], bool]
Test = Callable[["Listed"], bool]
Options = Mapping[bytes, Any]


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection option. `test` leaves out mailboxes; `base` says that RECURSIVEMATCH may stand beside it; `rows` gets
    the mailboxes to choose from, in place of all; `choose` chooses, in place of matched()."""

    test: Callable[[Listed], bool] | None = None
    base: bool = False
    rows: Callable[[Account, Options], list[Listed]] | None = None
    choose: Callable[[list[Listed], Test, Test, Options], Iterator[tuple[Listed, bytes]]] | None = None
    read: Callable[[Cursor], Any] | None = None


@dataclass(frozen=True, slots=True)
class Return:
    """A return option: `attribute` adds to a mailbox's line, `follow` says more about it after that line."""

    attribute: Callable[[Listed], bytes | None] | None = None
    follow: Callable[[Session, Listed, Any], Iterable[Output]] | None = None
    read: Callable[[Cursor], Any] | None = None


MOST_CHARACTERS = 64 << 10
"""Of all patterns of one LIST."""
MOST_STEPS = 5_000_000_000
"""Characters of names times states of patterns: about a second."""
ASIDE_FROM = 20_000
"""Characters of names."""

SELECTION: dict[bytes, Selection] = {}
RETURN: dict[bytes, Return] = {}


@dataclass(frozen=True, slots=True)
class List:
    reference: str
    patterns: Sequence[str]
    selection: Options = field(default_factory=dict)
    returns: Options = field(default_factory=dict)
    extended: bool = False  # asked with the syntax of RFC 5258

    @property
    def asks_delimiter(self) -> bool:
        return not self.extended and tuple(self.patterns) == ("",)


def parse_list(cursor: Cursor) -> List:
    """list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]"""
    cursor.sp()
    selection: dict[bytes, Any] = {}
    returns: dict[bytes, Any] = {}
    if extended := cursor.peek(b"("):
        selection = options(cursor, SELECTION)
        cursor.sp()
    reference = cursor.mailbox()
    cursor.sp()
    if cursor.peek(b"("):
        extended, patterns = True, tuple(cursor.listed(cursor.list_mailbox))
    else:
        patterns = (cursor.list_mailbox(),)
    if cursor.take(b" "):
        extended = True
        cursor.word(b"RETURN")
        cursor.sp()
        returns = options(cursor, RETURN)
    need_base(selection)
    return List(reference, patterns, selection, returns, extended)


def options(cursor: Cursor, table: Mapping[bytes, Any]) -> dict[bytes, Any]:
    """ "(" [option *(SP option)] ")" """

    def option() -> tuple[bytes, Any]:
        name = cursor.word()
        if name not in table:
            raise BadSyntax("Unknown option of LIST.")
        read = table[name].read
        return name, read(cursor) if read else True

    if cursor.take(b"()"):
        return {}
    return dict(cursor.listed(option))


def need_base(selection: Options) -> None:
    """RFC 5258 section 3.1: RECURSIVEMATCH needs an option beside it that selects mailboxes."""
    if b"RECURSIVEMATCH" in selection and not any(SELECTION[name].base for name in selection):
        raise BadSyntax("RECURSIVEMATCH needs another selection option.")


def parse_lsub(cursor: Cursor) -> List:
    """lsub = "LSUB" SP mailbox SP list-mailbox"""
    cursor.sp()
    reference = cursor.mailbox()
    cursor.sp()
    pattern = cursor.list_mailbox()
    return List(reference, (pattern,))


@command("LIST", parse_list, states=AUTHENTICATED_UP)
def list_(session: Session, args: List) -> Iterator[Output]:
    if args.asks_delimiter:
        yield responses.Delimiter()
        return
    # What is selected by is also told (RFC 5258 section 3.1): SUBSCRIBED, SPECIAL-USE.
    implied = {name: True for name in args.selection if name in RETURN}
    returns = [(RETURN[name], value) for name, value in {**implied, **args.returns}.items()]
    # IMAP4rev2 has the syntax of RFC 5258 and its attributes from the start.
    is_extended = args.extended or IMAP4REV2 in session.enabled
    test = chosen_by(args.selection)
    for row, extended in selected(session, args, test):
        more = [attribute for option, _ in returns if option.attribute and (attribute := option.attribute(row))]
        yield responses.List(row.name, [*attributes(row, is_extended), *more], extended)
        for option, value in returns:
            # Not of a parent that is told only for what lies below it (RFC 5819 section 3, RFC 8440 section 4).
            if option.follow and test(row):
                yield from option.follow(session, row, value)


def chosen_by(selection: Options) -> Test:
    """Whether a mailbox meets all selection options."""
    tests = [test for name in selection if (test := SELECTION[name].test)]
    return lambda row: all(test(row) for test in tests)


def selected(session: Session, args: List, test: Test) -> Iterator[tuple[Listed, bytes]]:
    """The mailboxes that LIST is to show, each with its extended data."""
    chosen = [SELECTION[name] for name in args.selection]
    rows = next((option.rows for option in chosen if option.rows), None)
    choose = next((option.choose for option in chosen if option.choose), matched)
    there = rows(session.account, args.selection) if rows else session.account.list_folders()
    match = matching(session, args, there, apart_too=rows is not None)
    return choose(there, match, test, args.selection)


def matched(rows: list[Listed], match: Test, test: Test, selection: Options) -> Iterator[tuple[Listed, bytes]]:
    """Every mailbox whose name fits and that is asked for."""
    return ((row, b"") for row in rows if match(row) and test(row))


def matching(session: Session, args: List, rows: Sequence[Listed], apart_too: bool) -> Test:
    """Whether a mailbox's name fits, and whether it may be shown to who has asked so."""
    patterns = [pattern for pattern in args.patterns if pattern]
    match = found(session, args.reference, patterns, [row.name for row in rows])
    if apart_too:
        return lambda row: match(row.name)
    by_prefix = [each for each in patterns if names_namespace(args.reference + each)]
    match_apart = found(session, args.reference, by_prefix, [row.name for row in rows if row.apart])
    return lambda row: match_apart(row.name) if row.apart else match(row.name)


def found(session: Session, reference: str, patterns: Sequence[str], names: Collection[str]) -> Names:
    """Which of these names the patterns find. Raises LimitReached where they ask for too much."""
    if sum(map(len, patterns)) > MOST_CHARACTERS:
        raise LimitReached("Those are too many patterns.")
    match = matcher(reference, patterns)
    characters = sum(map(len, names)) if match.weight else 0
    if characters * match.weight > MOST_STEPS:
        raise LimitReached("Those are too many patterns for as many mailboxes.")
    if characters < ASIDE_FROM:
        return match
    # So many that other sessions would wait for it.
    return set(session.node.offload(lambda: list(filter(match, names)))).__contains__


def names_namespace(pattern: str) -> bool:
    """Whether the first level is spelled out: a second view of the same mail is shown only to who asks for it."""
    first = pattern.partition(DELIMITER)[0]
    return "*" not in first and "%" not in first


def attributes(row: Listed, extended: bool = False) -> list[bytes]:
    """mbx-list-flags of RFC 3501 and RFC 3348, and the special use of RFC 6154 where the mailbox has one."""
    found = []
    if row.nonexistent and extended:
        found.append(b"\\NonExistent")
    elif not row.selectable:
        # Whoever has not asked with RFC 5258's syntax may not know \NonExistent, which would imply this.
        found.append(b"\\Noselect")
    found.append(b"\\HasChildren" if row.has_children else b"\\HasNoChildren")
    if row.special_use:
        found.append(row.special_use.encode("ascii"))
    return found


@command("LSUB", parse_lsub, states=AUTHENTICATED_UP)
def lsub(session: Session, args: List) -> Iterator[Output]:
    if args.asks_delimiter:
        yield responses.Lsub("", (b"\\Noselect",))
        return
    names = [row.name for row in session.account.list_folders(subscribed_only=True)]
    with_parents = {*names, *(parent for name in names for parent in parents_of(name))}
    match = found(session, args.reference, args.patterns, with_parents)
    if any("%" in pattern for pattern in args.patterns):
        parents = unsubscribed_parents(names, match)
    else:
        parents = set()
    for name in sorted({name for name in names if match(name)} | parents):
        yield responses.Lsub(name, (b"\\Noselect",) if name in parents else ())


def unsubscribed_parents(names: Sequence[str], match: Names) -> set[str]:
    """RFC 3501 6.3.9: LSUB "" "%" shows foo as \\Noselect when foo/bar is subscribed and foo is not."""
    subscribed = set(names)
    parents = set()
    for name in names:
        if match(name):
            continue
        for parent in parents_of(name):
            if parent in subscribed or parent in parents:
                break
            if match(parent):
                parents.add(parent)
    return parents


def parents_of(name: str) -> Iterator[str]:
    """The names above a name, the nearest first."""
    while DELIMITER in name:
        name = name.rpartition(DELIMITER)[0]
        yield name
