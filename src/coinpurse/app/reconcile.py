"""Reconciling (E4): the provider's subscriptions and payments are compared with the books, and what is
missing is applied on request.

There is no second way of comparing: what the provider has is told as facts, and a difference is whatever
applying them would change. So what is healed is exactly what an event would have done, doing it twice changes
nothing, and an event that comes late finds everything done (E2). Each group of facts is one transaction of
one account: nothing is held while the provider is asked, and traffic goes on.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from coinpurse.app import asking, billing, differences, inbox
from coinpurse.app.billing import Applied
from coinpurse.app.context import Context, Who
from coinpurse.app.differences import Difference, Told
from coinpurse.domain.errors import Conflict, Invalid, NotFound, ProviderFailed
from coinpurse.domain.facts import ChangePaid, Fact, Linked, Paid, Purchase, Returned, Standing
from coinpurse.domain.ports import Found, NotOurs, NotYet, Provider, ProviderError

WINDOW = timedelta(hours=72)  # as long as providers try to deliver an event
LONGEST = timedelta(days=31)  # of a window that is asked for over HTTP
MOST = 200  # differences that are listed; all are counted
SETTLING = timedelta(minutes=1)  # an event that came so shortly ago is being worked on: no difference yet
PAGE = 2000  # payments read at once
MOST_ASKED = 100  # subscriptions that are asked for singly, before a payment of ours is called untold

#: Without those of changes: they give nothing by themselves. `delivered`: an event told us.
PAYMENTS = """
    SELECT p.reference, p.purpose, p.payment, p.invoice, c.at, a.id AS account, a.test, k.reference AS sub,
           EXISTS (SELECT FROM coinpurse.events e WHERE e.account = p.account AND p.act = ANY (e.acts))
             AS delivered
      FROM (SELECT * FROM coinpurse.payments WHERE provider = %(provider)s AND reference > %(after)s
             ORDER BY reference LIMIT %(page)s) p
      JOIN coinpurse.acts c ON c.account = p.account AND c.act = p.act
      JOIN coinpurse.accounts a ON a.account = p.account
      LEFT JOIN coinpurse.standings k ON k.account = p.account AND k.provider = p.provider
            AND p.purpose = 'pay ' || k.subscription
     WHERE p.purpose <> 'change' AND c.at >= %(since)s AND c.at < %(until)s
       AND (%(test)s::boolean IS NULL OR a.test = %(test)s)
     ORDER BY p.reference"""
LAST = """
    SELECT max(reference) AS last FROM (SELECT reference FROM coinpurse.payments
     WHERE provider = %(provider)s AND reference > %(after)s ORDER BY reference LIMIT %(page)s) p"""

HERE = """
    SELECT FROM coinpurse.standings WHERE provider = %s AND reference = %s AND subscription IS NOT NULL"""
RUNNING = ("active", "past_due")

Progress = Callable[[int], None]


@dataclass(slots=True)
class Reconciled:
    """What came of it: `checked` counts what the provider had, `found` all differences, `healed` those of
    them that were applied; `differences` lists the first MOST; `notes` say what could not be told."""

    since: datetime
    until: datetime
    checked: int = 0
    found: int = 0
    healed: int = 0
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


async def reconcile(
    ctx: Context,
    who: Who,
    *,
    provider: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    heal: bool = False,
    longest: timedelta | None = None,
    progress: Progress = lambda checked: None,
) -> Reconciled:
    """Compares what a provider (else: each that can be asked) had happen in `[since, until)` with the books;
    `heal` applies what is missing. Without a window: the last 72 hours. Raises Invalid, NotFound, Conflict,
    and ProviderFailed where the provider didn't answer: what was healed until then stays, each as a whole."""
    now = await asking.now(ctx)
    report = Reconciled(*_window(since, until, now, longest))
    for asked in _chosen(ctx, provider):
        run = _Run(ctx, who, asked, heal, report, progress, now)
        try:
            await run.theirs()
            await run.ours()
        except ProviderError as why:
            raise (ProviderFailed if why.passing else Conflict)(_broken(why, report, heal)) from why
    return report


def _window(
    since: datetime | None, until: datetime | None, now: datetime, longest: timedelta | None
) -> tuple[datetime, datetime]:
    """The window, which never reaches ahead: what is found counts as known at its end, and would otherwise
    count as newer than what comes next."""
    for name, given in (("/since", since), ("/until", until)):
        if given is not None and given.tzinfo is None:
            raise Invalid.at(name, "Give an instant with its time zone, such as 2026-01-31T10:00:00Z.")
    until = min(until or now, now)
    since = since or until - WINDOW
    if since >= until:
        raise Invalid.at("/since", "The window must begin before it ends, and before now.")
    if longest is not None and until - since > longest:
        raise Invalid.at(
            "/since", f"At most {longest.days} days at once. For more, run `coinpurse reconcile`."
        )
    return since, until


def _chosen(ctx: Context, name: str | None) -> Sequence[Provider]:
    if name is not None:
        if name not in ctx.providers:
            raise NotFound(f"No payment provider {name!r} is configured here.")
        return [ctx.providers[name]]
    able = [provider for provider in ctx.providers.values() if provider.can_ask]
    if not able:
        raise Conflict("There is no payment provider that can be asked. Configure one with its API key.")
    return able


def _broken(why: ProviderError, report: Reconciled, heal: bool) -> str:
    done = f", and {report.healed:,} differences healed, each as a whole" if heal else ""
    return (
        f"{why} Until then {report.checked:,} were compared{done}. Run it again: it starts anew, and what is "
        "done is not done twice."
    )


@dataclass(slots=True)
class _Run:
    """One provider's part."""

    ctx: Context
    who: Who
    provider: Provider
    heal: bool
    report: Reconciled
    progress: Progress
    now: datetime
    #: What was told of payments, as hashes, and for which modes. About 70 bytes a payment; no page is kept.
    seen: set[int] = field(default_factory=set)
    modes: set[bool] = field(default_factory=set)
    asked: dict[str, str | None] = field(default_factory=dict)

    async def theirs(self) -> None:
        """All that the provider has: is it here?"""
        async for found in self.provider.changes(self.report.since, self.report.until):
            self.modes.add(found.test)
            if self.who.test in (None, found.test):
                self._note(found.facts)
                await self._compare(found)
                self.report.checked += 1
                self.progress(self.report.checked)

    def _note(self, facts: Sequence[Fact]) -> None:
        self.seen.update(map(hash, _keys(facts)))

    async def _compare(self, found: Found) -> None:
        """One group. Healing applies what changes nothing too: whose a customer is, or how a subscription
        stands, may be what the next one needs."""
        found = await self._whole(found)
        rehearsed = await self._apply(found, rehearse=True)
        told = await self._difference(found, rehearsed) if _differs(found, rehearsed) else None
        if self.heal:
            applied = await self._apply(found, rehearse=False)
            if told is not None and _differs(found, applied):
                self._add(_after(told, applied))
                await inbox.wake(self.ctx, self.provider.name, found.facts, [found.about])
        elif told is not None and not any(map(self._is_on_its_way, told.events)):
            self._add(told)

    async def _whole(self, found: Found) -> Found:
        """A subscription that runs there and isn't here at all, with what is paid for it now: its last
        payment may be older than the window."""
        for fact in found.facts:
            if isinstance(fact, Standing) and fact.state in RUNNING and not await self._is_here(fact):
                told = await self.provider.look_up(fact.subscription, self.report.until)
                paid = [one for one in told if isinstance(one, Paid) and one.end > self.now]
                return replace(found, facts=[*paid, *found.facts])
        return found

    async def _is_here(self, fact: Standing) -> bool:
        return bool(await self.ctx.db.rows(HERE, [self.provider.name, fact.subscription]))

    async def _apply(self, found: Found, *, rehearse: bool) -> Applied:
        return await billing.apply(
            self.ctx, self.provider.name, found.facts, test=found.test, rehearse=rehearse
        )

    async def _difference(self, found: Found, rehearsed: Applied) -> Difference:
        name, report = self.provider.name, self.report
        events = await differences.tellers(self.ctx, name, found, report.since, report.until)
        named = (getattr(fact, "account", None) for fact in found.facts)
        return Difference(
            kind="stuck" if rehearsed.status == "failed" else "missing",
            provider=name,
            about=found.about,
            account=rehearsed.account or next(filter(None, named), None),
            test=found.test,
            at=found.at,
            words=await differences.describe(self.ctx, name, found, events),
            effect=self._effect(found, rehearsed),
            healed=False,
            events=events,
        )

    def _effect(self, found: Found, rehearsed: Applied) -> str:
        """What applying it would do; of what went back, also where its payment was found missing before."""
        payments = [hash(fact.payment) for fact in found.facts if isinstance(fact, Returned)]
        if rehearsed.status == "failed" and self.seen.intersection(payments):
            return f"{rehearsed.outcome} That payment is missing too: healing begins with it."
        return rehearsed.outcome

    def _is_on_its_way(self, event: Told) -> bool:
        return event.status == "waiting" and self.now - event.received_at < SETTLING

    def _add(self, difference: Difference) -> None:
        self.report.found += 1
        self.report.healed += difference.healed
        if len(self.report.differences) < MOST:
            self.report.differences.append(difference)

    async def ours(self) -> None:
        """All payments that were recorded here: did the provider tell of them? Only reported: nothing is
        taken away because a list doesn't have it."""
        silent = 0
        async for row in self._payments():
            if self.seen.intersection(hash(row[name]) for name in ("reference", "payment", "invoice")):
                continue
            if row["test"] not in self.modes:
                silent += 1
            elif (why := await self._untold(row)) is not None:
                self._add(self._silence(row, why))
        if silent:
            self.report.notes.append(
                f"{self.provider.name} told nothing at all of accounts of one mode (test or live), so "
                f"{silent:,} payments that were recorded for such accounts could not be compared."
            )

    async def _payments(self) -> AsyncIterator[dict[str, Any]]:
        """Those recorded within the window, page by page through all of the provider's: no index knows when
        one was recorded, and this is asked for rarely."""
        span: dict[str, Any] = {"since": self.report.since, "until": self.report.until}
        span |= {"provider": self.provider.name, "test": self.who.test, "page": PAGE, "after": ""}
        while (last := (await self.ctx.db.rows(LAST, span))[0]["last"]) is not None:
            for row in await self.ctx.db.rows(PAYMENTS, span):
                yield row
            span["after"] = last

    async def _untold(self, row: dict[str, Any]) -> str | None:
        """Why a payment of ours that wasn't told counts as a difference; None where it doesn't: it may have
        been paid long before it was recorded, and asking for its subscription finds it."""
        subscription = row["sub"]
        if subscription is None and not row["delivered"]:
            return None  # it was looked up, imported or healed: paid long before, perhaps
        if subscription is None:
            return "It can't be asked for singly, and may have been made there long before it was recorded."
        if subscription not in self.asked and len(self.asked) < MOST_ASKED:
            self.asked[subscription] = await self._ask(subscription)
        if subscription not in self.asked:
            return f"Its subscription {subscription} was not asked for any more, after {MOST_ASKED} others."
        if hash(row["reference"]) in self.seen or hash(row["invoice"]) in self.seen:
            return None
        return self.asked[subscription]

    async def _ask(self, subscription: str) -> str:
        """Notes what was paid for a subscription, and says what came of asking."""
        try:
            self._note(await self.provider.look_up(subscription, self.report.until))
        except (NotOurs, NotYet) as why:
            return f"Its subscription {subscription} says nothing of it: {why}"
        except ProviderError as why:
            if why.passing:
                raise
            return f"Its subscription {subscription} can't be found there: {why}"
        return f"Its subscription {subscription} was asked for, and doesn't have it either."

    def _silence(self, row: dict[str, Any], why: str) -> Difference:
        name = self.provider.name
        words = (
            f"Here the payment {row['reference']} is recorded ({row['purpose'].split()[0]}), and {name} told "
            f"nothing of it. {why} Otherwise its product has left the catalog, it was deleted there, or the "
            "API key is another account's. Nothing is changed: look at it there."
        )
        return Difference(
            kind="untold",
            provider=name,
            about=row["reference"],
            account=row["account"],
            test=row["test"],
            at=row["at"],
            words=words,
            effect=None,
            healed=False,
            events=[],
        )


def _differs(found: Found, applied: Applied) -> bool:
    """Whose a customer is makes no difference to credits, and may name no account of ours."""
    return applied.acts > 0 or (
        applied.status == "failed" and not all(isinstance(fact, Linked) for fact in found.facts)
    )


def _after(told: Difference, applied: Applied) -> Difference:
    """A difference after its facts were applied, or couldn't be."""
    healed = applied.status == "applied"
    account = applied.account or told.account
    kind: Any = "missing" if healed else "stuck"
    return replace(told, kind=kind, effect=applied.outcome, healed=healed, account=account)


def _keys(facts: Sequence[Fact]) -> Iterator[str]:
    """The names under which a payment may be recorded here."""
    for fact in facts:
        if isinstance(fact, Paid):
            yield from filter(None, (fact.line, fact.invoice, fact.payment))
        elif isinstance(fact, Purchase):
            yield from filter(None, (fact.purchase, fact.payment))
        elif isinstance(fact, ChangePaid):
            yield fact.invoice
