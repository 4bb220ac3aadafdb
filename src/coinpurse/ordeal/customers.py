"""The crowd: each of its members has accounts of its own, and does things with them by batches, one by one
and all at once. Since nobody else touches them, every answer can be foretold; what is done at once is put in
order afterwards, by the numbers in the answers."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from coinpurse.ordeal.account import Account, Asked, Call, Wrong, differs
from coinpurse.ordeal.acts import act_of, amount_for
from coinpurse.ordeal.purse import Purse
from coinpurse.ordeal.race import run as race
from coinpurse.ordeal.telling import Teller
from coinpurse.ordeal.wire import BUSY, PATIENCE_SECONDS, Silent, Wire

BATCH = 1_000
SINGLES = 48
Blame = Callable[[Account, str], None]


class Item:
    """One charge of a batch. `again` is the earlier call that it repeats; `other` says that its key was used
    for another amount."""

    __slots__ = ("account", "again", "amount", "key", "other")

    def __init__(self, account: Account) -> None:
        self.account = account
        self.again: Asked | None = None
        self.other = False
        dice = account.random.random()
        charges = [one for one in account.recent if one.call[0] == "charge"] if dice < 0.02 else []
        if charges:
            self.again = account.random.choice(charges)
            self.key, self.amount = self.again.key, self.again.call[1]
            if dice < 0.005:
                self.other, self.amount = True, self.amount + 1
        else:
            self.key, self.amount = account.key(), amount_for(account)


class Customer:
    """One member of the crowd, until told to stop."""

    def __init__(
        self,
        accounts: Sequence[Account],
        wire: Wire,
        teller: Teller,
        tally: Counter[str],
        blame: Blame,
        seed: str,
    ) -> None:
        self.accounts = accounts
        self.wire, self.teller, self.tally, self.blame = wire, teller, tally, blame
        self.random = random.Random(f"customer {seed}")
        self.done = 0

    async def step(self) -> None:
        """One thing after another; says by `done` how many operations that was."""
        dice = self.random.random()
        mine = [one for one in self.accounts if not one.lost]
        if not mine:
            await asyncio.sleep(0.1)
        elif dice < 0.55:
            await self._batch(self.random.choices(mine, k=self.random.choice([1, 30, BATCH, BATCH, BATCH])))
        elif dice < 0.90:
            some = self.random.sample(mine, min(SINGLES, len(mine)))
            await asyncio.gather(*(self._one(account) for account in some))
        elif dice < 0.97:
            await self._race(mine)
        else:
            some = self.random.sample(mine, min(10, len(mine)))
            await asyncio.gather(*(self._top_up(a) for a in some))

    # One by one

    async def _one(self, account: Account) -> None:
        account.tidy()
        try:
            if account.recent and account.random.random() < 0.06:
                await self._again(account, account.random.choice(account.recent))
            else:
                await self.ask(account, act_of(account))
        except (Wrong, Silent) as error:
            self.blame(account, str(error))

    async def ask(self, account: Account, call: Call) -> None:
        """Makes a call and judges its answer."""
        key = None if call[0] in ("balance", "clock") else account.key()
        request = account.request(call)
        answer = await self.wire.ask(request.method, request.path, request.body, key=key)
        self._count(call[0], answer.status)
        note = f"({answer.tries} tries)" if answer.tries > 1 else ""
        account.judge(call, key, answer.status, account.read(answer.body), note)
        if key is not None and answer.tries > 1 and answer.status >= 400:
            await self._use_up(account, key)

    async def _again(self, account: Account, asked: Asked) -> None:
        """The same request and key: the first answer. Another request with the key: a conflict (S8)."""
        if account.random.random() < 0.3:
            call: Call = ("charge", 1 + (asked.call[1] if asked.call[0] == "charge" else 0))
            request, pattern = account.request(call), (409, {"code": "idempotency_conflict"})
        elif asked.call[0] == "grant" and len(asked.call) > 3 and asked.call[3] is not None:
            return  # its instant was reckoned from a clock that has moved
        else:
            call, request, pattern = asked.call, account.request(asked.call), asked.pattern
        answer = await self.wire.ask(request.method, request.path, request.body, key=asked.key)
        self._count("replay" if pattern[0] < 400 else "conflict", answer.status)
        body = account.read(answer.body)
        account.remember(call, asked.key, "(again)", answer.status, body)
        if why := differs(pattern, answer.status, body):
            raise Wrong(f"asked again, {call} with key {asked.key}: {why}")
        if answer.status < 400 and not answer.replayed:
            raise Wrong(f"asked again, {call} with key {asked.key} isn't said to be a replay")

    async def _use_up(self, account: Account, key: str) -> None:
        """A request that was refused, and had gone unanswered before, may still be on its way and be carried
        out once there are credits. Its key is used for something that changes nothing; then it can't be."""
        call = ("charge", 0)
        request = account.request(call)
        answer = await self.wire.ask(request.method, request.path, request.body, key=key)
        self._count("use up a key", answer.status)
        account.judge(call, key, answer.status, account.read(answer.body), "(using up the key)")

    # By batches

    async def _batch(self, accounts: Sequence[Account]) -> None:
        items = [Item(account) for account in accounts]
        try:
            bodies, tries = await self._answers(items)
        except (Wrong, Silent) as error:
            self.blame(accounts[0], str(error))
            return
        by_account: dict[str, list[tuple[Item, Any]]] = {}
        for item, body in zip(items, bodies, strict=True):
            by_account.setdefault(item.account.name, []).append((item, body))
        for pairs in by_account.values():
            await self._judge_together(pairs, tries)

    async def _answers(self, items: Sequence[Item]) -> tuple[list[Any], int]:
        """What was answered to each charge of a batch, and after how many tries: where some of them have
        found no database, the batch is asked for again. Raises Wrong, Silent."""
        asked = [{"account": i.account.name, "amount": i.amount, "key": i.key} for i in items]
        deadline, tries = time.monotonic() + PATIENCE_SECONDS, 0
        while time.monotonic() < deadline:
            answer = await self.wire.ask("POST", "/v1/charges/batch", asked)
            tries += answer.tries
            if answer.status != 200:
                raise Wrong(f"a batch was answered {answer.status}: {answer.body[:500]!r}")
            whole = msgspec.json.decode(answer.body, type=dict[str, list[msgspec.Raw]])["data"]
            if len(whole) != len(items):
                raise Wrong(f"{len(items)} charges were asked for, {len(whole)} answered")
            bodies = [item.account.read(bytes(raw)) for item, raw in zip(items, whole, strict=True)]
            if not any(body["status"] in BUSY for body in bodies):
                return bodies, tries
            self.tally["batches answered 503 in part"] += 1
        raise Silent(f"a batch: some of it was answered 503 in each of {tries} tries")

    async def _judge_together(self, pairs: list[tuple[Item, Any]], tries: int) -> None:
        """An account's charges of one batch, in their order; those whose key was used before come last."""
        account = pairs[0][0].account
        seen = {_standing(account)}
        unsure: list[tuple[Item, Any]] = []
        try:
            for item, body in pairs:
                status = body["status"]
                self._count("charge", status)
                if item.again is not None:
                    self._judge_again(item, body)
                    continue
                if status == 402 and tries > 1:
                    unsure.append((item, body))
                    continue
                account.judge(("charge", item.amount), item.key, status, body, "(batch)")
                if tries > 1:
                    seen.add(_standing(account))
            for item, body in unsure:
                self._judge_refusal(item, body, seen)
                await self._use_up(account, item.key)
        except (Wrong, Silent) as error:
            self.blame(account, str(error))
        account.tidy()

    def _judge_again(self, item: Item, body: Any) -> None:
        assert item.again is not None
        pattern = (409, {"code": "idempotency_conflict"}) if item.other else item.again.pattern
        item.account.remember(("charge", item.amount), item.key, "(again)", body["status"], body)
        if why := differs(pattern, body["status"], body):
            raise Wrong(f"asked again in a batch, charge {item.amount} with key {item.key}: {why}")
        if not item.other and not body["replayed"]:
            raise Wrong(f"asked again in a batch, charge with key {item.key} isn't said to be a replay")

    def _judge_refusal(self, item: Item, body: Any, seen: set[tuple[int, int]]) -> None:
        """Of a batch that was sent several times it isn't known when a charge was looked at last: the refusal
        must be right for some moment of it."""
        item.account.remember(("charge", item.amount), item.key, "(batch, again)", 402, body)
        told = (body["available"], body["held"])
        if told not in seen or body["needed"] != item.amount or item.amount <= body["available"]:
            raise Wrong(
                f"charge {item.amount} was refused with {told}, but the account stood at {sorted(seen)}"
            )

    # All at once

    async def _race(self, mine: Sequence[Account]) -> None:
        still = [a for a in mine if isinstance(a.truth, Purse) and not a.pending]
        if not still:
            return
        account = self.random.choice(still)
        try:
            self.done += await race(account, self.wire, self.tally, self._use_up)
        except (Wrong, Silent) as error:
            self.blame(account, str(error))

    async def _top_up(self, account: Account) -> None:
        if account.pending or not isinstance(account.truth, Purse):
            return
        try:
            await self.teller.top_up(account)
            account.pending = True
            self._count("top-up", 200)
        except (Wrong, Silent) as error:
            self.blame(account, str(error))

    def _count(self, what: str, status: int) -> None:
        self.done += 1
        self.tally[f"{what} {'refused' if status >= 400 else 'done'}"] += 1


def _standing(account: Account) -> tuple[int, int]:
    """What is available, and what is held."""
    truth = account.truth
    held = truth.held if isinstance(truth, Purse) else truth.model.state.total("held")
    return truth.available, held
