# SPDX-License-Identifier: MIT
"""Responses as values, and whether one is what a story expects. Pure; it shares no code with the server's parser."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

Bindings = dict[str, bytes]


@dataclass(frozen=True)
class Atom:
    """Compared without regard to case."""

    octets: bytes


@dataclass(frozen=True)
class String:
    """A quoted string or a literal: compared octet by octet."""

    octets: bytes


@dataclass(frozen=True)
class Many:
    """A parenthesised list."""

    items: tuple["Value", ...]


Value = Atom | String | Many

ANYTHING = Atom(b"_")
REST = Atom(b"...")
VARIABLE = re.compile(rb"\$([a-z][a-z0-9]*)\Z")
# An atom may hold a section: BODY[HEADER.FIELDS (FROM TO)]<0>.
PLAIN = re.compile(rb'[^\s()"\[\]{}]+')
SECTION = re.compile(rb"\[[^\]]*\]")
LITERAL = re.compile(rb"~?\{(\d+)\+?\}\r\n")
QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.S)
ESCAPES = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0"}


class Unreadable(Exception):
    """The octets are no response."""


def read(octets: bytes, escapes: bool = False) -> tuple[Value, ...]:
    """The values of a line. escapes: quoted strings know \\r and \\n, as in stories."""
    values, position = _read(octets, 0, escapes, nested=False)
    if position != len(octets):
        raise Unreadable(f"more than a response at {octets[position:position + 40]!r}")
    return values


def _read(octets: bytes, position: int, escapes: bool, nested: bool) -> tuple[tuple[Value, ...], int]:
    values: list[Value] = []
    while position < len(octets):
        character = octets[position:position + 1]
        if character in b" ":
            position += 1
        elif character == b"(":
            items, position = _read(octets, position + 1, escapes, nested=True)
            values.append(Many(items))
        elif character == b")":
            if not nested:
                raise Unreadable(f"a bracket too many at {octets[position:position + 40]!r}")
            return tuple(values), position + 1
        else:
            value, position = _one(octets, position, escapes)
            values.append(value)
    if nested:
        raise Unreadable(f"a bracket is missing in {octets[-80:]!r}")
    return tuple(values), position


def _one(octets: bytes, position: int, escapes: bool) -> tuple[Value, int]:
    if quoted := QUOTED.match(octets, position):
        return String(_unquote(quoted[1], escapes)), quoted.end()
    if literal := LITERAL.match(octets, position):
        end = literal.end() + int(literal[1])
        if end > len(octets):
            raise Unreadable("a literal is cut short")
        return String(octets[literal.end():end]), end
    start = position
    while found := PLAIN.match(octets, position) or SECTION.match(octets, position):
        position = found.end()
    if position == start:
        raise Unreadable(f"no value at {octets[position:position + 40]!r}")
    return Atom(octets[start:position]), position


def _unquote(octets: bytes, escapes: bool) -> bytes:
    def meaning(found: re.Match[bytes]) -> bytes:
        return ESCAPES.get(found[1], found[1]) if escapes else found[1]

    return re.sub(rb"\\(.)", meaning, octets, flags=re.S)


def matches(wanted: tuple[Value, ...], got: tuple[Value, ...], bound: Bindings) -> Bindings | None:
    """The bindings with what the variables caught, or None. `...` at the end stands for any more values."""
    if len(wanted) >= 3 and _is(wanted[1], b"fetch") and len(got) == 3 and _is(got[1], b"fetch"):
        return _matches_fetch(wanted, got, bound)
    if wanted and got and _is(wanted[0], b"capability") and _is(got[0], b"capability"):
        return _matches_flags(Many(wanted), Many(got), bound)
    if wanted and wanted[-1] == REST:
        wanted, got = wanted[:-1], got[:len(wanted) - 1]
    if len(wanted) != len(got):
        return None
    for want, have in zip(wanted, got, strict=True):
        caught = _matches_one(want, have, bound)
        if caught is None:
            return None
        bound = caught
    return bound


def _matches_one(want: Value, have: Value, bound: Bindings) -> Bindings | None:
    if want == ANYTHING:
        return bound
    if isinstance(want, Many):
        if not isinstance(have, Many):
            return None
        return _matches_flags(want, have, bound) if _are_flags(want) else matches(want.items, have.items, bound)
    if isinstance(want, Atom) and (variable := VARIABLE.match(want.octets)):
        return _matches_variable(variable[1].decode(), have, bound)
    return bound if _same(want, have) else None


def _matches_variable(name: str, have: Value, bound: Bindings) -> Bindings | None:
    if isinstance(have, Many):
        return None
    if name in bound:
        return bound if bound[name].lower() == have.octets.lower() else None
    return {**bound, name: have.octets}


def _same(want: Value, have: Value) -> bool:
    if isinstance(want, Many) or isinstance(have, Many):
        return want == have
    if isinstance(want, Atom) and isinstance(have, Atom):
        return want.octets.lower() == have.octets.lower()
    # NIL is not the string of three letters.
    if Atom(b"NIL") in (Atom(x.octets.upper()) for x in (want, have) if isinstance(x, Atom)):
        return False
    return want.octets == have.octets


def _are_flags(value: Many) -> bool:
    """A list with a backslash in it, or one that says `...` first, has no order; so FLAGS, LIST attributes."""
    return any(isinstance(item, Atom) and item.octets[:1] == b"\\" for item in value.items)


def _matches_flags(want: Many, have: Many, bound: Bindings) -> Bindings | None:
    """Same members in any order; with `...` more may be there. \\Recent counts only where the story names it."""
    wanted = {_lowered(item) for item in want.items if item != REST}
    there = {_lowered(item) for item in have.items}
    if b"\\recent" not in wanted:
        there.discard(b"\\recent")
    if wanted == there or (REST in want.items and wanted <= there):
        return bound
    return None


def _lowered(value: Value) -> bytes:
    return b"" if isinstance(value, Many) else value.octets.lower()


def _matches_fetch(wanted: tuple[Value, ...], got: tuple[Value, ...], bound: Bindings) -> Bindings | None:
    """The items may come in any order, and more of them than the story names."""
    caught = _matches_one(wanted[0], got[0], bound)
    if caught is None or not isinstance(wanted[2], Many) or not isinstance(got[2], Many):
        return caught if wanted[2] == ANYTHING else None
    there = {_lowered(name): value for name, value in _pairs(got[2].items)}
    for name, want in _pairs(wanted[2].items):
        have = there.get(_lowered(name))
        if have is None:
            return None
        caught = _fetched(name, want, have, caught)
        if caught is None:
            return None
    return caught


def _fetched(name: Value, want: Value, have: Value, bound: Bindings) -> Bindings | None:
    if _is(name, b"flags") and isinstance(want, Many) and isinstance(have, Many):
        return _matches_flags(want, have, bound)
    return _matches_one(want, have, bound)


def _pairs(items: tuple[Value, ...]) -> Iterator[tuple[Value, Value]]:
    return zip(items[0::2], items[1::2], strict=False)


def _is(value: Value, word: bytes) -> bool:
    return isinstance(value, Atom) and value.octets.lower() == word
