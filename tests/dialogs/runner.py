# SPDX-License-Identifier: MIT
"""Plays a story to a server and says at which line the server told another one. README.md describes the format."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.dialogs import values
from tests.dialogs.story import Expected, Step, Story
from tests.running.client import Client, Closed, Literal, Part, Reply

PASSWORD = "password"
WAIT_SECONDS = 5.0
QUIET_SECONDS = 0.4

VARIABLE = re.compile(r"\$([a-z][a-z0-9]*)")
INSERTED = re.compile(r'\{(?:([a-z][a-z0-9-]*)(\.size)?|"((?:[^"\\]|\\.)*)")(\+?)\}')
ESCAPED = re.compile(r"\\(x[0-9a-f]{2}|.)")
ESCAPES = {"r": "\r", "n": "\n", "t": "\t"}


@dataclass(frozen=True)
class Place:
    """Where the server listens, and who may log in."""

    host: str
    port: int
    tls_port: int
    new_user: Callable[[], str]  # an address whose mailbox is as it was made


class Told(AssertionError):
    """The server said something else than the story."""


class Runner:
    """One run of one story."""

    def __init__(self, story: Story, place: Place):
        self.story = story
        self.place = place
        self.clients: dict[int, Client] = {}
        self.begun: dict[int, bytes] = {}
        self.bound: values.Bindings = {"password": PASSWORD.encode()}

    def run(self) -> None:
        self.bound["me"] = self.place.new_user().encode()
        if self.story.messages_in_inbox:
            self._fill_inbox()
        try:
            for step in self.story.steps:
                self._play(step)
        finally:
            for client in self.clients.values():
                client.close()

    # Who is there

    def _fill_inbox(self) -> None:
        with Client(self.place.host, self.place.port) as client:
            client.login(self.bound["me"].decode())
            for number in range(1, self.story.messages_in_inbox + 1):
                client.append("INBOX", simple_message(number))
            # Whoever selects first sees these as recent; a story that is about \Recent appends its own.
            client.ok("SELECT INBOX")

    def _client(self, number: int) -> Client:
        if number not in self.clients:
            who, _, how = self.story.connections.get(number, "$me").partition(" ")
            tls = how == "tls"
            client = Client(self.place.host, self.place.tls_port if tls else self.place.port, tls=tls)
            self.clients[number] = client
            if who != "nobody":
                client.login(self._filled(who))
        return self.clients[number]

    # Steps

    def _play(self, step: Step) -> None:
        client = self._client(step.connection)
        reply = Reply()
        try:
            getattr(self, f"_{step.verb}")(step, client, reply)
        except (Closed, TimeoutError, AssertionError) as error:
            if isinstance(error, Told):
                raise
            raise self._told(step, reply, str(error)) from error

    def _command(self, step: Step, client: Client, reply: Reply) -> None:
        tag = client.tag()
        if client.begin(tag, self._parts(step.text), reply):
            client.finish(tag, reply)
        self._check_status(step, reply)
        self._check(step, reply)

    def _begin(self, step: Step, client: Client, reply: Reply) -> None:
        tag = client.tag()
        going = client.begin(tag, self._parts(step.text), reply) and client.continuation(tag, reply)
        if not going:
            raise self._told(step, reply, "it was answered at once, without a continuation")
        self.begun[step.connection] = tag
        self._check(step, reply)

    def _end(self, step: Step, client: Client, reply: Reply) -> None:
        client.send(b"".join(part for part in self._parts(step.text) if isinstance(part, bytes)) + b"\r\n")
        client.finish(self.begun.pop(step.connection), reply)
        self._check_status(step, reply)
        self._check(step, reply)

    def _octets(self, step: Step, client: Client, reply: Reply) -> None:
        client.send(unescape(self._filled(step.text)))
        self._gather(step, client, reply)

    def _sees(self, step: Step, client: Client, reply: Reply) -> None:
        self._gather(step, client, reply)

    def _quiet(self, step: Step, client: Client, reply: Reply) -> None:
        if client.pending(QUIET_SECONDS):
            raise self._told(step, reply, f"it said {client.response()!r}")

    def _leaves(self, step: Step, client: Client, reply: Reply) -> None:
        client.close()
        del self.clients[step.connection]

    def _bye(self, step: Step, client: Client, reply: Reply) -> None:
        try:
            while True:
                reply.untagged.append(client.response().removeprefix(b"* "))
        except Closed:
            pass
        if not any(line[:3].upper() == b"BYE" for line in reply.untagged):
            raise self._told(step, reply, "it closed the connection without BYE")
        self._check(step, reply)

    def _ends(self, step: Step, client: Client, reply: Reply) -> None:
        try:
            raise self._told(step, reply, f"it went on: {client.response()!r}")
        except Closed:
            pass

    def _starttls(self, step: Step, client: Client, reply: Reply) -> None:
        client.finish(self._sent(client, b"STARTTLS"), reply)
        if reply.status != "OK":
            raise self._told(step, reply, "STARTTLS was refused")
        client.start_tls()

    def _compress(self, step: Step, client: Client, reply: Reply) -> None:
        client.finish(self._sent(client, b"COMPRESS DEFLATE"), reply)
        if reply.status != "OK":
            raise self._told(step, reply, "COMPRESS was refused")
        client.start_compression()

    @staticmethod
    def _sent(client: Client, command: bytes) -> bytes:
        tag = client.tag()
        client.send(tag + b" " + command + b"\r\n")
        return tag

    def _gather(self, step: Step, client: Client, reply: Reply) -> None:
        """Reads until all that is expected has come."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self._missing(step, reply):
            left = deadline - time.monotonic()
            if left <= 0 or not client.pending(left):
                break
            line = client.response()
            reply.untagged.append(line.removeprefix(b"* ") if line[:2] == b"* " else b"\0" + line)
        self._check(step, reply)

    # Sending

    def _parts(self, text: str) -> Iterator[Part]:
        position = 0
        for found in INSERTED.finditer(text):
            yield self._filled(text[position:found.start()]).encode()
            if found[2]:
                yield b"%d" % len(self._message(found[1]))
            else:
                octets = self._message(found[1]) if found[1] else unescape(self._filled(found[3]))
                yield Literal(octets, plus=bool(found[4]))
            position = found.end()
        yield self._filled(text[position:]).encode()

    def _filled(self, text: str) -> str:
        def value(found: re.Match[str]) -> str:
            return self.bound[found[1]].decode() if found[1] in self.bound else self._new_value(found)

        return VARIABLE.sub(value, text)

    def _new_value(self, found: re.Match[str]) -> str:
        """$other, $third … are further users; another name that nothing has bound yet stays what it is."""
        if found[1] not in ("other", "third"):
            return found[0]
        self.bound[found[1]] = self.place.new_user().encode()
        return self.bound[found[1]].decode()

    def _message(self, name: str) -> bytes:
        written = self.story.messages.get(name)
        return simple_message(int(name.removeprefix("message-"))) if written is None else written

    # Checking

    def _check_status(self, step: Step, reply: Reply) -> None:
        if reply.status.lower() != step.status:
            raise self._told(step, reply, f"expected {step.status.upper()}")
        if step.code is not None:
            try:
                self._match(step.code.encode(), reply.code, "code")
            except Told as error:
                raise self._told(step, reply, str(error)) from None

    def _check(self, step: Step, reply: Reply) -> None:
        left = list(reply.untagged)
        for expected in step.expected:
            if expected.kind == "!":
                if any(self._is(expected, line) is not None for line in reply.untagged):
                    raise self._told(step, reply, f"line {expected.line}: this must not come: {expected.text}")
            elif not self._take(expected, left):
                raise self._told(step, reply, f"line {expected.line}: this did not come: {expected.text}")
        if step.nothing_else and left:
            raise self._told(step, reply, f"too much: {left!r}")

    def _take(self, expected: Expected, left: list[bytes]) -> bool:
        for position, line in enumerate(left):
            caught = self._is(expected, line)
            if caught is not None:
                self.bound = caught
                del left[position]
                return True
        return False

    def _missing(self, step: Step, reply: Reply) -> bool:
        left, bound = list(reply.untagged), self.bound
        try:
            return not all(self._take(expected, left) for expected in step.expected if expected.kind != "!")
        finally:
            self.bound = bound

    def _is(self, expected: Expected, line: bytes) -> values.Bindings | None:
        """The bindings if the line is what the story expects."""
        if (expected.kind in ("tagged", "+")) != (line[:1] == b"\0"):
            return None
        got = line.removeprefix(b"\0")
        if expected.kind == "+":
            return self.bound if got.startswith(b"+") else None
        wanted = b"".join(self._expectation(expected.text))
        if status := re.match(rb"(?:\S+ )??(?:ok|no|bad|bye|preauth)\b", got, re.I):
            return self._is_status(wanted, got, status)
        try:
            return values.matches(values.read(wanted, escapes=True), values.read(got), self.bound)
        except values.Unreadable:
            return None

    def _is_status(self, wanted: bytes, got: bytes, status: re.Match[bytes]) -> values.Bindings | None:
        """OK, NO, BAD, BYE: the story names the word, and the code if it matters; the text is the server's own."""
        word, _, code = wanted.partition(b" [")
        if word.strip().lower() != status[0].lower():
            return None
        if not code:
            return self.bound
        there = re.match(rb" \[(.*?)\]", got[status.end():])
        try:
            return self._match(code.removesuffix(b"]"), there[1] if there else b"", "code", keep=False)
        except Told:
            return None

    def _match(self, wanted: bytes, got: bytes, what: str, keep: bool = True) -> values.Bindings:
        caught = values.matches(values.read(wanted, escapes=True), values.read(got), self.bound)
        if caught is None:
            raise Told(f"expected the {what} {wanted.decode()}")
        if keep:
            self.bound = caught
        return caught

    def _expectation(self, text: str) -> Iterator[bytes]:
        """The expected line with messages put in as literals."""
        position = 0
        for found in INSERTED.finditer(text):
            yield text[position:found.start()].encode()
            octets = self._message(found[1]) if found[1] else unescape(found[3])
            yield b"%d" % len(octets) if found[2] else b"{%d}\r\n%s" % (len(octets), octets)
            position = found.end()
        yield text[position:].encode()

    def _told(self, step: Step, reply: Reply, why: str) -> Told:
        said = "".join(f"\n    * {line[:2000].decode('utf-8', 'replace')}" for line in reply.untagged)
        tagged = f"\n    {reply.status} {reply.text.decode('utf-8', 'replace')}" if reply.status else ""
        about = f"{self.story.path.name}:{step.line}: connection {step.connection}: {step.verb} {step.text}"
        return Told(f"{about}\n  {why}\n  it said:{said}{tagged}")


def unescape(text: str) -> bytes:
    """\\r, \\n, \\xNN and the like as octets."""
    out, position = b"", 0
    for found in ESCAPED.finditer(text):
        out += text[position:found.start()].encode()
        name = found[1]
        out += bytes([int(name[1:], 16)]) if len(name) == 3 else ESCAPES.get(name, name).encode()
        position = found.end()
    return out + text[position:].encode()


def simple_message(number: int) -> bytes:
    """Message n of a story that did not write its own."""
    return (
        f"From: Sender {number} <sender{number}@example.com>\r\n"
        "To: Reader <reader@example.com>\r\n"
        f"Subject: subject {number}\r\n"
        f"Date: Mon, {number % 28 + 1:02} Jan 2024 10:00:00 +0100\r\n"
        f"Message-ID: <{number}@example.com>\r\n"
        "\r\n"
        f"body {number}\r\n"
    ).encode()
