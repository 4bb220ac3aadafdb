"""Importing what a payment provider knows: customers, their subscriptions, and what they have in advance."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from coinpurse.app.billing import told
from coinpurse.app.context import Context
from coinpurse.app.importing.columns import account as read_account
from coinpurse.app.importing.reading import opened
from coinpurse.app.importing.report import Problem, Report, Unusable
from coinpurse.app.importing.running import Progress, Row, run
from coinpurse.app.importing.seen import Seen
from coinpurse.domain.credits import MAX_AMOUNT
from coinpurse.domain.facts import Fact, Linked, Paid, PaidWith, Returned
from coinpurse.domain.importing import Listing, Payer, Prepaid, Running
from coinpurse.domain.money import decimals
from coinpurse.domain.ports import NotOurs, NotYet, ProviderError

KEYS = ("coinpurse_account", "account")
AT_ONCE = 8  # subscriptions that are looked up at the same time


@dataclass(frozen=True, slots=True)
class Choice:
    """How accounts are found: by a file of `customer,account`, else by a key of the customer's metadata. And
    how many credits one unit of a currency (a dollar, not a cent) is, by its code; '' means all others."""

    mapping: Path | None = None
    account_key: str | None = None
    rates: Mapping[str, Fraction] = field(default_factory=dict)


async def import_provider(
    ctx: Context,
    name: str,
    listing: Listing,
    choice: Choice,
    *,
    apply: bool = False,
    skip_errors: bool = False,
    progress: Progress = lambda done: None,
) -> Report:
    """Links customers to accounts, takes over their running subscriptions with what is paid, and turns what
    they have in advance into credits. Without `apply`, and where anything is wrong unless `skip_errors`, only
    the report is made."""
    report = await _once(ctx, name, listing, choice, apply and skip_errors, progress)
    if apply and not report.applied and not report.errors:
        return await _once(ctx, name, listing, choice, True, progress)
    return report


async def _once(
    ctx: Context, name: str, listing: Listing, choice: Choice, applied: bool, progress: Progress
) -> Report:
    report = Report(name, applied)
    with Seen() as seen:
        source = _Source(ctx, name, listing, choice, report, seen)
        try:
            await run(ctx, source.rows(), report, progress)
        except Unusable as error:
            report.refuse(error.problem)
        except ProviderError as error:
            report.refuse(Problem(None, None, f"{error} What came before was read; run this again."))
    return report


class _Source:
    """The rows that a provider's lists make."""

    def __init__(
        self, ctx: Context, name: str, listing: Listing, choice: Choice, report: Report, seen: Seen
    ) -> None:
        self._ctx, self._name, self._listing = ctx, name, listing
        self._choice, self._report, self._seen = choice, report, seen

    async def rows(self) -> AsyncIterator[Row]:
        """Customers first: subscriptions and money are theirs."""
        if self._choice.mapping:
            self._read_mapping(self._choice.mapping)
        async for payer in self._listing.payers():
            self._report.rows += 1
            if row := self._customer(payer):
                yield row
        async for group in _grouped(self._listing.running()):
            self._report.rows += len(group)
            for row in await asyncio.gather(*map(self._subscription, group)):
                if row:
                    yield row
        async for money in self._listing.prepaid():
            self._report.rows += 1
            if row := self._credits(money):
                yield row

    def _read_mapping(self, path: Path) -> None:
        with opened(path) as sheet:
            if missing := {"customer", "account"} - set(sheet.columns):
                raise Unusable(1, f"{path.name} needs a column {' and '.join(sorted(missing))}.")
            for line in sheet.lines:
                self._map(line.number, line.cells, line.fault)

    def _map(self, number: int, cells: Mapping[str, str], fault: str | None) -> None:
        customer, account = cells.get("customer", ""), cells.get("account", "")
        try:
            read_account(account)
        except ValueError as error:
            fault = fault or str(error)
        if fault or not customer or not account:
            detail = fault or "Fill in both customer and account, or remove the row."
            self._report.refuse(Problem(number, "mapping", detail))
        elif (known := self._seen.put(f"mapped {customer}", number, account)) and known[1] != account:
            detail = f"Line {known[0]} maps {customer} to another account. Keep one."
            self._report.refuse(Problem(number, "mapping", detail))

    def _customer(self, payer: Payer) -> Row | None:
        keys = [self._choice.account_key] if self._choice.account_key else KEYS
        mapped = self._seen.get(f"mapped {payer.customer}")
        account = mapped[1] if mapped else next(filter(None, (payer.metadata.get(k) for k in keys)), None)
        if account is None:
            self._skip(None)
            return None
        try:
            read_account(account)
        except ValueError as error:
            self._refuse(payer.customer, str(error))
            return None
        self._seen.put(f"customer {payer.customer}", 0, account)
        fact = Linked(customer=payer.customer, account=account)
        who = {"customer": payer.customer, "name": payer.name, "email": payer.email}
        return self._row(account, payer.test, payer.customer, [fact], who)

    async def _subscription(self, sold: Running) -> Row | None:
        known = self._seen.get(f"customer {sold.customer}")
        account = known[1] if known else sold.account
        if account is None:
            self._refuse(sold.subscription, _nobody(sold.customer))
            return None
        now = datetime.now(UTC)
        try:
            found = await self._ctx.providers[self._name].look_up(sold.subscription, now)
            facts = [_of(fact, account) for fact in found if not isinstance(fact, Paid) or fact.end > now]
            return self._row(account, sold.test, sold.subscription, facts, {})
        except NotOurs as error:
            self._skip(Problem(None, sold.subscription, f"Left out: {error}"))
            return None
        except (NotYet, ProviderError) as error:
            self._refuse(sold.subscription, str(error))
            return None

    def _row(self, account: str, test: bool, about: str, facts: list[Fact], values: Mapping[str, Any]) -> Row:
        said = [told(self._ctx, fact, test) for fact in facts]
        values = {**values, "provider": self._name, "facts": said}
        return Row("facts", account, test, about, values, about=about)

    def _credits(self, money: Prepaid) -> Row | None:
        known = self._seen.get(f"customer {money.customer}")
        rate = self._choice.rates.get(money.currency, self._choice.rates.get(""))
        now = datetime.now(UTC)
        if money.amount == 0 or (money.expires_at and money.expires_at <= now):
            self._skip(None)
            return None
        if known is None:
            self._refuse(money.id, _nobody(money.customer))
            return None
        if rate is None:
            detail = f"How many credits is one unit of {money.currency}? Say it with --credits-per-unit."
            self._refuse(money.id, detail)
            return None
        if money.starts_at and money.starts_at > now:
            self._skip(Problem(None, money.id, f"Left out: it begins on {money.starts_at}."))
            return None
        return self._prepaid(money, known[1], rate)

    def _prepaid(self, money: Prepaid, account: str, rate: Fraction) -> Row | None:
        exact = money.amount * rate / 10 ** decimals(money.currency)
        amount = int(exact)
        if not 0 < amount <= MAX_AMOUNT:
            self._refuse(money.id, f"It is {amount:,} credits at this rate. Choose another rate.")
            return None
        if amount != exact:
            self._report.note(Problem(None, money.id, f"Rounded down to {amount:,} credits."))
        values: dict[str, Any] = {"addon": amount}
        if money.expires_at:
            values = {"promo": amount, "promo_expires_at": money.expires_at}
        return Row(f"{self._name} credits", account, money.test, money.id, values, about=money.id)

    def _skip(self, note: Problem | None) -> None:
        self._report.skipped += 1
        if note:
            self._report.note(note)

    def _refuse(self, about: str, detail: str) -> None:
        self._report.refuse(Problem(None, about, detail))


def _nobody(customer: str) -> str:
    return (
        f"No account is known for {customer}. Name it in the customer's metadata (coinpurse_account), or in "
        "a file of customer,account with --mapping."
    )


def _of(fact: Fact, account: str) -> Fact:
    return fact if isinstance(fact, PaidWith | Returned) else replace(fact, account=account)


async def _grouped(running: AsyncIterator[Running]) -> AsyncIterator[list[Running]]:
    group: list[Running] = []
    async for one in running:
        group.append(one)
        if len(group) == AT_ONCE:
            yield group
            group = []
    if group:
        yield group
