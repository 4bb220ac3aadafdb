"""Compares the books with what is reckoned from the provider's journal alone."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from lives.reckoning import Reckoning, Truths, month
from lives.town import Customer, Town

#: What happens at the provider is known here so much later at most.
LATEST = timedelta(days=8)
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
    SELECT r.*, k.reference FROM coinpurse.renewals r JOIN coinpurse.accounts a USING (account)
      LEFT JOIN coinpurse.standings k USING (account, subscription) WHERE a.id = %s ORDER BY period_start"""
SUBSCRIPTIONS = """
    SELECT s.*, k.reference FROM coinpurse.subscriptions s JOIN coinpurse.accounts a USING (account)
      LEFT JOIN coinpurse.standings k USING (account, subscription) WHERE a.id = %s ORDER BY subscription"""
PAYMENTS = """
    SELECT p.* FROM coinpurse.payments p JOIN coinpurse.accounts a USING (account)
     WHERE a.id = %s AND purpose <> 'change'"""
CHARGES = """
    SELECT 'ch_' || replace(c.account::text, '-', '') || '_' || c.act AS id, c.amount,
           (SELECT coalesce(sum(r.amount), 0)::bigint FROM coinpurse.acts r
             WHERE r.account = c.account AND r.kind = 'reverse' AND r.of = c.act) AS back
      FROM coinpurse.acts c JOIN coinpurse.accounts a USING (account) WHERE a.id = %s AND c.kind = 'charge'"""
REPAID = """
    SELECT c.of, c.grants, c.amounts FROM coinpurse.acts c JOIN coinpurse.accounts a USING (account)
     WHERE a.id = %s AND c.kind = 'repay'"""


class Auditor:
    """Compares one town's books with its journal."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.sold = {id: name for name, id in town.prices.items()}
        self.faults: list[str] = []
        self.months = self.certain = self.debts = 0

    def summary(self) -> str:
        """How much of it could be reckoned."""
        share = 100 * self.certain // max(self.months, 1)
        return f"{self.certain} of {self.months} months are certain ({share} %), {self.debts} debts"

    async def audit(self) -> list[str]:
        """Everything that is wrong, in words."""
        journal = self.town.simulator.journal()
        for customer in self.town.customers.values():
            mine = [t for t in journal if t.customer == customer.buyer.customer]
            town = self.town
            await self._audit(customer, Reckoning(mine, town.told, self.sold, town.policies, town.now))
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

    async def _audit(self, customer: Customer, reckoned: Reckoning) -> None:
        truths = reckoned.truths
        grants = await self._rows(GRANTS, customer.account)
        await self._top_ups(customer, truths, grants)
        await self._payments(customer, truths)
        await self._months(customer, reckoned, grants)
        await self._standing(customer, truths)
        await self._charges(customer)

    async def _top_ups(self, customer: Customer, truths: Truths, grants: list[dict[str, Any]]) -> None:
        given = {g["source"]["reference"]: g for g in grants if g["source"]["type"] == "topup"}
        if given.keys() != truths.packs.keys():
            self._wrong(customer, f"top-ups {sorted(given)} for payments {sorted(truths.packs)}")
        debts = Debts(await self._rows(REPAID, customer.account))
        for session, (credits, intent) in truths.packs.items():
            if g := given.get(session):
                back, held_back = _targets(truths, credits, intent)
                got, paid = debts.got[g["grant"]], debts.paid[g["grant"]]
                unspent = credits - g["spent"] - paid
                taken = min(max(back - got, 0), unspent)
                iced = min(held_back, unspent - taken)
                found = (g["amount"], g["revoked"], g["iced"], g["available"])
                if found != (credits, taken + paid, iced, unspent - taken - iced):
                    meant = (credits, taken + paid, iced)
                    self._wrong(customer, f"top-up {session}: {found}, reckoned {meant} of {unspent} unspent")
                self.debts += back > taken
                if got and self.town.policies.get("clawback") != "debt":
                    self._wrong(customer, f"top-up {session}: {got} were repaid, and debts are forgiven")
                if back > taken + got and self.town.policies.get("clawback") == "debt":
                    since = truths.returned_at[intent] + LATEST
                    self._unpaid(customer, session, since, given, debts)

    def _unpaid(
        self,
        customer: Customer,
        session: str,
        since: datetime,
        given: dict[str, dict[str, Any]],
        debts: "Debts",
    ) -> None:
        """While a debt is open, all of a new top-up goes there."""
        for other, g in given.items():
            if g["starts_at"] > since and debts.paid[g["grant"]] < g["amount"]:
                self._wrong(customer, f"top-up {session} is owed for, and top-up {other} did not pay it all")

    async def _payments(self, customer: Customer, truths: Truths) -> None:
        found = sorted(r["reference"] for r in await self._rows(PAYMENTS, customer.account))
        meant = sorted([*(line.key for line in truths.lines), *truths.packs])
        if found != meant:
            self._wrong(customer, f"payments {found}, paid were {meant}")

    async def _months(self, customer: Customer, reckoned: Reckoning, grants: list[dict[str, Any]]) -> None:
        rows = await self._rows(RENEWALS, customer.account)
        granted = {(r["reference"], r["period_start"]): r for r in rows if r["state"] == "granted"}
        meant = {(s.subscription, s.start): s for s in reckoned.months()}
        self.months += len(meant)
        self.certain += sum(s.certain for s in meant.values())
        for (of, start), s in meant.items():
            row = granted.pop((of, start), None) or granted.pop((None, start), None)
            if row is None:
                if s.certain:
                    self._wrong(customer, f"{of}: the month from {start} was paid, and is not granted")
                continue
            got = sum(
                g["amount"] - (g["revoked"] if g["provisional"] is False else 0)
                for g in grants
                if g["kind"] == "monthly" and g["source"].get("plan") and _in(g, row)
            )
            if s.certain and not s.credits[0] <= got <= s.credits[1]:
                self._wrong(customer, f"{of}: the month from {start} gave {got}, reckoned {s.credits}")
        for of, start in granted:
            self._wrong(customer, f"{of}: the month from {start} is granted, and was not paid")

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
        """Every charge that was answered is in the books, once, and no other; and what was given back."""
        rows = await self._rows(CHARGES, customer.account)
        if {r["id"]: r["amount"] for r in rows} != customer.charged or len(rows) != len(customer.charged):
            self._wrong(customer, "the charges in the books are not those that were answered")
        back = {r["id"]: r["back"] for r in rows if r["back"]}
        if back != customer.given_back:
            self._wrong(customer, f"given back: {back}, answered were {customer.given_back}")


class Debts:
    """What was repaid for each top-up (`got`), and what each has paid for others."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.got: Counter[int] = Counter()
        self.paid: Counter[int] = Counter()
        for row in rows:
            self.got[row["of"]] += row["amounts"][0]
            self.paid[row["grants"][0]] += row["amounts"][0]


def _targets(truths: Truths, credits: int, intent: str) -> tuple[int, int]:
    """How many credits of a top-up are to go back, and how many are in dispute."""
    total = truths.totals[intent]
    gone = min(total, truths.refunded.get(intent, 0) + truths.lost.get(intent, 0))
    open_ = min(truths.disputed.get(intent, 0), total - gone)
    return (2 * credits * gone + total) // (2 * total), (2 * credits * open_ + total) // (2 * total)


def _in(grant: dict[str, Any], renewal: dict[str, Any]) -> bool:
    return bool(
        grant["subscription"] == renewal["subscription"]
        and renewal["period_start"] <= grant["starts_at"]
        and grant["expires_at"] == renewal["period_end"]
    )
