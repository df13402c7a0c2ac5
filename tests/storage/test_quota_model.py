# SPDX-License-Identifier: MIT
"""Any sequence of what changes usage, by several sessions, beside a model: what fits is done and counted exactly, what
does not is refused and changes nothing. Two users with mailboxes in two domains, shared ones, in both modes; quotas of
mailboxes, users and domains that come, change and go meanwhile."""

import itertools
import os
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from imapd import errors
from imapd.mail.account import Account
from imapd.storage import grants, passing, provision, quota_roots, recount
from imapd.storage.addresses import Address, address
from imapd.storage.quotas import UNLIMITED, Limits
from imapd.storage.recount import Box
from tests.running.store import Store
from tests.storage.test_quota import letter

EXAMPLES = int(os.environ.get("IMAPD_EXAMPLES", "6"))
"""More of them find more, in an hour or two."""

NUMBERS = itertools.count(1)
OTHERS = (errors.NotFound, errors.NoTarget, errors.NoPermission, errors.Cannot, errors.AlreadyExists, errors.Expunged)

Amount = tuple[int, int]
"""Octets, messages."""

people = st.sampled_from(["ann", "bob"])
FULL = ("INBOX", "Work", "{two}/INBOX", "{two}/Work")
folders = st.sampled_from(
    [*FULL, *FULL, "Work/Deep", "New", "second@{one}/INBOX", "Shared/bob@{one}/INBOX", "Shared/bob@{one}/Work",
     "Shared/ann@{two}/INBOX"]
)  # fmt: skip
sizes = st.sampled_from([40, 400, 1000, 3000])
counts = st.sampled_from([1, 2, 50])
holders = st.sampled_from(["ann@{one}", "ann@{two}", "bob@{one}", "ann", "bob", "{one}", "{two}"])
limits = st.tuples(
    st.sampled_from([None, 4000, 6000, 9000, 13000, 0]), st.sampled_from([None, None, 8, 12, 1])
).map(lambda limits: Limits(*limits))


def box_of(account: Account, name: str) -> int:
    return account.find(name).folders[0].mailbox_id


class Quotas(RuleBasedStateMachine):
    """Each example has an organisation of its own."""

    store: ClassVar[Store]
    done: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        database = self.store.database
        number = next(NUMBERS)
        self.names = {"one": f"one{number}.example", "two": f"two{number}.example"}
        provision.add_organization(database, f"Example {number}")
        for domain in self.names.values():
            provision.add_domain(database, f"Example {number}", domain)
        ann, bob = self.at("ann@{one}"), self.at("bob@{one}")
        for user in (ann, bob):
            provision.add_user(database, user, "", None, limits=UNLIMITED)
            provision.add_mailbox(database, self.at(f"{user.local_part}@{{two}}"), user, UNLIMITED)
        provision.add_mailbox(database, self.at("second@{one}"), ann, UNLIMITED)
        grants.grant(database, bob, None, ann, "lrswipkxtea")
        grants.grant(database, self.at("ann@{two}"), None, bob, "lrswipkxtea")
        self.accounts = {user.local_part: self.store.account(self.store.node(), str(user)) for user in (ann, bob)}
        self.organization_id = self.accounts["ann"].organization_id
        for account in self.accounts.values():
            account.create("Work")
            account.create("Work/Deep")
            account.create(f"{self.names['two']}/Work")
            for number, folder in enumerate(FULL):
                account.append(folder.format(**self.names), [letter(1000, number), letter(400, number)])

    def at(self, name: str) -> Address:
        return address(name.format(**self.names))

    @initialize(
        mode=st.sampled_from(["domain_separated", "unified"]),
        limited=st.lists(st.tuples(holders, limits), min_size=1, max_size=5),
    )
    def begin(self, mode: str, limited: list[tuple[str, Limits]]) -> None:
        self.accounts["ann"].set_namespace_mode(mode)
        for holder, these in limited:
            self.limit(holder, these)

    # What is done

    @rule(who=people, folder=folders, sizes=st.lists(sizes, min_size=1, max_size=3))
    def append(self, who: str, folder: str, sizes: list[int]) -> None:
        account, name = self.accounts[who], folder.format(**self.names)
        drafts = [letter(size, number) for number, size in enumerate(sizes)]
        self.attempt(
            "append", lambda: account.append(name, drafts),
            lambda: {box_of(account, name): (sum(sizes), len(sizes))},
        )  # fmt: skip

    @rule(who=people, source=folders, goal=folders, count=counts, verb=st.sampled_from(["copy", "move"]))
    def transfer(self, who: str, source: str, goal: str, count: int, verb: str) -> None:
        account = self.accounts[who]
        from_name, to_name = source.format(**self.names), goal.format(**self.names)
        uids = self.uids(account, from_name)[:count]
        if uids:
            self.attempt(
                verb, lambda: self.opened(account, from_name, lambda box: getattr(box, verb)([range(len(uids))], to_name)),
                lambda: self.passed(account, from_name, uids, box_of(account, to_name), verb == "move"),
            )  # fmt: skip

    @rule(who=people, source=folders, goal=folders, size=sizes)
    def replace(self, who: str, source: str, goal: str, size: int) -> None:
        account = self.accounts[who]
        from_name, to_name = source.format(**self.names), goal.format(**self.names)
        uids = self.uids(account, from_name)[:1]

        def net() -> dict[int, Amount]:
            gone = self.passed(account, from_name, uids, 0, True)
            return added(gone, {box_of(account, to_name): (size, 1), 0: (-gone[0][0], -1)})

        if uids:
            deed = lambda: self.opened(account, from_name, lambda box: box.replace(0, to_name, letter(size)))  # noqa: E731
            self.attempt("replace", deed, net)

    @rule(who=people, folder=folders, count=counts)
    def expunge(self, who: str, folder: str, count: int) -> None:
        account, name = self.accounts[who], folder.format(**self.names)
        uids = self.uids(account, name)[:count]

        def deed(box: Any) -> None:
            box.store([range(len(uids))], "+", ["\\Deleted", "\\Seen"])
            box.expunge()

        if uids:
            self.attempt("expunge", lambda: self.opened(account, name, deed), dict)

    @rule(who=people, folder=folders)
    def create(self, who: str, folder: str) -> None:
        self.attempt("create", lambda: self.accounts[who].create(folder.format(**self.names)), dict)

    @rule(who=people, folder=folders)
    def delete(self, who: str, folder: str) -> None:
        self.attempt("delete", lambda: self.accounts[who].delete(folder.format(**self.names)), dict)

    @rule(who=people, old=folders, new=folders)
    def rename(self, who: str, old: str, new: str) -> None:
        account, old_name, new_name = self.accounts[who], old.format(**self.names), new.format(**self.names)

        def net() -> dict[int, Amount]:
            path = old_name.rpartition("/")[2] if old_name.endswith("INBOX") else old_name.removeprefix(self.names["two"] + "/")
            box, target = account.home_of(old_name), account.home_of(new_name)
            rows = self.store.database.rows(
                "SELECT coalesce(sum(size), 0)::bigint, coalesce(sum(messages), 0)::bigint FROM folders"
                " WHERE mailbox_id = %s AND (name = %s OR starts_with(name, %s) AND %s <> 'INBOX')",
                (box, path, path + "/", path),
            )
            return added({box: (-rows[0][0], -rows[0][1])}, {target: rows[0]})

        self.attempt("rename", lambda: account.rename(old_name, new_name), net)

    @rule(holder=holders, limits=limits)
    def change_limit(self, holder: str, limits: Limits) -> None:
        self.limit(holder, limits)

    def limit(self, holder: str, limits: Limits) -> None:
        user = "@" not in holder and not holder.startswith("{")
        target: Any = holder.format(**self.names) if holder.startswith("{") else self.at(holder + "@{one}" if user else holder)
        before = self.counted()
        quota_roots.set_limits(self.store.database, target, limits, user=user, keep=())
        assert self.counted() == before

    @precondition(lambda self: self.accounts["ann"].mode == "domain_separated")
    @rule(to=people)
    def pass_mailbox(self, to: str) -> None:
        """A mailbox gets another owner, and with it another root above it; that may be over its limit then."""
        passing.move(self.store.database, self.at("second@{one}"), passing.Passing(owner=self.at(to + "@{one}")))
        for account in self.accounts.values():
            account.reload()

    # The model

    def attempt(self, what: str, deed: Callable[[], Any], expected: Callable[[], dict[int, Amount]]) -> None:
        """Does it, and holds what became of it to what may have. expected: what each mailbox will hold more; asked for
        only to see whether a refusal was right."""
        usage, counted = self.usage(), self.counted()
        net: dict[int, Amount] = {}
        try:
            net = expected()
        except OTHERS:
            pass
        try:
            deed()
        except errors.OverQuota as refused:
            assert refused.root in self.full(usage, net), (what, "was refused, and fits", refused.root, net)
            assert (self.usage(), self.counted()) == (usage, counted)
            self.done[what + " refused"] += 1
            return
        except OTHERS:
            assert (self.usage(), self.counted()) == (usage, counted)
            return
        self.done[what] += 1
        after = self.counted()
        net = {box: minus(after[box], counted[box]) for box in counted}
        assert not self.full(usage, net), (what, "was done, and does not fit", net)
        gained = self.by_root(net)
        used = {root: (row[0], row[2]) for root, row in self.usage().items()}
        assert used == {
            root: (row[0] + gained[root, 0], row[2] + gained[root, 1]) for root, row in usage.items()
        }  # fmt: skip

    def usage(self) -> dict[str, tuple[int, int | None, int, int | None]]:
        """Octets and their limit, messages and their limit, by root."""
        rows = self.store.database.rows(
            "SELECT root, storage_used, storage_limit, messages_used, message_limit FROM quota_usage"
            " WHERE organization_id = %s", (self.organization_id,),
        )  # fmt: skip
        return {root: rest for root, *rest in ((row[0], *row[1:]) for row in rows)}  # type: ignore[misc]

    def counted(self) -> dict[int, Amount]:
        """What there is in each mailbox."""
        return {
            box: (int(octets), number)
            for box, octets, number in self.store.database.rows(
                "SELECT b.mailbox_id, coalesce(sum(m.size), 0), count(m.uid) FROM mailboxes b"
                " LEFT JOIN folders f USING (organization_id, mailbox_id)"
                " LEFT JOIN messages m USING (organization_id, group_id, folder_id)"
                " WHERE b.organization_id = %s GROUP BY 1", (self.organization_id,),
            )
        }  # fmt: skip

    def by_root(self, net: dict[int, Amount]) -> Counter[tuple[str, int]]:
        """What roots gain where mailboxes gain this: octets by (root, 0), messages by (root, 1)."""
        gained: Counter[tuple[str, int]] = Counter()
        for box, *above in self.store.database.rows(
            "SELECT mailbox_id, 'm' || mailbox_id, 'u' || user_id, 'd' || domain_id FROM mailboxes"
            " WHERE organization_id = %s", (self.organization_id,),
        ):  # fmt: skip
            for root in above:
                for resource, amount in enumerate(net.get(box, (0, 0))):
                    gained[root, resource] += amount
        return gained

    def full(self, usage: dict[str, Any], net: dict[int, Amount]) -> set[str]:
        """The roots that would gain what they have no room for."""
        gained = self.by_root(net)
        found = set()
        for root, (octets, most_octets, number, most_number) in usage.items():
            for resource, used, most in ((0, octets, most_octets), (1, number, most_number)):
                more = gained[root, resource]
                if most is not None and more > 0 and used + more > most:
                    found.add(root)
        return found

    def uids(self, account: Account, name: str) -> list[int]:
        try:
            return self.opened(account, name, lambda box: list(box.view.uids))
        except OTHERS:
            return []

    def opened(self, account: Account, name: str, use: Callable[[Any], Any]) -> Any:
        mailbox = account.open(name)
        try:
            return use(mailbox)
        finally:
            mailbox.close()

    def passed(self, account: Account, name: str, uids: list[int], target: int, moving: bool) -> dict[int, Amount]:
        """What mailboxes gain where these messages come into `target`."""
        group_id = account.find(name).folders[0].group_id
        rows = self.store.database.rows(
            "SELECT f.mailbox_id, sum(m.size)::bigint, count(*) FROM messages m JOIN folders f USING (organization_id, folder_id)"
            " WHERE m.organization_id = %s AND m.group_id = %s AND m.uid = ANY(%s) GROUP BY 1",
            (self.organization_id, group_id, uids),
        )
        net: dict[int, Amount] = {target: (0, 0)}
        for box, octets, number in rows:
            net = added(net, {target: (octets, number)}, {box: (-octets, -number)} if moving else {})
        return net

    def teardown(self) -> None:
        database = self.store.database
        for box in self.counted():
            assert recount.drift(database, [Box(self.organization_id, box)]) == []
        assert recount.drift_of_roots(database) == []


def plus(one: Amount, other: Amount) -> Amount:
    return one[0] + other[0], one[1] + other[1]


def minus(one: Amount, other: Amount) -> Amount:
    return one[0] - other[0], one[1] - other[1]


def added(*nets: dict[int, Amount]) -> dict[int, Amount]:
    total: dict[int, Amount] = {}
    for net in nets:
        for box, amount in net.items():
            total[box] = plus(total.get(box, (0, 0)), amount)
    return total


@pytest.mark.timeout(0)
def test_any_sequence_counts_exactly_and_refuses_just_what_does_not_fit(store: Store) -> None:
    Quotas.store = store
    Quotas.done.clear()
    for examples in (EXAMPLES, 5 * EXAMPLES, 25 * EXAMPLES):  # the first ones of some versions of hypothesis are very short
        how = settings(
            max_examples=examples, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        )  # fmt: skip
        run_state_machine_as_test(Quotas, settings=how)  # type: ignore[no-untyped-call]
        if enough_done():
            return
    raise AssertionError(Quotas.done)


def enough_done() -> bool:
    refused = sum(number for what, number in Quotas.done.items() if what.endswith("refused"))
    return len(Quotas.done) >= 6 and refused >= 5 and Quotas.done.total() - refused >= 20
