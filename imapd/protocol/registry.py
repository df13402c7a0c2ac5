# SPDX-License-Identifier: MIT
"""The table of commands and capabilities, gathered from the modules that hold them; it names none itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from imapd.protocol.states import ANY as ANY
from imapd.protocol.states import AUTHENTICATED as AUTHENTICATED
from imapd.protocol.states import AUTHENTICATED_UP as AUTHENTICATED_UP
from imapd.protocol.states import NOT_AUTHENTICATED as NOT_AUTHENTICATED
from imapd.protocol.states import SELECTED as SELECTED
from imapd.protocol.states import State, States
from imapd.wire.grammar import Cursor

if TYPE_CHECKING:
    from imapd.protocol.session import Session

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Done:
    """What a handler returns for its tagged OK: the text after it, and a response code. Both may be left out.

    `then` is called when the tagged OK is on its way, for what changes the octets that follow it: TLS, compression.
    """

    text: str | None = None
    code: bytes | None = None
    then: Callable[[], None] | None = None


Handler = Callable[["Session", Any], Any]
Parse = Callable[[Cursor], Any]
Announce = Callable[["Session", Cursor, int], None]


@dataclass(frozen=True, eq=False)
class Command:
    """One command: how it is read, when it is allowed and what carries it out."""

    name: bytes
    parse: Parse | None
    handler: Handler
    states: States
    sends_expunge: bool = True
    uid: bool = False
    spools: bool = False
    announce: Announce | None = None
    literal_octets: int | None = None
    rfc: int = 3501
    capability: bytes | None = None
    by_uid: bool = False
    tells_news: bool = True
    reports_progress: bool = False

    @property
    def file(self) -> str:
        """Where the handler stands, relative to the project."""
        found = inspect.getsourcefile(self.handler) or ""
        return str(Path(found).resolve().relative_to(_ROOT)) if found.startswith(str(_ROOT)) else found

    @property
    def completed(self) -> str:
        return f"{self.name.decode('ascii')} completed."


@dataclass(frozen=True)
class Capability:
    """A word of CAPABILITY: the states it is shown in and, where that is not all, a test of the session.

    `always` is for what no operator may hide, because clients would then be led into the open. `enable` is for what
    ENABLE can switch on, and is called when a client does. `value` is what stands behind a "=". `streamed_octets`:
    while this is advertised, no literal that does not wait for our word may be longer.
    """

    name: bytes
    rfc: int
    states: States = ANY
    when: Callable[[Session], bool] | None = None
    always: bool = False
    enable: Callable[[Session], None] | None = None
    value: Callable[[Session], bytes] | None = None
    streamed_octets: int | None = None


def command(
    name: str,
    parse: Parse | None = None,
    *,
    states: States,
    sends_expunge: bool = True,
    uid: bool = False,
    spools: bool = False,
    announce: Announce | None = None,
    literal_octets: int | None = None,
    rfc: int = 3501,
    capability: str | None = None,
    tells_news: bool = True,
    reports_progress: bool = False,
) -> Callable[[Handler], Command]:
    """Makes a command of a handler: a generator function of (session, what `parse` returned).

    The handler yields untagged responses, or octets, and returns Done or None. With `parse` left out there are no
    arguments, and the handler gets None. `uid`: "UID <name>" exists too and may always tell expunges; its cursor has
    by_uid set. `spools`: literals over 64 KiB go to the blob store as they come. `announce` is asked before a literal
    is taken and raises a MailError to refuse it. Without `tells_news` nothing follows that has happened meanwhile.
    `reports_progress`: it may work for long before it yields anything, and the client is told so.
    """

    def register(handler: Handler) -> Command:
        return Command(
            name.encode("ascii"), parse, handler, states, sends_expunge, uid, spools, announce, literal_octets, rfc,
            capability.encode("ascii") if capability else None, tells_news=tells_news,
            reports_progress=reports_progress,
        )  # fmt: skip

    return register


@cache
def commands() -> dict[bytes, Command]:
    """Every command by its name; those with a UID form also as b"UID <name>"."""
    table: dict[bytes, Command] = {}
    for module in _modules():
        for registered in _found(module, Command):
            _enter(table, registered)
            if registered.uid:
                _enter(table, _uid_form(registered))
    return table


@cache
def capabilities() -> tuple[Capability, ...]:
    """Every capability, in the order of the modules."""
    found: dict[bytes, Capability] = {}
    for module in _modules():
        for capability in getattr(module, "CAPABILITIES", ()):
            if capability.name in found:
                raise ValueError(f"{capability.name!r} is registered twice")
            found[capability.name] = capability
    return tuple(found.values())


@dataclass(frozen=True)
class Row:
    """A line of the tables that `imapd.py commands` prints. name: of a command, or of a capability."""

    name: str
    states: tuple[str, ...]
    rfc: int
    capability: str
    file: str


def table() -> list[Row]:
    """All commands, for people."""
    rows = []
    for registered in commands().values():
        states = tuple(state.value for state in State if state in registered.states)
        capability = (registered.capability or b"").decode("ascii")
        rows.append(Row(registered.name.decode("ascii"), states, registered.rfc, capability, registered.file))
    return sorted(rows, key=lambda row: row.name)


def capability_table() -> list[Row]:
    """All capabilities, for people, in the order in which they are told."""
    return [
        Row(name, tuple(state.value for state in State if state in each.states), each.rfc, name, _file(module))
        for module in _modules()
        for each in getattr(module, "CAPABILITIES", ())
        for name in [each.name.decode("ascii")]
    ]


def _file(module: ModuleType) -> str:
    return str(Path(module.__file__ or "").resolve().relative_to(_ROOT))


def _modules() -> Iterable[ModuleType]:
    # Imported here because every one of these modules imports this one.
    from imapd.commands import FAMILIES
    from imapd.extensions import EXTENSIONS

    return (*FAMILIES, *EXTENSIONS)


def _found(module: ModuleType, kind: type[Command]) -> list[Command]:
    """Of this kind in a module, but not what it has imported from another."""
    found = [value for value in vars(module).values() if isinstance(value, kind)]
    return [value for value in found if value.handler.__module__ == module.__name__]


def _enter(table: dict[bytes, Command], registered: Command) -> None:
    if table.setdefault(registered.name, registered) is not registered:
        raise ValueError(f"{registered.name!r} is registered twice")


def _uid_form(registered: Command) -> Command:
    fields = {**vars(registered), "name": b"UID " + registered.name, "uid": False, "by_uid": True}
    # A UID form counts by nothing that an expunge would shift (RFC 3501, section 7.4.1).
    return Command(**{**fields, "sends_expunge": True})
