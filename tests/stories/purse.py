"""The real engine as a story's driver: one account on a test clock, reached through the app layer."""

import asyncio
import itertools
import re
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from coinpurse.app import billing, checkouts, checks, grants, ledger, subscriptions, wallets
from coinpurse.app.accounts import get_account, move_clock, put_account
from coinpurse.app.context import Context, Who
from coinpurse.domain import credits
from coinpurse.domain.catalog import Plan, Policies
from coinpurse.domain.credits import Kind
from coinpurse.domain.errors import CoinpurseError
from coinpurse.domain.facts import Fact
from coinpurse.domain.ids import account_digest
from coinpurse.domain.model import Terms
from coinpurse.settings import DEFAULT_CATALOG, Settings
from coinpurse.store.checks import Problem
from coinpurse.wiring import open_context
from stories.driver import Spend

T = TypeVar("T")
REFERENCES = {"subscription", "line", "invoice", "pending_invoice", "payment", "purchase", "dispute"}
WHO = Who("somebody", test=True)
_numbers = itertools.count(1)


class Engine:
    """The real engine on one database, with an event loop of its own, and a catalog to which plans can be
    added."""

    def __init__(self, ctx: Context, runner: asyncio.Runner) -> None:
        self.plans: dict[str, Plan] = {}
        self.catalog = replace(ctx.catalog, plans=self.plans)
        self.ctx = replace(ctx, catalog=self.catalog)
        policies = Policies(reverse_expired="compensate")
        self.compensating = replace(ctx, catalog=replace(self.catalog, policies=policies))
        self._runner = runner

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Waits for a call of the app layer."""
        return self._runner.run(work)

    def rows(self, query: str, *parameters: Any, **named: Any) -> list[dict[str, Any]]:
        """What a table says, for what no call of the app layer shows."""
        return self.run(self.ctx.db.rows(query, named or parameters))

    def verify(self) -> list[Problem]:
        """What is wrong in the books."""
        return self.run(checks.verify(self.ctx))

    def plan(self, terms: Terms) -> str:
        """Sells by these terms from now on."""
        self.plans[terms.plan] = Plan(
            id=terms.plan,
            name=terms.plan,
            monthly_credits=terms.allocation,
            renewal=cast(Any, terms.policy),
            grace=terms.grace,
            late_after=terms.late_after,
            cap=terms.cap,
            trial_credits=terms.trial_allocation,
        )
        return terms.plan


@contextmanager
def opened(database_url: str) -> Iterator[Engine]:
    """The engine on a database, until the block ends."""
    settings = Settings(database_url=database_url, home=Path("unused"), catalog=DEFAULT_CATALOG)
    with asyncio.Runner() as runner:
        opening = open_context(settings, size=2)
        ctx = runner.run(opening.__aenter__())
        try:
            yield Engine(ctx, runner)
        finally:
            runner.run(opening.__aexit__(None, None, None))


class Purse:
    """A fresh account. Its answers are told as the model's are: identifiers are a prefix and the number of
    the act, and the account is "somebody"."""

    def __init__(self, engine: Engine, now: datetime) -> None:
        self.engine, self.ctx = engine, engine.ctx
        self.name = f"purse-{next(_numbers)}"
        self.digest = account_digest(self.name, test=True)
        self._run(put_account(self.ctx, WHO, self.name, clock=now))
        self._run(get_account(self.ctx, WHO, self.name))  # known from now on: calls keep their order

    def wait_until(self, instant: datetime) -> None:
        self._run(move_clock(self.ctx, WHO, self.name, instant))

    def balance(self) -> credits.Balance:
        return self._run(wallets.balance(self.ctx, WHO, self.name))

    def balance_at(self, instant: datetime) -> credits.Balance:
        return self._run(wallets.balance(self.ctx, WHO, self.name, instant))

    def entries(self) -> list[credits.Entry]:
        found: list[credits.Entry] = self._all(ledger.entries)
        return found

    def renewals(self) -> list[credits.Renewal]:
        found = self._all(
            lambda ctx, who, name, **page: subscriptions.renewals(ctx, who, account=name, **page)
        )
        return sorted(found, key=lambda one: (int(one.subscription.partition("_")[2]), one.period.start))

    def grants(self) -> list[credits.Grant]:
        return self._run(grants.grants(self.ctx, WHO, self.name))

    def subscriptions(self) -> list[credits.Subscription]:
        return self._run(subscriptions.subscriptions(self.ctx, WHO, self.name))

    def get_hold(self, hold: str) -> credits.Hold:
        return self._run(wallets.get_hold(self.ctx, WHO, self._id(hold)))

    def get_charge(self, charge: str) -> credits.Charge:
        return self._run(wallets.get_charge(self.ctx, WHO, self._id(charge)))

    def charge(self, amount: int, *, key: str | None = None) -> credits.Charge:
        return self._run(wallets.charge(self.ctx, WHO, self.name, amount=amount, key=key))

    def quote(self, amount: int) -> tuple[int, list[credits.Taken]]:
        quoted = self._run(wallets.quote(self.ctx, WHO, self.name, amount=amount))
        return quoted.shortfall, quoted.taken

    def explain(self) -> ledger.Explanation:
        return self._run(ledger.explain(self.ctx, WHO, self.name, limit=1000))

    def spend_together(self, items: list[Spend]) -> list[credits.Charge | credits.Hold | CoinpurseError]:
        if not any(seconds for _, seconds, _ in items) and items:
            asked = [wallets.ChargeRequest(self.name, amount=amount, key=key) for amount, _, key in items]
            return list(self._run(wallets.charge_batch(self.ctx, WHO, asked)))
        return self._run(self._at_once([self._spend(*item) for item in items]))

    def _spend(self, amount: int, seconds: int | None, key: str | None) -> Coroutine[Any, Any, Any]:
        if seconds is None:
            return wallets.charge(self.ctx, WHO, self.name, amount=amount, key=key)
        return wallets.hold(self.ctx, WHO, self.name, amount=amount, expires_in=seconds, key=key)

    def capture_together(
        self, holds: list[str], keys: list[str | None] | None = None
    ) -> list[credits.Hold | CoinpurseError]:
        pairs = zip(holds, keys or [None] * len(holds), strict=True)
        calls = [wallets.capture(self.ctx, WHO, self._id(hold), key=key) for hold, key in pairs]
        return self._run(self._at_once(calls))

    async def _at_once(self, calls: list[Coroutine[Any, Any, Any]]) -> list[Any]:
        answers = await asyncio.gather(*calls, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, CoinpurseError):
                raise answer
        return answers

    def hold(self, amount: int, *, expires_in: int = 3600, key: str | None = None) -> credits.Hold:
        return self._run(
            wallets.hold(self.ctx, WHO, self.name, amount=amount, expires_in=expires_in, key=key)
        )

    def capture(
        self, hold: str, amount: int | None = None, *, exceed: bool = False, key: str | None = None
    ) -> credits.Hold:
        return self._run(
            wallets.capture(self.ctx, WHO, self._id(hold), amount=amount, exceed=exceed, key=key)
        )

    def release(self, hold: str, *, key: str | None = None) -> credits.Hold:
        return self._run(wallets.release(self.ctx, WHO, self._id(hold), key=key))

    def reverse(
        self,
        charge: str,
        amount: int | None = None,
        *,
        compensate: bool = False,
        reason: str | None = None,
        key: str | None = None,
    ) -> credits.Reversal:
        ctx = self.engine.compensating if compensate else self.ctx
        return self._run(wallets.reverse(ctx, WHO, self._id(charge), amount=amount, reason=reason, key=key))

    def grant(
        self,
        kind: Kind,
        amount: int,
        *,
        expires_at: datetime | None = None,
        priority: int = 0,
        reason: str,
        key: str | None = None,
    ) -> credits.Grant:
        made = grants.grant(
            self.ctx,
            WHO,
            self.name,
            kind=kind,
            amount=amount,
            expires_at=expires_at,
            priority=priority,
            reason=reason,
            key=key,
        )
        return self._run(made)

    def topup(self, reference: str, amount: int) -> credits.Grant:
        paid = f"{self.name}:{reference}"  # a reference is unique across accounts
        return self._run(
            checkouts.topup(self.ctx, WHO, self.name, credits=amount, provider="manual", reference=paid)
        )

    def revoke(
        self, grant: str, amount: int | None = None, *, reason: str, key: str | None = None
    ) -> credits.Grant:
        return self._run(grants.revoke(self.ctx, WHO, self._id(grant), amount=amount, reason=reason, key=key))

    def subscribe(
        self,
        terms: Terms,
        *,
        starts_at: datetime | None = None,
        trial_days: int = 0,
        key: str | None = None,
    ) -> credits.SubscriptionChange:
        begun = subscriptions.subscribe(
            self.ctx,
            WHO,
            self.name,
            plan=self.engine.plan(terms),
            interval=terms.interval,
            starts_at=starts_at,
            trial_days=trial_days,
            key=key,
        )
        return self._run(begun)

    def pay(
        self, subscription: str, periods: int = 1, *, key: str | None = None
    ) -> credits.SubscriptionChange:
        return self._run(subscriptions.pay(self.ctx, WHO, self._id(subscription), periods=periods, key=key))

    def cancel(
        self, subscription: str, at: str = "period_end", *, key: str | None = None
    ) -> credits.SubscriptionChange:
        return self._run(
            subscriptions.cancel(self.ctx, WHO, self._id(subscription), at=cast(Any, at), key=key)
        )

    def resume(self, subscription: str, *, key: str | None = None) -> credits.SubscriptionChange:
        return self._run(subscriptions.resume(self.ctx, WHO, self._id(subscription), key=key))

    def pause(self, subscription: str, *, key: str | None = None) -> credits.SubscriptionChange:
        return self._run(subscriptions.pause(self.ctx, WHO, self._id(subscription), key=key))

    def preview(self, subscription: str, terms: Terms, policy: str) -> credits.SubscriptionChange:
        shown = subscriptions.preview(
            self.ctx,
            WHO,
            self._id(subscription),
            plan=self.engine.plan(terms),
            interval=terms.interval,
            policy=policy,
        )
        preview = self._run(shown)
        return credits.SubscriptionChange(preview.subscription, preview.balance)

    def change(
        self, subscription: str, terms: Terms, policy: str, *, key: str | None = None
    ) -> credits.SubscriptionChange:
        changed = subscriptions.change(
            self.ctx,
            WHO,
            self._id(subscription),
            plan=self.engine.plan(terms),
            interval=terms.interval,
            policy=policy,
            key=key,
        )
        return self._run(changed)

    def tell(
        self,
        fact: Fact,
        *,
        sold: Terms | None = None,
        credits: int = 0,
        upgrade: str = "difference",
        clawback: str = "forgive",
    ) -> tuple[bool, int]:
        if sold:
            self.engine.plan(sold)
        policies = Policies(upgrade=cast(Any, upgrade), clawback=cast(Any, clawback))
        packs = {"pack": replace(next(iter(self.ctx.catalog.packs.values())), id="pack", credits=credits)}
        catalog = replace(self.ctx.catalog, plans=self.engine.plans, packs=packs, policies=policies)
        ctx = replace(self.ctx, catalog=catalog)
        applied = self.engine.run(billing.apply(ctx, "stripe", [self._named(fact)], test=True))
        return applied.status == "applied", applied.acts

    def _named(self, fact: Fact) -> Fact:
        """The fact with references of its own: they are unique across accounts."""
        named = {f.name: getattr(fact, f.name) for f in fields(fact) if f.name in REFERENCES}
        own = {name: f"{self.name}:{value}" for name, value in named.items() if value is not None}
        if hasattr(fact, "account"):
            own["account"] = self.name
        return replace(fact, **cast(Any, own))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return cast(T, self._told(self.engine.run(work)))

    def _all(self, pages: Callable[..., Any]) -> Any:
        """Every page of a list, which is newest first, oldest first."""
        found: list[Any] = []
        cursor = None
        while True:
            page = self._run(pages(self.ctx, WHO, self.name, limit=20, cursor=cursor))
            found += page.data
            if (cursor := page.next_cursor) is None:
                return found[::-1]

    def _id(self, identifier: str) -> str:
        prefix, _, number = identifier.partition("_")
        return f"{prefix}_{self.digest.hex}_{number}"

    def _told(self, value: Any) -> Any:
        if isinstance(value, str):
            return re.sub(f"{self.name}:", "", value.replace(f"{self.digest.hex}_", "")).replace(
                self.name, "somebody"
            )
        if isinstance(value, list | tuple):
            return type(value)([self._told(one) for one in value])
        if isinstance(value, dict):
            return {name: self._told(one) for name, one in value.items()}
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{f.name: self._told(getattr(value, f.name)) for f in fields(value)})
        return value
