# SPDX-License-Identifier: MIT
"""Contents: one row per distinct body within an organisation. Putting them in with their messages, and asking them."""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from psycopg2 import extensions

from imapd import errors
from imapd.storage.connection import Running
from imapd.storage.folders import Named
from imapd.storage.messages import Appended, View
from imapd.storage.pool import Database, Transaction, tried_again
from imapd.storage.prepared import Prepared


# bytea as bytes, wherever it comes from: a memoryview over a larger buffer would keep the whole answer alive.
def _octets(value: Any, cursor: Any) -> bytes | None:
    return None if value is None else bytes.fromhex(value[2:])


extensions.register_type(extensions.new_type((17,), "OCTETS", _octets))

TYPES = {
    "sha256": "bytea",
    "size": "bigint",
    "envelope": "bytea",
    "body": "bytea",
    "body_structure": "bytea",
    "parts": "bytea",
    "header": "bytea",
    "header_size": "bigint",
    "message_id": "text",
    "refs": "text",
    "sent_at": "bigint",
    "sent_zone": "smallint",
    "base_subject": "text",
    "is_reply": "boolean",
    "sort_from": "text",
    "sort_to": "text",
    "sort_cc": "text",
    "display_from": "text",
    "display_to": "text",
    "subject": "text",
    "from_text": "text",
    "to_text": "text",
    "cc_text": "text",
    "bcc_text": "text",
    "header_text": "text",
    "body_text": "text",
    "preview": "text",
    "parsed_by": "smallint",
}
"""The columns that parsing fills, each with its type."""

Asked = tuple[Prepared, dict[str, Any]]
"""A statement, and its parameters."""

COLUMNS = frozenset({*TYPES, "content_id", "thread_id"})

INTO = f"INSERT INTO contents (organization_id, {', '.join(TYPES)}, thread_id)"
USED_AGAIN = "ON CONFLICT (organization_id, sha256) DO UPDATE SET last_used_at = now()"


C = " c AS (SELECT ARRAY[content_id] AS ids, ARRAY[size] AS sizes FROM kept)"
"""The ids and the sizes of contents, in the order given; here of the one that was kept."""


VALUES = ", ".join(f"%({name})s::{kind}" for name, kind in TYPES.items())
THREAD = "thread_of(%(organization_id)s, %(message_id)s, %(refs)s)"

ONE = (
    f"kept AS ({INTO} VALUES (%(organization_id)s, {VALUES}, {THREAD}) {USED_AGAIN} RETURNING content_id, size),{C}"
)
"""Most commands bring one: to list and join it would take a tenth of their time."""

PLACED = "c AS (SELECT ARRAY[nextval('contents_content_id_seq')] AS ids, ARRAY[%(size)s::bigint] AS sizes)"
"""One that is still being parsed, whose row the same transaction makes next: ARRIVED."""

ARRIVED = Prepared(
    f"INSERT INTO contents (organization_id, {', '.join(TYPES)}, thread_id, content_id) OVERRIDING SYSTEM VALUE"
    f" VALUES (%(organization_id)s, {VALUES}, {THREAD}, currval('contents_content_id_seq'))"
)


def _several() -> str:
    """What is parsed comes as a list a column."""
    names = ", ".join(TYPES)
    lists = ", ".join(f"%({name})s::{kind}[]" for name, kind in TYPES.items())
    return (
        f"given AS (SELECT * FROM unnest({lists}) WITH ORDINALITY AS g({names}, i)),"
        f" kept AS ({INTO} SELECT DISTINCT ON (sha256) %(organization_id)s, {names},"
        "   thread_of(%(organization_id)s, message_id, refs) FROM given ORDER BY sha256"
        f"   {USED_AGAIN} RETURNING content_id, sha256),"
        " c AS (SELECT array_agg(kept.content_id ORDER BY i) AS ids, array_agg(given.size ORDER BY i) AS sizes"
        "         FROM given JOIN kept USING (sha256))"
    )


SEVERAL = _several()

KNOWN = (
    "kept AS (UPDATE contents SET last_used_at = now()"
    "          WHERE organization_id = %(organization_id)s AND sha256 = %(sha256)s::bytea RETURNING content_id, size),"
    + C
)
"""One that is there already; else c is empty, and nothing is done."""


@cache
def _append_statement(kept: str, as_reader: bool, replacing: bool) -> Prepared:
    """Contents and messages in one statement: a content that is there already is used again, and marked as used."""
    function, more = ("append_messages_as", ", %(reader)s") if as_reader else ("append_messages", "")
    target = "coalesce(%(target_id)s::bigint, folder_named(%(organization_id)s, %(boxes)s::bigint[], %(name)s))"
    if replacing:  # an argument is evaluated before the call: the message goes before the other one comes
        target = (
            f"remove_replaced(%(organization_id)s, %(from_group)s, %(from_folder)s::bigint, %(replaced)s, {target},"
            " c.sizes[1])"
        )
    return Prepared(
        f"WITH {kept}"
        " SELECT a.validity, a.first, a.grp FROM c,"
        f"       {function}(%(organization_id)s, {target}, c.ids, c.sizes, %(dates)s::bigint[],"
        f"                  %(zones)s::smallint[], %(masks)s::integer[], %(words)s::text[]{more}) a"
    )


@dataclass(frozen=True, slots=True)
class Filing:
    r"""Where messages come, and with what: a folder by its id or its name; dates in seconds since 1970, minutes east;
    flags as bits, keywords; reader: whose own \Seen is set, where that is not the owner's; replaced: a message, by its
    view and UID, that goes in the same moment."""

    folder: int | Named
    dates: Sequence[tuple[int, int]]
    flags: Sequence[tuple[int, list[str]]]
    reader: int | None = None
    replaced: tuple[View, int] | None = None


def append(database: Database, organization_id: int, contents: Sequence[Any], filing: Filing) -> Appended:
    """Puts parsed contents into a folder, in order. The octets must lie in the blob store.

    Raises errors.NoTarget, OverQuota, LimitReached, Expunged: then nothing is done.
    """
    if len(contents) == 1:
        kept, parsed = ONE, _columns_of(contents[0])
    else:
        kept, parsed = SEVERAL, {name: [getattr(content, name) for content in contents] for name in TYPES}
    row = database.row(*_filed(kept, organization_id, filing, parsed))
    assert row
    return Appended(*row)


@tried_again
def append_beside(
    database: Database,
    organization_id: int,
    size: int,
    filing: Filing,
    parsed: Callable[[], Any],
    on_disk: Callable[[], bool],
) -> Appended | None:
    """The same with one new content that is still being parsed and written: parsed() gives it, each time it is asked.
    Nobody sees the message before on_disk() has said yes. None where it says no, or where the organisation has the
    content by now: then nothing is done. Its folder and its quota are locked all the time, at last its thread, too."""
    asked = placing(organization_id, size, filing)
    with suppress(errors.AlreadyExists), database.transaction(asked[0]) as tx:
        appended = arrived(tx, organization_id, asked, parsed)
        if on_disk():
            return appended
        tx.roll_back()
    return None


def placing(organization_id: int, size: int, filing: Filing) -> Asked:
    """With what a transaction begins that puts a content into a folder before it is there: arrived() goes on."""
    return _filed(PLACED, organization_id, filing, {"size": size})


def arrived(tx: Transaction, organization_id: int, asked: Asked, parsed: Callable[[], Any]) -> Appended:
    """What placing() gave is asked while parsed() is at work; then comes the content itself."""
    (row,) = tx.rows(*asked, meanwhile=parsed)
    tx.execute(ARRIVED, {**_columns_of(parsed()), "organization_id": organization_id})
    return Appended(*row)


def append_known(database: Database, organization_id: int, sha256: bytes, filing: Filing) -> Appended | None:
    """The same with a content that the organisation has already, so that it need be neither parsed nor sent. None where
    it has none of this name."""
    row = database.row(*_filed(KNOWN, organization_id, filing, {"sha256": sha256}))
    return Appended(*row) if row else None


def _columns_of(content: Any) -> dict[str, Any]:
    return {name: getattr(content, name) for name in TYPES}


def _filed(kept: str, organization_id: int, filing: Filing, given: dict[str, Any]) -> Asked:
    params = dict(
        given,
        organization_id=organization_id,
        target_id=None,
        boxes=None,
        name=None,
        dates=[seconds for seconds, _ in filing.dates],
        zones=[zone for _, zone in filing.dates],
        masks=[mask for mask, _ in filing.flags],
        words=[" ".join(words) for _, words in filing.flags],
        reader=filing.reader,
    )
    if isinstance(filing.folder, Named):
        params["boxes"], params["name"] = list(filing.folder.mailbox_ids), filing.folder.name
    else:
        params["target_id"] = filing.folder
    if filing.replaced is not None:
        view, params["replaced"] = filing.replaced
        params["from_group"], params["from_folder"] = view.group_id, view.folder_id
    return _append_statement(kept, filing.reader is not None, filing.replaced is not None), params


def columns(
    database: Database, organization_id: int, content_ids: Collection[int], names: Sequence[str]
) -> dict[int, tuple[Any, ...]]:
    """The columns of these contents, by content id."""
    rows = database.rows(_columns_statement(tuple(names)), (organization_id, list(content_ids)))
    return {row[0]: row[1:] for row in rows}


@lru_cache(256)
def _columns_statement(names: tuple[str, ...]) -> Prepared:
    if not COLUMNS.issuperset(names):
        raise ValueError("no such column")
    return Prepared(
        "SELECT content_id, " + ", ".join(names) + " FROM contents WHERE organization_id = %s AND content_id = ANY(%s)"
    )


# How each kind of test of matching() is asked; %s stands for what it compares with.
HOLDS = {
    "subject": "strpos(subject, %s) > 0",
    "from": "strpos(from_text, %s) > 0",
    "to": "strpos(to_text, %s) > 0",
    "cc": "strpos(cc_text, %s) > 0",
    "bcc": "strpos(bcc_text, %s) > 0",
    "body": "strpos(body_text, %s) > 0",
    "text": "(strpos(header_text, %s) > 0 OR strpos(body_text, %s) > 0)",
    "header": "header_text ~ %s",
    "long header": "EXISTS (SELECT FROM unnest(string_to_array(header_text, E'\\n')) line"
    " WHERE starts_with(line, %s) AND strpos(substr(line, %s), %s) > 0)",
    "thread": "thread_id = %s",
    "sent <": "sent_at + sent_zone * 60 < %s",
    "sent =": "sent_at + sent_zone * 60 BETWEEN %s AND %s",
    "sent >=": "sent_at + sent_zone * 60 >= %s",
}
DAY_SECONDS = 86400
EXPRESSION_CHARACTERS = 500
"""To PostgreSQL a much longer regular expression is too complex."""


def matching(
    database: Database,
    organization_id: int,
    content_ids: Collection[int],
    tests: Iterable[tuple[str, ...]],
    running: Running | None = None,
) -> list[tuple[Any, ...]]:
    """(content_id, answer to each test): only rows where one is not false; null where there is no date to compare."""
    asked, params = [], []
    for test in tests:
        holds, values = _question(test)
        asked.append(holds)
        params.extend(values)
    statement = (
        "SELECT * FROM (SELECT content_id, " + ", ".join(asked) + " FROM contents"
        " WHERE organization_id = %s AND content_id = ANY(%s)) answers"
        " WHERE NOT (answers IS NOT DISTINCT FROM ROW(answers.content_id" + ", false" * len(asked) + "))"
    )
    return database.rows(statement, [*params, organization_id, list(content_ids)], running)


def _question(test: tuple[str, ...]) -> tuple[str, list[Any]]:
    """The SQL of one test, and its parameters. A NUL is in no text column, so nothing matches it."""
    kind, *values = test
    if any("\0" in value for value in values):
        return "false", []
    if kind == "header":
        name, needle = values
        if len(name) + len(needle) > EXPRESSION_CHARACTERS:
            return HOLDS["long header"], [name + ":", len(name) + 2, needle]
        return HOLDS["header"], ["\n" + _literally(name) + ": ?[^\n]*" + _literally(needle)]
    if kind == "thread":
        return HOLDS[kind], [int(values[0])]
    if kind == "sent":
        first = int(values[1]) * DAY_SECONDS
        return HOLDS["sent " + values[0]], [first, first + DAY_SECONDS - 1] if values[0] == "=" else [first]
    return HOLDS[kind], values * HOLDS[kind].count("%s")


def _literally(text: str) -> str:
    """Text as a regular expression of PostgreSQL that matches just it."""
    return "".join(c if c.isalnum() or c.isspace() else "\\" + c for c in text)
