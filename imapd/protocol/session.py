# SPDX-License-Identifier: MIT
"""One client's conversation: where it stands, who is logged in, what is selected. Thousands lie idle: it is small.

How a command is carried out is in dispatch.py; what commands there are, in commands/ and extensions/.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import cache
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from imapd import log
from imapd.errors import MailError
from imapd.protocol import dispatch
from imapd.protocol.answers import quota_reached
from imapd.protocol.capability import advertised
from imapd.protocol.registry import Done
from imapd.protocol.states import State
from imapd.wire.encode import flags as flag_list
from imapd.wire.encode import quoted
from imapd.wire.framing import Framer
from imapd.wire.responses import Bye, Exists, Expunge, FetchFlags, Flags, Ok, Output, Recent, Vanished
from imapd.wire.sequence import SequenceSet, compact

if TYPE_CHECKING:
    from imapd.mail.account import Account
    from imapd.mail.mailbox import Mailbox

NOTHING_ENABLED: frozenset[bytes] = frozenset()
MOST_ALERTS = 20

AGAIN_SECONDS = 5
"""A store that could not be asked what is new is asked again after so long."""

# What changes the form of responses to which commands do not belong.
CONDSTORE = b"CONDSTORE"
QRESYNC = b"QRESYNC"
IMAP4REV2 = b"IMAP4rev2"


@cache
def _one_for_all(names: frozenset[bytes]) -> frozenset[bytes]:
    """Thousands of sessions have enabled the same."""
    return names


def _nil_or(number: int | None) -> bytes:
    return b"NIL" if number is None else b"%d" % number


class Session:
    """`node` gives the services of this worker; `connection` the octets of this client."""

    __slots__ = (
        "account", "alerts", "bad_commands", "connection", "contexts", "enabled", "framer", "id", "node", "notify",
        "owes_modseq", "saved", "selected", "settings", "state", "tag", "user_agent", "utf8",
    )  # fmt: skip

    account: Account | Any
    selected: Mailbox | Any

    def __init__(self, connection: Any, node: Any):
        self.connection = connection
        self.node = node
        self.settings = node.settings
        self.id = token_hex(6)
        limits = self.settings.limits
        self.framer = Framer(limits.line_octets_before_login, limits.argument_octets)
        self.state = State.NOT_AUTHENTICATED
        self.account = None
        self.selected = None
        self.enabled = NOTHING_ENABLED
        self.owes_modseq = False
        self.utf8 = False
        self.user_agent = ""
        self.bad_commands = 0
        self.alerts: tuple[tuple[str, int], ...] = ()  # quotas that have crossed a threshold: root, percent
        self.tag = b""
        self.saved = SequenceSet.SAVED
        self.contexts: tuple[Any, ...] = ()  # searches whose results are kept up to date while the mailbox is selected
        self.notify: Any = None  # what the client has chosen to be told of, once it has

    def run(self) -> None:
        """From the greeting to the end of the connection, which the caller then closes."""
        try:
            self.connection.send(b"* OK [CAPABILITY %b] imapd ready\r\n" % b" ".join(advertised(self)))
            dispatch.serve(self)
        except ConnectionError:
            log.debug("connection lost", session=self.id)
        finally:
            self._end()

    # What changes where the client stands

    def log_in(self, account: Account | Any) -> None:
        """The client is somebody from here on."""
        self.account = account
        self.state = State.AUTHENTICATED
        self.bad_commands = 0
        self.framer.line_octets = self.settings.limits.line_octets
        self.connection.authenticated()
        self.node.session_began(self)

    def unauthenticate(self) -> None:
        """The client is nobody again. What was selected, enabled and told of it is forgotten; TLS stays (RFC 8437)."""
        self.unselect()
        self.choose_news(None)
        self.node.session_ended(self)
        self.account = None
        self.state = State.NOT_AUTHENTICATED
        self.enabled = NOTHING_ENABLED
        self.owes_modseq = self.utf8 = False
        self.alerts = ()
        self.user_agent = ""
        self.bad_commands = 0
        self.framer.line_octets = self.settings.limits.line_octets_before_login
        self.connection.unauthenticated()

    def select(self, mailbox: Mailbox | Any) -> None:
        """The mailbox is this client's selected one; what was selected before is left."""
        self.unselect()
        self.selected = mailbox
        self.owes_modseq = False
        self.state = State.SELECTED

    def unselect(self) -> None:
        """Leaves the selected mailbox, if there is one, without removing anything."""
        mailbox, self.selected = self.selected, None
        self.saved = SequenceSet.SAVED
        self.contexts = ()
        if self.state is State.SELECTED:
            self.state = State.AUTHENTICATED
        if mailbox is not None:
            mailbox.close()

    def enable(self, *names: bytes) -> None:
        """From now on the client understands what these extensions change."""
        # Whoever begins to ask for modseqs in the middle is told where the mailbox stands (RFC 7162 section 3.1).
        if self.selected is not None and CONDSTORE in names and CONDSTORE not in self.enabled:
            self.owes_modseq = True
        self.enabled = _one_for_all(self.enabled.union(names))

    def choose_news(self, notify: Any) -> None:
        """From now on the client is told what it has chosen, also between commands; None: what everybody is told."""
        if self.notify is not None:
            self.notify.close()
        self.notify = notify

    def start_tls(self) -> None:
        """TLS begins, and nothing said before it counts now (RFC 3501, section 6.2.1): anybody may have said it."""
        self.framer.discard()
        self.enabled = NOTHING_ENABLED
        self.utf8 = False
        self.user_agent = ""
        self.connection.start_tls()
        self.framer.discard()

    def end(self, reason: str) -> None:
        """Somebody outside wants this session to end: `* BYE` as soon as no command is in flight."""
        self.connection.end(Bye(reason).encode(False))

    def alert(self, root: str, percent: int) -> None:
        """A quota of this user has reached so many percent: told with the next news, at once in IDLE."""
        self.alerts = (*self.alerts, (root, percent))[-MOST_ALERTS:]
        self.connection.wake()

    # What is told and asked

    @property
    def is_private(self) -> bool:
        """Whether a password may be sent here."""
        connection = self.connection
        return bool(connection.is_tls or (self.settings.auth.cleartext == "loopback" and connection.is_loopback))

    def news(self, may_expunge: bool, by_uid: bool = False) -> Iterator[Output]:
        """What the client has not been told, and wants to be: of quotas, and what the selected mailbox's view has
        learnt. by_uid: it counts by UIDs."""
        if self.alerts:
            yield from self._alerted()
        mailbox = self.selected
        # Who wants to hear nothing of it is still told how far its own commands have taken the view.
        if mailbox is not None and (self.notify is None or self.notify.of_messages or mailbox.owes_news):
            yield from self._mailbox_news(mailbox, may_expunge, by_uid)

    def all_news(self) -> Iterator[Output]:
        """The same where something is selected, whatever the client wants to hear otherwise."""
        if self.alerts:
            yield from self._alerted()
        yield from self._mailbox_news(self.selected, may_expunge=True)

    def _mailbox_news(self, mailbox: Mailbox, may_expunge: bool, by_uid: bool = False) -> Iterator[Output]:
        """In the order to tell it in."""
        before = mailbox.view
        told = mailbox.pending(may_expunge, past_expunges=self.notify is not None)
        # What counts by numbers is told of the removed ones while they still have theirs (RFC 5267 4.3.4).
        for context in self.contexts if told.vanished else ():
            yield from context.removed(before, told.vanished)
        if told.vanished and QRESYNC in self.enabled:
            yield Vanished(compact(sorted(told.vanished)))
        else:
            for number in told.expunged:
                yield Expunge(number)
        if told.exists is not None:
            yield Exists(told.exists)
        if told.recent is not None and IMAP4REV2 not in self.enabled:
            yield Recent(told.recent)
        if told.keywords_changed:
            yield Flags(mailbox.flags)
            yield Ok("Flags that can be set here.", b"PERMANENTFLAGS " + flag_list(mailbox.permanent_flags))
        if told.flags_changed and (self.notify is None or self.notify.of_flags):
            yield from self._flags_told(mailbox, told.flags_changed, by_uid or self.notify is not None)
        if self.notify is not None:
            yield from self.notify.arrived(mailbox, told.arrived)
        for context in self.contexts:
            yield from context.changed(mailbox)

    def _alerted(self) -> Iterator[Output]:
        alerts, self.alerts = self.alerts, ()
        for key, percent in alerts:
            try:
                root = self.account.quotas.crossed(key)
            except MailError:
                continue
            if root is not None:
                yield quota_reached(root.name, percent, selected=self.selected is not None)

    def _flags_told(self, mailbox: Mailbox, positions: list[int], by_uid: bool) -> Iterator[Output]:
        """FETCH that nobody asked for: with UID (RFC 7162 3.2.4, RFC 9051 7.5.2), with MODSEQ (RFC 7162 3.1)."""
        view = mailbox.view
        with_uid = by_uid or QRESYNC in self.enabled or IMAP4REV2 in self.enabled
        with_modseq = CONDSTORE in self.enabled
        for at in positions:
            uid = view.uids[at] if with_uid else None
            yield FetchFlags(at + 1, mailbox.flags_at(at), uid, view.modseqs[at] if with_modseq else None)

    def happened(self, may_expunge: bool, received_at: float | None = None) -> Iterator[Output]:
        """What is told to who listens: all that is new, asked of the store where somebody said that there is something.
        Raises MailError where it cannot be asked."""
        mailbox = self.selected
        if mailbox is not None and (self.notify is None or self.notify.of_messages):
            mailbox.refresh(received_at)
        said = False
        for output in self.news(may_expunge):
            yield output
            said = True
        if said:
            yield from self._modseq_told()
        if self.notify is not None:
            yield from self.notify.elsewhere()

    def listen(self) -> None:
        """Tells what the client has chosen until it sends something. Holds nothing of the store meanwhile."""
        connection, mailbox = self.connection, self.selected
        connection.listen()
        if mailbox is not None and self.notify.of_messages:
            mailbox.watch(connection.wake)
        try:
            listening = True
            while listening:
                patience = None
                try:
                    for output in self.happened(self.notify.expunges_at_once):
                        connection.send(output if isinstance(output, bytes) else output.encode(self.utf8))
                except MailError:
                    patience = AGAIN_SECONDS
                listening = not self.wait(patience)
        finally:
            if mailbox is not None:
                mailbox.unwatch()

    def wait(self, patience: float | None) -> bool:
        """As the connection's wait(); who has chosen what to hear is not woken without end."""
        if self.notify is None:
            return bool(self.connection.wait(patience))
        if self.connection.wait(patience, self.notify.deaf_seconds):
            return True
        self.notify.woken()
        return False

    def last_news(self, may_expunge: bool, by_uid: bool = False) -> Iterator[Output]:
        """What is told after a command, before its tagged answer."""
        yield from self.news(may_expunge, by_uid)
        yield from self._modseq_told()

    def _modseq_told(self) -> Iterator[Output]:
        """Where the mailbox stands, to who would believe otherwise."""
        mailbox = self.selected
        if mailbox is None:
            return
        # A modseq has been told that is above that of an expunge which may not be told now. Who remembered it would
        # never hear of the expunge; a client takes this value for all that it has seen (RFC 7162 section 6), until it
        # is told another one.
        is_held_back = QRESYNC in self.enabled and mailbox.is_ahead
        if self.owes_modseq or is_held_back:
            self.owes_modseq = is_held_back
            text = "Expunges are to be told." if is_held_back else "Highest modseq."
            yield Ok(text, b"HIGHESTMODSEQ %d" % mailbox.modseq)

    def removed(self, modseq: int) -> Generator[Output, None, Done | None]:
        """Ends a command that may have removed messages, when this was the modseq before: the news, and
        HIGHESTMODSEQ in the tagged OK (RFC 7162 3.2.7)."""
        yield from self.all_news()
        if CONDSTORE not in self.enabled or self.selected.modseq == modseq:
            return None
        return Done(code=b"HIGHESTMODSEQ %d" % self.selected.modseq)

    def in_progress(self) -> bytes:
        """What the client of a command that works for long is told: how far it is, where that is known (RFC 9585)."""
        done, total = (b"NIL", b"NIL") if self.selected is None else map(_nil_or, self.selected.progress)
        code = b"INPROGRESS (%b %b %b)" % (quoted(self.tag), done, total)
        return Ok("Still at work.", code).encode(self.utf8)

    def left(self) -> None:
        """The client has gone in the middle of a command: what it has asked for is for nobody any more."""
        if self.selected is not None:
            self.selected.call_off()

    def read_line(self) -> bytes:
        """A line that is no command, when the client sends it; everything said so far is sent before."""
        while (line := self.framer.next_line()) is None:
            self.receive()
        return line

    def receive(self) -> None:
        """Waits for octets and feeds them to the framer. ConnectionError when there will be no more."""
        octets = self.connection.receive()
        if not octets:
            raise ConnectionAbortedError("the connection has ended")
        self.framer.feed(octets)

    def _end(self) -> None:
        self.state = State.LOGOUT
        self.framer.abandon()
        try:
            self.choose_news(None)
            self.unselect()
        except Exception:
            log.exception("mailbox not left", session=self.id)
        if self.account is not None:
            self.node.session_ended(self)
