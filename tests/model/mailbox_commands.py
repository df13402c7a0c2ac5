# SPDX-License-Identifier: MIT
"""Commands on mailboxes, and on who may use them. Each is sent to the server and done to the model, and both must say the same."""

from __future__ import annotations

from collections.abc import Callable

from imapd.storage import provision
from imapd.storage.addresses import address
from tests.model import deeds
from tests.model.commands import Commands, Name


class MailboxCommands(Commands):
    """s: the number of a session."""

    def create(self, s: int, name: Name) -> None:
        self.named(s, "CREATE", name, deeds.create)

    def delete(self, s: int, name: Name) -> None:
        self.named(s, "DELETE", name, deeds.delete)

    def subscription(self, s: int, name: Name, subscribing: bool) -> None:
        verb, deed = ("SUBSCRIBE", deeds.subscribe) if subscribing else ("UNSUBSCRIBE", deeds.unsubscribe)
        self.named(s, verb, name, deed)

    def rename(self, s: int, old: Name, new: Name) -> None:
        session = self.stage.sessions[s]
        names = self.name_of(session, old), self.name_of(session, new)
        reply = session.command('RENAME "{}" "{}"'.format(*names))
        self.expect(reply, lambda: deeds.rename(self.world, session.person, *names))

    def named(self, s: int, verb: str, name: Name, deed: Callable[..., None]) -> None:
        session = self.stage.sessions[s]
        wanted = self.name_of(session, name)
        reply = session.command(f'{verb} "{wanted}"')
        self.expect(reply, lambda: deed(self.world, session.person, wanted))

    def set_access(self, s: int, name: Name, who: int, op: str, rights: str) -> None:
        session = self.stage.sessions[s]
        wanted = self.name_of(session, name)
        identifier = [*(person.identifier for person in self.world.people), "group:team"][who]
        reply = session.command(f'SETACL "{wanted}" {identifier} "{op.strip("=")}{rights}"')
        self.expect(reply, lambda: deeds.set_access(self.world, session.person, wanted, identifier, op, rights))
        self.access_changed = True

    def change_primary(self, s: int, which: int) -> None:
        """By the operator. Another mailbox stands without a prefix: what is open ends."""
        person = self.stage.sessions[s].person
        box = person.mailboxes[which % len(person.mailboxes)]
        if box is not person.primary and not box.closed:
            before = person.boxes
            provision.set_user(self.stage.database, address(person.identifier), primary=address(box.address))
            deeds.change_primary(self.world, person, box)
            self.stage.tell()
            for session in self.stage.sessions:
                if session.person is person and person.boxes[0] is not before[0]:
                    session.expect_end()

    def close_or_open(self, s: int, which: int) -> None:
        """By the operator: a mailbox that nobody logs in by. Who has it open is out, and who has it among theirs."""
        person = self.stage.sessions[s].person
        box = person.mailboxes[1 + which % (len(person.mailboxes) - 1)]
        first = person.boxes[0]
        provision.set_mailbox(self.stage.database, address(box.address), disabled=not box.closed)
        (deeds.reopen if box.closed else deeds.close)(self.world, box)
        self.stage.tell()
        for session in self.stage.sessions:
            if session.person is person and (box.closed or person.boxes[0] is not first):
                session.expect_end()
            elif session.person is person:
                session.expect_namespaces()
        self.access_changed = True

    def change_mode(self, s: int, unified: bool) -> None:
        """Other sessions of the person end, so that their clients come back and see it."""
        session = self.stage.sessions[s]
        mode = "unified" if unified else "domain_separated"
        session.send(f'SETMETADATA "" (/private/vendor/imapd/namespace-mode "{mode}")')
        if session.person.mode != mode:
            deeds.change_mode(self.world, session.person, mode)
            for other in self.stage.sessions:
                if other is not session and other.person is session.person:
                    other.expect_end()
