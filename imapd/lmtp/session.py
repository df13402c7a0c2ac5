# SPDX-License-Identifier: MIT
"""One client's dialogue. aiosmtpd reads commands and finds their methods; what they do and answer is all here, so that
it is the same with every version of it. Who may connect, and threads, are the business of workers/lmtp.py.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiosmtpd.lmtp import LMTP

from imapd import errors, log
from imapd.lmtp import replies, syntax
from imapd.lmtp.syntax import Dots, Wrong
from imapd.mail import reception
from imapd.mail.reception import Appended, Incoming, Outcome, Recipient
from imapd.settings import Settings

logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd's; what there is to say is said here

COMMAND_OCTETS = 16 << 10
GRACE_SECONDS = 30
"""PostgreSQL ends a statement by itself; who has not heard so long after that waits no longer."""

GOODBYE_SECONDS = 5
"""So long the last reply may take to be read."""

_HOST = re.compile(r"[A-Za-z0-9.:_\[\]-]{1,255}")
_CODE = re.compile(r"([45])\d\d (?!\d\.\d)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class House:
    """What the sessions of one worker share. node: as imapd.node.Node, with settings, database, blobs and wakeups;
    run(function, *args): a future of a call on one of a few threads; count(result): for the metrics; left(session): it
    has ended."""

    node: Any
    hostname: str
    run: Callable[..., asyncio.Future[Any]]
    count: Callable[[str], None]
    left: Callable[[Session], None]

    @property
    def settings(self) -> Settings:
        return self.node.settings  # type: ignore[no-any-return]


class Job:
    """The deliveries of one message, on a thread, and what is heard of them here."""

    def __init__(self, house: House, incoming: Incoming, to: list[Recipient]):
        self._house = house
        self._incoming = incoming
        self._to = to
        self._loop = asyncio.get_running_loop()
        self._outcomes: asyncio.Queue[Outcome | str | None] = asyncio.Queue()
        self._is_given_up = False
        patience = house.settings.database
        self.seconds = patience.statement_timeout_seconds + patience.connect_timeout_seconds + GRACE_SECONDS
        house.run(self._work)

    def _work(self) -> None:
        try:
            letter = self._incoming.held()
            if reception.goes_in_circles(letter):
                for _ in self._to:
                    self._tell(replies.LOOP)
                return
            for outcome in reception.deliver(self._house.node, letter, self._to, int(time.time())):
                self._tell(outcome)
                if self._is_given_up:  # nobody hears of the others: they will come again
                    break
        except errors.MailError:
            pass  # those that have heard nothing are deferred
        except Exception:
            log.exception("the delivery of a message failed")
        finally:
            self._incoming.close()
            self._tell(None)

    def _tell(self, outcome: Outcome | str | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._outcomes.put_nowait, outcome)
        except RuntimeError:
            self._is_given_up = True  # the process ends

    async def next(self) -> Outcome | str | None:
        """What became of it for the next recipient; None: nobody knows. Waits no longer than it may take."""
        if self._is_given_up:
            return None
        try:
            outcome = await asyncio.wait_for(self._outcomes.get(), self.seconds)
        except TimeoutError:
            log.error("a delivery takes too long")
            outcome = None
        if outcome is None:
            self._is_given_up = True
        return outcome

    def give_up(self) -> None:
        self._is_given_up = True


class Session(LMTP):
    line_length_limit = 64 << 10  # of the buffer: neither commands nor lines of a message may be so long
    command_size_limit = COMMAND_OCTETS
    # As aiosmtpd has them; but they are there, or of no use any more, wherever something is done here.
    session: Any
    transport: Any
    _handler_coroutine: Any
    command_size_limits = defaultdict(lambda: COMMAND_OCTETS)

    def __init__(self, house: House, peer: str):
        """peer: the client's address; "" where it came by a Unix socket."""
        limits = house.settings.lmtp
        super().__init__(
            object(),  # aiosmtpd looks through all that this has for hooks: there are none
            enable_SMTPUTF8=True,
            hostname=house.hostname,
            ident="LMTP imapd",
            timeout=limits.idle_seconds,
            loop=asyncio.get_running_loop(),
        )
        self.id = secrets.token_hex(8)
        self._house = house
        self._peer = peer
        self._said = "unknown"
        self._sender: str | None = None
        self._utf8 = False
        self._recipients: list[tuple[str, Recipient]] = []
        self._messages = 0
        self._is_taking_data = False
        self._is_leaving = False

    # Life

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # How a client went is nothing to report.
        self._handler_coroutine.add_done_callback(lambda task: task.cancelled() or task.exception())
        if self._is_leaving:
            self.leave()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._house.left(self)

    def leave(self) -> None:
        """Goodbye, as soon as no message is on its way in."""
        self._is_leaving = True
        if not self._is_taking_data:
            self._goodbye("421 4.3.2 The server is shutting down")

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _goodbye(self, reply: str) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(f"{reply}\r\n".encode())
            self.transport.close()
            self.loop.call_later(GOODBYE_SECONDS, self.transport.abort)

    def _timeout_cb(self) -> None:
        log.info("LMTP client timed out", session=self.id, peer=self._peer)
        self._goodbye("421 4.4.2 Timeout")
        self._handler_coroutine.cancel()

    async def handle_exception(self, error: Exception) -> str:
        if not isinstance(error, ConnectionError):
            log.exception("LMTP session failed", session=self.id, peer=self._peer)
        return "451 4.3.0 Something is wrong here"

    async def push(self, status: Any) -> None:
        """Every reply goes out here: with an enhanced status code, and with nothing in it that a client could have put
        there to look like another one."""
        text = status.decode("utf-8", "replace") if isinstance(status, bytes) else status
        text = "\r\n".join(_CONTROL.sub("?", line) for line in text.split("\r\n"))
        if found := _CODE.match(text):
            text = f"{text[:3]} {found[1]}.5.2{text[3:]}"
        await super().push(text.encode())

    def _set_post_data_state(self) -> None:
        super()._set_post_data_state()
        self._sender, self._utf8, self._recipients = None, False, []

    # Commands

    async def smtp_LHLO(self, arg: str) -> None:
        if not arg:
            await self.push("501 5.5.4 Syntax: LHLO hostname")
            return
        self._set_rset_state()
        self._said = arg if _HOST.fullmatch(arg) else "unknown"
        self.session.host_name, self.session.extended_smtp = arg, True
        extensions = (
            "PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES",
            f"SIZE {self._house.settings.limits.message_octets}",
        )  # fmt: skip
        lines = [self.hostname, *extensions]
        await self.push("\r\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"]))

    async def smtp_MAIL(self, arg: str | None) -> None:
        try:
            self._begin(arg)
        except Wrong as wrong:
            await self.push(str(wrong))
        else:
            await self.push("250 2.1.0 Sender ok")

    def _begin(self, arg: str | None) -> None:
        if not self.session.host_name:
            raise Wrong("503 5.5.1 Send LHLO first")
        if self._sender is not None:
            raise Wrong("503 5.5.1 There is a sender already")
        path, parameters = syntax.path("FROM:", arg)
        utf8 = "SMTPUTF8" in parameters
        size = parameters.pop("SIZE", "0")
        if parameters.pop("SMTPUTF8", None) is not None:
            raise Wrong("501 5.5.4 SMTPUTF8 takes no value")
        if (parameters.pop("BODY", "7BIT") or "").upper() not in ("7BIT", "8BITMIME"):
            raise Wrong("501 5.5.4 BODY is 7BIT or 8BITMIME")
        if parameters:
            raise Wrong("555 5.5.4 Unknown parameter")
        if not size or not re.fullmatch(r"[0-9]{1,20}", size):
            raise Wrong("501 5.5.4 Bad SIZE")
        if int(size) > self._house.settings.limits.message_octets:
            raise Wrong(replies.TOO_LARGE)
        self._sender, self._utf8 = syntax.sender(path, utf8), utf8

    async def smtp_RCPT(self, arg: str | None) -> None:
        try:
            address = self._address(arg)
        except Wrong as wrong:
            await self.push(str(wrong))
            return
        try:
            recipient = await self._house.run(reception.find, self._house.node, address.local_part, address.domain)
        except errors.NotFound:
            await self._refuse(str(address), replies.UNKNOWN)
        except errors.MailError:
            await self._refuse(str(address), replies.DEFERRED)
        else:
            if recipient.disabled:
                await self._refuse(str(address), replies.DISABLED)
                return
            self._recipients.append((str(address), recipient))
            await self.push("250 2.1.5 Recipient ok")

    def _address(self, arg: str | None) -> syntax.Address:
        if self._sender is None:
            raise Wrong("503 5.5.1 Send MAIL first")
        path, parameters = syntax.path("TO:", arg)
        if parameters:
            raise Wrong("555 5.5.4 Unknown parameter")
        address = syntax.recipient(path, self._utf8)
        if len(self._recipients) >= self._house.settings.lmtp.recipients:
            raise Wrong("452 4.5.3 Too many recipients")
        return address

    async def _refuse(self, address: str, reply: str) -> None:
        log.info("recipient refused", session=self.id, recipient=address, sender=self._sender, reply=reply)
        self._house.count(replies.RESULTS[reply])
        await self.push(reply)

    async def smtp_DATA(self, arg: str | None) -> None:
        if not self._recipients:
            await self.push("503 5.5.1 There is no recipient")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        self._is_taking_data = True
        self._messages += 1
        try:
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            await self._data()
        except ConnectionError:
            raise
        except Exception:
            # How far the message was read is not known: nothing of it may be taken for commands.
            log.exception("LMTP session failed", session=self.id, peer=self._peer)
            self._goodbye("421 4.3.0 Something is wrong here")
        finally:
            self._is_taking_data = False
        self._set_post_data_state()
        self._reset_timeout()
        if self._is_leaving:
            self.leave()

    async def _data(self) -> None:
        seconds = self._house.settings.lmtp.data_seconds
        incoming = Incoming(self._house.node, self._trace())
        job = None
        try:
            self._reset_timeout(seconds)
            refused = await self._take(incoming)
            if refused is None:
                job = Job(self._house, incoming, [recipient for _, recipient in self._recipients])
            for address, _ in self._recipients:
                # Who has sent all of it must get an answer: without one the message comes again.
                self._reset_timeout(seconds + (job.seconds if job else 0))
                outcome = await job.next() if job else refused
                await self._answer(address, outcome, incoming.size)
        finally:
            if job:
                job.give_up()
            else:
                self._house.run(incoming.close)

    def _trace(self) -> bytes:
        protocol = "UTF8LMTP" if self._utf8 else "LMTP"
        sender = self._sender or ""
        return reception.trace(sender, self.hostname, self._said, self._peer, protocol, self._name, time.time())

    @property
    def _name(self) -> str:
        """Of the message that is under way: in its Received line, in the replies and in the log."""
        return f"{self.id}.{self._messages}"

    async def _take(self, incoming: Incoming) -> errors.MailError | None:
        """Reads to the end of the message, also where it can be no use any more, and says why it is none."""
        dots = Dots()
        refused = rest = None
        while rest is None:
            octets = await self._reader.read(sys.maxsize)
            if not octets:
                raise ConnectionResetError
            data, rest = dots.feed(octets)
            if refused is not None or not data:
                continue
            try:
                if incoming.fits_in_memory(data):
                    incoming.write(data)
                else:
                    await self._house.run(incoming.write, data)
            except errors.MailError as error:
                refused = error
                self._house.run(incoming.close)
        if rest:
            self._reader.feed_data(rest)  # all that was there has been read, so this comes first
        return refused

    async def _answer(self, address: str, outcome: Outcome | str | None, octets: int) -> None:
        told = {"session": self.id, "message": self._name, "recipient": address, "octets": octets}
        if isinstance(outcome, Appended):
            self._house.count("delivered")
            log.info("delivered", sender=self._sender, uid=outcome.first_uid, **told)
            await self.push(f"{replies.DELIVERED} <{address}> {self._name} delivered")
            return
        reply = outcome if isinstance(outcome, str) else replies.to(outcome, self._house.settings.lmtp.over_quota)
        self._house.count(replies.RESULTS[reply])
        log.info("not delivered", sender=self._sender, reply=reply, **told)
        await self.push(reply)

    async def smtp_RSET(self, arg: str | None) -> None:
        self._set_rset_state()
        await self.push("250 2.0.0 Ok")

    async def smtp_NOOP(self, arg: str | None) -> None:
        await self.push("250 2.0.0 Ok")

    async def smtp_VRFY(self, arg: str | None) -> None:
        await self.push("252 2.5.2 Send some mail")

    async def smtp_HELP(self, arg: str | None) -> None:
        await self.push("214 2.0.0 RFC 2033")

    async def smtp_QUIT(self, arg: str | None) -> None:
        self._goodbye("221 2.0.0 Bye")
        self._handler_coroutine.cancel()

    async def _unknown(self, arg: str | None) -> None:
        await self.push("500 5.5.1 Unknown command")

    smtp_HELO = smtp_EHLO = smtp_STARTTLS = smtp_AUTH = smtp_EXPN = _unknown
