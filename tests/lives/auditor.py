"""Reckons from the provider's journal alone what the books must say, and compares.

It shares nothing with Coinpurse but the catalog: the journal says what was paid, refunded, disputed,
cancelled and when; the help center says what that means.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from coinpurse.simulator.world import Truth
from lives.town import PACKS, PLANS, Customer, Town

#: A payment that lands so shortly before the end of its month may be told after it.
SLACK = timedelta(days=4)
GRANTS = """
    SELECT g.*, p.* FROM coinpurse.grants g JOIN coinpurse.accounts a USING (account) JOIN LATERAL (
      SELECT coalesce(sum(e.amount), 0)::bigint AS available,
             coalesce(sum(e.moved * ((target = 'held')::int - (source = 'held')::int)), 0)::bigint AS held,
             coalesce(sum(e.moved * ((target = 'frozen')::int - (source = 'frozen')::int)), 0)::bigint
               AS iced,
             coalesce(sum(e.moved * ((target = 'spent')::int - (source = 'spent')::int)), 0)::bigint AS spent,
             coalesce(sum(e.moved * ((target = 'revoked')::int - (source = 'revoked')::int)), 0)::bigint
               AS revoked
        FROM coinpurse.entries e WHERE e.account = g.account AND e."grant" = g."grant") p ON true
     WHERE a.id = %s ORDER BY g."grant" """
RENEWALS = """
    SELECT r.*, s.provider FROM coinpurse.renewals r JOIN coinpurse.accounts a USING (account)
      JOIN coinpurse.subscriptions s USING (account, subscription) WHERE a.id = %s ORDER BY period_start"""
SUBSCRIPTIONS = """
    SELECT s.*, k.reference FROM coinpurse.subscriptions s JOIN coinpurse.accounts a USING (account)
      LEFT JOIN coinpurse.standings k USING (account, subscription) WHERE a.id = %s ORDER BY subscription"""
PAYMENTS = """
    SELECT p.* FROM coinpurse.payments p JOIN coinpurse.accounts a USING (account)
     WHERE a.id = %s AND purpose <> 'change'"""


def instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def month(anchor: datetime, n: int) -> datetime:
    """n months from an anchor, clipped to the month's last day."""
    total = anchor.year * 12 + anchor.month - 1 + n
    year, number = divmod(total, 12)
    for day in (anchor.day, 30, 29, 28):
        try:
            if day <= anchor.day:
                return anchor.replace(year=year, month=number + 1, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


@dataclass
class Line:
    """What was paid for a subscription: [start, end), when, at how many credits a month."""

    subscription: str
    key: str
    start: datetime
    end: datetime
    paid_at: datetime
    credits: int
    months: int
    intent: str | None
    anchor: datetime


@dataclass
class Slice:
    """A month that was paid: how many credits it gives in all, and whether that is certain."""

    start: datetime
    end: datetime
    credits: set[int]
    certain: bool


@dataclass
class Truths:
    """The journal of one customer, sorted out."""

    lines: list[Line] = field(default_factory=list)
    packs: dict[str, tuple[int, str]] = field(default_factory=dict)
    refunded: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    disputed: dict[str, int] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    gone_at: dict[str, datetime] = field(default_factory=dict)
    notes: dict[str, list[tuple[datetime, Any]]] = field(default_factory=dict)
    upgrades: list[tuple[str, datetime, int]] = field(default_factory=list)


class Auditor:
    """Compares one town's books with its journal."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.sold = {id: name for name, id in town.prices.items()}
        self.faults: list[str] = []

    async def audit(self) -> list[str]:
        """Everything that is wrong, in words."""
        journal = self.town.simulator.journal()
        for customer in self.town.customers.values():
            mine = [t for t in journal if t.customer == customer.buyer.customer]
            await self._audit(customer, self._sort(mine))
        await self._events()
        return self.faults

    async def _rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        return await self.town.ctx.db.rows(query, list(parameters))

    def _wrong(self, customer: Customer, text: str) -> None:
        self.faults.append(f"{customer.account}: {text}")

    async def _events(self) -> None:
        for row in await self._rows(
            "SELECT event, type, status, outcome FROM coinpurse.events WHERE status IN ('waiting', 'failed')"
        ):
            self.faults.append(f"event {row['event']} ({row['type']}) is {row['status']}: {row['outcome']}")

    # -- the journal

    def _sort(self, journal: list[Truth]) -> Truths:
        truths = Truths()
        prices: dict[str, list[tuple[str, int]]] = {}
        for t in journal:
            if t.kind == "checkout" and t.detail["mode"] == "payment":
                prices[t.id] = [tuple(p) for p in t.detail["prices"]]
            elif t.kind == "payment" and t.detail["session"]:
                truths.packs[t.detail["session"]] = (0, t.id)
                truths.totals[t.id] = t.amount
            elif t.kind == "payment":
                truths.totals[t.id] = t.amount
            elif t.kind == "invoice_paid":
                self._invoice(truths, t)
            elif t.kind == "subscription":
                truths.notes.setdefault(t.id, []).append((instant(t.at), t.detail))
            else:
                self._return(truths, t)
        for session, (_, intent) in truths.packs.items():
            credits = sum(PACKS[self.sold[p]][0] * q for p, q in prices[session] if self.sold[p] in PACKS)
            truths.packs[session] = (credits, intent)
        return truths

    def _return(self, truths: Truths, t: Truth) -> None:
        intent = str(t.detail.get("payment_intent"))
        if t.kind in ("refund", "refund_failed"):
            truths.refunded[intent] = t.detail["amount_refunded"]
        elif t.kind == "dispute_opened":
            truths.disputed[intent] = t.amount
        elif t.kind in ("dispute_won", "dispute_lost"):
            truths.disputed.pop(intent, None)
            if t.kind == "dispute_lost":
                truths.lost[intent] = truths.lost.get(intent, 0) + t.amount
        gone = truths.refunded.get(intent, 0) + truths.lost.get(intent, 0)
        if intent in truths.totals and gone >= truths.totals[intent]:
            truths.gone_at.setdefault(intent, instant(t.at))

    def _invoice(self, truths: Truths, t: Truth) -> None:
        for line in t.detail["lines"]:
            name = self.sold.get(line["price"] or "", "")
            plan, _, interval = name.partition(" ")
            if plan not in PLANS or not interval:
                continue
            credits = PLANS[plan][0] * (line.get("quantity") or 1)
            first = t.detail["billing_reason"] == "subscription_create"
            if line["proration"] and not first:
                if line["amount"] > 0:
                    truths.upgrades.append((t.detail["subscription"], instant(t.at), credits))
                continue
            if line["amount"] <= 0:
                continue
            start = instant(line["start"])
            truths.lines.append(
                Line(
                    t.detail["subscription"], f"{t.id}/{line['price']}/{line['start']}", start,
                    instant(line["end"]), instant(t.at), credits, 12 if interval == "year" else 1,
                    t.detail["payment_intent"],
                    self._anchor(truths.lines, t.detail["subscription"], start),
                )
            )  # fmt: skip

    @staticmethod
    def _anchor(lines: list[Line], subscription: str, start: datetime) -> datetime:
        """Where the months are reckoned from: a line that starts where an earlier one's months do goes on
        with its anchor, any other starts anew."""
        for line in reversed(lines):
            if line.subscription == subscription:
                near = (start.year - line.anchor.year) * 12 + start.month - line.anchor.month
                if month(line.anchor, near) == start:
                    return line.anchor
        return start

    # -- the comparison

    async def _audit(self, customer: Customer, truths: Truths) -> None:
        grants = await self._rows(GRANTS, customer.account)
        self._top_ups(customer, truths, grants)
        await self._payments(customer, truths)
        await self._months(customer, truths, grants)
        await self._standing(customer, truths)
        await self._charges(customer)

    def _top_ups(self, customer: Customer, truths: Truths, grants: list[dict[str, Any]]) -> None:
        given = {g["source"]["reference"]: g for g in grants if g["source"]["type"] == "topup"}
        if given.keys() != truths.packs.keys():
            self._wrong(customer, f"top-ups {sorted(given)} for payments {sorted(truths.packs)}")
        for session, (credits, intent) in truths.packs.items():
            g = given.get(session)
            if g is None:
                continue
            total = truths.totals[intent]
            gone = min(total, truths.refunded.get(intent, 0) + truths.lost.get(intent, 0))
            back = (2 * credits * gone + total) // (2 * total)
            held_back = (2 * credits * min(truths.disputed.get(intent, 0), total - gone) + total) // (
                2 * total
            )
            unspent = credits - g["spent"]
            taken = min(back, unspent)
            iced = min(held_back, unspent - taken)
            found = (g["amount"], g["revoked"], g["iced"], g["available"])
            if found != (credits, taken, iced, unspent - taken - iced):
                self._wrong(
                    customer,
                    f"top-up {session}: {found}, reckoned {(credits, taken, iced)} of {unspent} unspent",
                )

    async def _payments(self, customer: Customer, truths: Truths) -> None:
        found = sorted(r["reference"] for r in await self._rows(PAYMENTS, customer.account))
        meant = sorted([*(line.key for line in truths.lines), *truths.packs])
        if found != meant:
            self._wrong(customer, f"payments {found}, paid were {meant}")

    async def _months(self, customer: Customer, truths: Truths, grants: list[dict[str, Any]]) -> None:
        rows = await self._rows(RENEWALS, customer.account)
        granted = {r["period_start"]: r for r in rows if r["state"] == "granted"}
        meant = {s.start: s for s in self._slices(truths)}
        for start, s in meant.items():
            if start not in granted:
                if s.certain:
                    self._wrong(customer, f"the month from {start} was paid, and is not granted")
            else:
                got = sum(
                    g["amount"] - (g["revoked"] if g["provisional"] is False else 0)
                    for g in grants
                    if g["kind"] == "monthly" and g["source"].get("plan") and _in(g, granted[start])
                )
                if s.certain and got not in s.credits:
                    self._wrong(customer, f"the month from {start} gave {got}, reckoned {s.credits}")
        for start in granted:
            if start not in meant:
                self._wrong(customer, f"the month from {start} is granted, and was not paid")

    def _slices(self, truths: Truths) -> Iterator[Slice]:
        for n, line in enumerate(truths.lines):
            later = [x for x in truths.lines[n + 1 :] if x.subscription == line.subscription]
            reset = min((x.start for x in later if x.anchor != line.anchor), default=None)
            for k in range(line.months):
                first = (line.start.year - line.anchor.year) * 12 + line.start.month - line.anchor.month
                start, end = month(line.anchor, first + k), month(line.anchor, first + k + 1)
                if reset is not None and start >= reset:
                    break
                kept = self._kept(truths, line, start, min(end, reset or end))
                if kept is not None:
                    yield kept

    def _kept(self, truths: Truths, line: Line, start: datetime, end: datetime) -> Slice | None:
        """Whether a paid month is granted: the subscription lives at its start, isn't paused, the money
        came in time and is still there."""
        over = self._over(truths, line)
        if over is not None and over <= start:
            return None
        if start > self.town.now or line.paid_at >= end:
            return None
        certain = line.paid_at < end - SLACK
        if self._paused(truths, line.subscription, start, end):
            certain = False
        if over is not None and over <= max(line.paid_at, start) + SLACK:
            certain = False
        return Slice(start, end, self._credits(truths, line, start, end), certain)

    def _credits(self, truths: Truths, line: Line, start: datetime, end: datetime) -> set[int]:
        """What the month gives: the line's credits, and those of upgrades that were paid until then."""
        mine = [
            (at, c) for sub, at, c in truths.upgrades if sub == line.subscription and line.paid_at <= at < end
        ]
        sure = max([line.credits, *(c for at, c in mine if at < end - SLACK)])
        return {sure, *(max(sure, c) for at, c in mine if at >= end - SLACK)}

    def _over(self, truths: Truths, line: Line) -> datetime | None:
        """When the subscription ended, or the money of this line went back."""
        ends = [
            at
            for at, d in truths.notes.get(line.subscription, [])
            if d["status"] in ("canceled", "incomplete_expired")
        ]
        if line.intent in truths.gone_at:
            ends.append(max(truths.gone_at[line.intent], line.start))
        return min(ends, default=None)

    def _paused(self, truths: Truths, subscription: str, start: datetime, end: datetime) -> bool:
        """Whether it was paused at any time from shortly before the month until its end."""
        state = False
        for at, detail in truths.notes.get(subscription, []):
            if at >= end:
                break
            was, state = state, bool(detail["pause_collection"]) or detail["status"] == "paused"
            if (was or state) and at >= start - SLACK:
                return True
        return state

    async def _standing(self, customer: Customer, truths: Truths) -> None:
        ours = {
            r["reference"]: r for r in await self._rows(SUBSCRIPTIONS, customer.account) if r["reference"]
        }
        for reference, notes in truths.notes.items():
            status = notes[-1][1]["status"]
            here = ours.get(reference)
            if status == "canceled" and here is not None and here["status"] != "ended":
                self._wrong(customer, f"{reference} is canceled there and {here['status']} here")
            paid = [line for line in truths.lines if line.subscription == reference]
            money_back = any(line.intent in truths.gone_at for line in paid)
            if status == "active" and paid and not money_back and (here is None or here["status"] == "ended"):
                self._wrong(customer, f"{reference} is active there and {here and here['status']} here")
            if (
                status == "active"
                and here is not None
                and here["status"] != "ended"
                and paid
                and not money_back
            ):
                through = max(line.end for line in paid if line.anchor == paid[-1].anchor)
                reckoned = month(here["anchor"], here["paid_months"])
                if through != reckoned and not any(d["pause_collection"] for _, d in notes):
                    self._wrong(customer, f"{reference} is paid through {through}, here {reckoned}")

    async def _charges(self, customer: Customer) -> None:
        rows = await self._rows(
            """SELECT 'ch_' || replace(a.account::text, '-', '') || '_' || act AS id, amount
                 FROM coinpurse.acts a JOIN coinpurse.accounts USING (account)
                WHERE id = %s AND kind = 'charge'""",
            customer.account,
        )
        if {r["id"]: r["amount"] for r in rows} != customer.charged:
            self._wrong(customer, "the charges in the books are not those that were answered")


def _in(grant: dict[str, Any], renewal: dict[str, Any]) -> bool:
    return bool(
        grant["subscription"] == renewal["subscription"]
        and renewal["period_start"] <= grant["starts_at"]
        and grant["expires_at"] == renewal["period_end"]
    )
