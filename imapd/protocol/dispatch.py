# SPDX-License-Identifier: MIT
"""From a request to its tagged answer: finds the command, checks the state, runs the handler, tells the news.

Which commands there are, and what is special about one, stands in the registry alone.
"""

from __future__ import annotations

from contextlib import suppress
from secrets import token_hex
from time import monotonic
from typing import TYPE_CHECKING, Any

from imapd import log
from imapd.errors import MailError, TooBig
from imapd.protocol import answers
from imapd.protocol.capability import streamed_octets
from imapd.protocol.registry import Command, Done, commands
from imapd.protocol.states import State
from imapd.wire.errors import BadName, BadSyntax, TooLong
from imapd.wire.framing import Announced, Request
from imapd.wire.grammar import Cursor, head
from imapd.wire.responses import Bye, condition

if TYPE_CHECKING:
    from imapd.protocol.session import Session

MEMORY_OCTETS = 64 << 10
"""The longest literal of a command with `spools` that is kept in memory."""

_DONE = Done()
_UNKNOWN = "BAD"  # the label under which what is no command is counted


def serve(session: Session) -> None:
    """Carries out what the client sends until it logs out or leaves."""
    framer, connection = session.framer, session.connection
    try:
        while session.state is not State.LOGOUT:
            found = framer.next()
            if found is None:
                connection.in_command = not framer.is_empty
                if session.notify is not None and framer.is_empty:
                    session.listen()
                octets = connection.receive()
                if not octets:
                    return
                framer.feed(octets)
            elif isinstance(found, Request):
                answer(session, found)
            else:
                decide(session, found)
    except TooLong as error:
        _say_bye(session, str(error), b"TOOBIG")


def answer(session: Session, request: Request) -> None:
    """Carries out one command and says how it went."""
    tag, name, position = head(request.text)
    registered = commands().get(name)
    connection = session.connection
    connection.in_command = True
    session.tag = tag or b""
    began = monotonic()
    then = None
    try:
        line, then = _carried_out(session, registered, request, position)
    except BadName as error:
        line = condition(b"NO", b"CANNOT", str(error), session.utf8)
    except BadSyntax as error:
        line = condition(b"BAD", None, str(error), session.utf8)
    except answers.Refused as error:
        line = condition(b"NO", error.code, str(error), session.utf8)
    except MailError as error:
        line = condition(b"NO", answers.code(error), str(error), session.utf8)
    except (ConnectionError, TooLong):
        raise
    except Exception:
        line = _server_bug(session, name)
    finally:
        for literal in request.literals:
            if literal.spool is not None:
                literal.spool.close()
    session.node.metrics.command(name.decode("ascii") if registered else _UNKNOWN, monotonic() - began)
    if line.startswith(b"BAD") and _is_one_too_many(session):
        return
    connection.send(b"%b %b\r\n" % (tag or b"*", line))
    if then is not None:
        then()
    connection.in_command = False


def decide(session: Session, announced: Announced) -> None:
    """Takes a literal or refuses it, before its octets are here if the client waits for our word."""
    framer = session.framer
    if not announced.synchronizing:
        _need_short(session, announced)
    try:
        spool = _place_for(session, announced)
    except (BadSyntax, MailError, answers.Refused) as why:
        if not announced.synchronizing and announced.size > _bearable(session):
            raise TooLong("The literal is too long.") from None
        framer.refuse(why)
        return
    framer.accept(spool)
    if announced.synchronizing:
        session.connection.send(b"+ OK\r\n")


def _need_short(session: Session, announced: Announced) -> None:
    """A client that sends at once more than was agreed is not waited for to the end of it (RFC 7888 section 4)."""
    most = streamed_octets(session)
    if most is not None and announced.size > most:
        text = "A literal of this size has to wait for our word."
        tag = head(announced.line)[0] or b"*"
        session.connection.send(b"%b %b\r\n" % (tag, condition(b"NO", b"TOOBIG", text, session.utf8)))
        raise TooLong(text)


def _carried_out(session: Session, registered: Command | None, request: Request, position: int) -> tuple[bytes, Any]:
    if registered is None:
        raise BadSyntax("Unknown command." if position else "Expected a tag and a command.")
    if session.state not in registered.states:
        raise BadSyntax(f"Not allowed when {session.state.value}.")
    if request.refused is not None:
        raise request.refused
    limits = session.settings.limits
    cursor = Cursor(
        request.text, request.literals, position, session.utf8, registered.by_uid, limits, session.saved
    )  # fmt: skip
    args = registered.parse(cursor) if registered.parse is not None else None
    cursor.end()
    done = _run(session, registered, args) or _DONE
    if (session.selected is not None or session.alerts) and registered.tells_news:
        for output in session.last_news(registered.sends_expunge, registered.by_uid):
            session.connection.send(output if isinstance(output, bytes) else output.encode(session.utf8))
    text = done.text if done.text is not None else registered.completed
    session.bad_commands = 0 if session.account is not None else session.bad_commands
    return condition(b"OK", done.code, text, session.utf8), done.then


def _run(session: Session, registered: Command, args: Any) -> Done | None:
    """Sends what the handler yields and gives what it returns."""
    send, utf8 = session.connection.send, session.utf8
    handler = registered.handler(session, args)
    octets = b"\r\n"
    reports = registered.reports_progress
    if reports:
        session.connection.report(session.in_progress, session.left)
    try:
        while True:
            output = next(handler)
            if reports:
                session.connection.report(None)
            octets = output if type(output) is bytes else output.encode(utf8)
            send(octets)
    except StopIteration as end:
        done: Done | None = end.value
        return done
    except Exception as error:
        if octets.endswith(b"\r\n"):
            raise
        log.exception("response not finished", session=session.id, command=registered.name.decode("ascii"))
        raise answers.Interrupted from error
    finally:
        if reports:
            session.connection.report(None)
        handler.close()  # after a lost connection, what the handler holds goes now


def _place_for(session: Session, announced: Announced) -> Any:
    """Where the literal goes: None for memory, or a spool. Raises what the command is to be answered with."""
    limits = session.settings.limits
    _, name, position = head(announced.line)
    registered = commands().get(name)
    if registered is None or session.state not in registered.states:
        raise BadSyntax("Unknown command, or not allowed now.")
    octets = announced.octets + announced.size
    if session.account is None:
        if octets > limits.line_octets_before_login:
            raise TooBig("The literal is too long.")
        return None
    if not registered.spools:
        _ask(session, registered, announced, position)
        if announced.size > (registered.literal_octets or limits.literal_octets):
            raise TooBig("The literal is too long.")
        if octets > limits.argument_octets:
            raise TooLong("The arguments are too long.")
        return None
    if announced.size > limits.message_octets:
        raise TooBig
    # Many small messages in one command go to the disk, too, rather than past the limit of its arguments.
    is_spooled = announced.size > MEMORY_OCTETS or octets > limits.argument_octets // 2
    # What is short and on its way already is taken first: the command itself will say no soon enough.
    if announced.synchronizing or is_spooled:
        _ask(session, registered, announced, position)
    return session.node.blobs.spool() if is_spooled else None


def _ask(session: Session, registered: Command, announced: Announced, position: int) -> None:
    """Lets the command itself refuse the literal."""
    if registered.announce is not None:
        so_far, limits = announced.so_far(), session.settings.limits
        cursor = Cursor(so_far.text, so_far.literals, position, session.utf8, registered.by_uid, limits)
        registered.announce(session, cursor, announced.size)


def _bearable(session: Session) -> int:
    """How many octets are passed over to stay in step with a client that sends them unasked."""
    limits = session.settings.limits
    return int(limits.line_octets if session.account is None else 2 * limits.message_octets)


def _server_bug(session: Session, name: bytes) -> bytes:
    """Something of ours is broken: the log has it all under an id, and the client the id."""
    number = token_hex(4)
    log.exception("command failed", id=number, session=session.id, command=name.decode("ascii"))
    return condition(b"NO", b"SERVERBUG", f"Internal error; the server's log has it as {number}.")


def _is_one_too_many(session: Session) -> bool:
    """Counts a bad command. A client that sends nothing else has taken us for another service."""
    limits = session.settings.limits
    session.bad_commands += 1
    if session.bad_commands < (limits.bad_commands_before_login if session.account is None else limits.bad_commands):
        return False
    _say_bye(session, "Too many invalid commands.")
    return True


def _say_bye(session: Session, text: str, code: bytes | None = None) -> None:
    session.state = State.LOGOUT
    with suppress(ConnectionError):
        session.connection.send(Bye(text, code).encode(session.utf8))
