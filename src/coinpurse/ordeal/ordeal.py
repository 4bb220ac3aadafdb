"""The whole ordeal: open, trouble, close, audit."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coinpurse.ordeal.account import START, Account, Fault, Wrong
from coinpurse.ordeal.acts import PLENTY
from coinpurse.ordeal.customers import Customer
from coinpurse.ordeal.deployment import Deployment
from coinpurse.ordeal.life import Life
from coinpurse.ordeal.telling import Teller
from coinpurse.ordeal.troubles import Troubles
from coinpurse.ordeal.wire import Silent, Wire

CUSTOMERS = 12
LIVING = 0.2
MOST_FAULTS = 10
BOOKS = """
    SELECT a.id, w.act, (SELECT count(*) FROM coinpurse.acts x WHERE x.account = a.account)
      FROM coinpurse.accounts a JOIN coinpurse.wallets w USING (account)"""
UNWORKED = "SELECT event, status, outcome FROM coinpurse.events WHERE status IN ('waiting', 'failed')"


@dataclass(frozen=True)
class Plan:
    """What to go through. It ends with `operations`, or after `minutes`, whichever is first. `disturbed`:
    there are not only kills."""

    seed: str
    operations: int = 20_000
    minutes: float | None = None
    kills: int = 20
    accounts: int = 500
    disturbed: bool = True


@dataclass
class Report:
    """What was gone through, and every fault that was found."""

    seed: str
    operations: int = 0
    seconds: float = 0.0
    per_second: float = 0.0
    accounts: int = 0
    kills: dict[str, int] = field(default_factory=dict)
    disturbances: dict[str, int] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    verify_seconds: float = 0.0
    faults: list[Fault] = field(default_factory=list)


Progress = Callable[[int, int], Any]


class Ordeal:
    """One run of it, in an empty folder `home`."""

    def __init__(self, plan: Plan, home: Path, progress: Progress) -> None:
        self.plan, self.progress = plan, progress
        self.tally: Counter[str] = Counter()
        self.report = Report(plan.seed, accounts=plan.accounts)
        self.it = Deployment(home, self.tally, plan.seed)
        self.troubles = Troubles(self.it, plan.kills, plan.seed, self._share, plan.disturbed)
        self.accounts = [
            Account(f"customer-{n}", n < plan.accounts * LIVING, plan.seed) for n in range(plan.accounts)
        ]
        self.customers: list[Customer] = []
        self._began = time.monotonic()

    async def run(self) -> Report:
        """Goes through it and reports."""
        try:
            await self.it.start()
            await self._open()
            self._began = time.monotonic()
            await self._live()
            self.report.seconds = round(time.monotonic() - self._began, 1)
            await self._audit()
        finally:
            await self.it.stop()
        return self._reported()

    @property
    def done(self) -> int:
        """Operations until now."""
        return sum(customer.done for customer in self.customers)

    def _share(self) -> float:
        minutes = self.plan.minutes
        by_time = (time.monotonic() - self._began) / (minutes * 60) if minutes else 0.0
        return min(1.0, max(self.done / self.plan.operations, by_time))

    async def _open(self) -> None:
        """The accounts, each with something to spend."""
        gate, wire = asyncio.Semaphore(32), self.it.wire("opening")

        async def open_one(account: Account) -> None:
            async with gate:
                body = {"clock": START.isoformat()}
                answer = await wire.ask("PUT", f"/v1/accounts/{account.name}", body)
                if answer.status not in (200, 201):
                    raise Wrong(f"{account.name} couldn't be opened: {answer.body!r}")
                call = (
                    ("grant", "addon", 2000, None)
                    if isinstance(account.truth, Life)
                    else ("grant", "addon", PLENTY)
                )
                request, key = account.request(call), account.key()
                made = await wire.ask(request.method, request.path, request.body, key=key)
                account.judge(call, key, made.status, account.read(made.body))

        await asyncio.gather(*(open_one(account) for account in self.accounts))
        wire.close()
        for n in range(CUSTOMERS):
            own = self.it.wire(f"customer {n}")
            teller = Teller(own, self.tally)
            mine = self.accounts[n::CUSTOMERS]
            self.customers.append(
                Customer(mine, own, teller, self.tally, self._blame, f"{self.plan.seed} {n}")
            )

    async def _live(self) -> None:
        """Customers and troubles, until all is done; then the weather clears."""
        trouble = asyncio.create_task(self.troubles.run())
        showing = asyncio.create_task(self._show())
        try:
            await asyncio.gather(*(self._live_one(customer) for customer in self.customers))
        finally:
            for task in (trouble, showing):
                task.cancel()
            ended = await asyncio.gather(trouble, showing, return_exceptions=True)
            await self.troubles.calm()
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _live_one(self, customer: Customer) -> None:
        while self._share() < 1 and len(self.report.faults) < MOST_FAULTS:
            await customer.step()

    async def _show(self) -> None:
        while True:
            self.progress(self.done, self.plan.operations)
            await asyncio.sleep(1)

    def _blame(self, account: Account, what: str) -> None:
        if not account.lost:
            self.report.faults.append(account.fault(what))

    # The end

    async def _audit(self) -> None:
        """Every account as it must be, the books by their own checks, and nothing left lying about."""
        if self.it.database.postmaster() is None:
            await asyncio.to_thread(self.it.database.start_again)
        await self.it.until_ready()
        await self._until_worked_off()
        gate, wire = asyncio.Semaphore(16), self.it.wire("audit")
        await asyncio.gather(*(self._audit_one(account, wire, gate) for account in self.accounts))
        wire.close()
        acts = {id: (act, count) for id, act, count in await asyncio.to_thread(self.it.database.ask, BOOKS)}
        for account in self.accounts:
            if not account.lost and acts.get(account.name) != (account.truth.acts,) * 2:
                self._blame(
                    account, f"{account.truth.acts} acts are known, the books have {acts.get(account.name)}"
                )
        started = time.monotonic()
        for problem in await asyncio.to_thread(self.it.verify):
            self.report.faults.append(Fault("the books", problem, []))
        self.report.verify_seconds = round(time.monotonic() - started, 1)
        if self.tally["crashes"]:
            said = [line for customer in self.customers for line in customer.wire.crashed]
            self.report.faults.append(Fault("the servers", f"{self.tally['crashes']} answers were 500", said))

    async def _until_worked_off(self) -> None:
        """Every delivery that was told is in the books: a failed one waits for its next try."""
        deadline = time.monotonic() + 120
        left: list[tuple[Any, ...]] = []
        while time.monotonic() < deadline:
            left = await asyncio.to_thread(self.it.database.ask, UNWORKED)
            if not left:
                return
            await asyncio.sleep(0.5)
        self.report.faults.append(Fault("the inbox", f"{len(left)} events are left: {left[:5]}", []))

    async def _audit_one(self, account: Account, wire: Wire, gate: asyncio.Semaphore) -> None:
        if account.lost:
            return
        async with gate:
            request = account.request(("balance",))
            try:
                answer = await wire.ask(request.method, request.path)
                account.judge(("balance",), None, answer.status, account.read(answer.body), "(at the end)")
                if account.pending:
                    raise Wrong("a top-up was paid and never came")
            except (Wrong, Silent) as error:
                self._blame(account, str(error))

    def _reported(self) -> Report:
        report = self.report
        report.operations = self.done
        report.per_second = round(report.operations / max(report.seconds, 0.1), 1)
        report.kills, report.disturbances = dict(self.troubles.killed), dict(self.troubles.met)
        report.counted = dict(sorted(self.tally.items()))
        return report
