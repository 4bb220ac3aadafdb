"""The catalog: what is sold and what things cost (P5), read from the text of `coinpurse.toml`.

Credits are whole numbers, money is kept exactly as written, and every problem is reported with its line.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any, Literal, cast

from coinpurse.domain.catalog_reader import Fraction, Table, describe, failure, read, suggest
from coinpurse.domain.credits import MAX_AMOUNT, Interval
from coinpurse.domain.errors import Invalid
from coinpurse.domain.money import Price, fault_of_amount, fault_of_currency

RenewalPolicy = Literal["provisional", "paid_with_grace", "strict"]
UpgradePolicy = Literal["difference", "prorated", "restart", "at_renewal"]
DowngradePolicy = Literal["at_renewal", "restart"]
Clawback = Literal["forgive", "debt"]
ReverseExpired = Literal["lapse", "compensate"]

PROVIDERS = ("stripe", "paddle", "polar", "standard")
DEFAULT_GRACE = timedelta(hours=24)
DEFAULT_LATE_AFTER = timedelta(minutes=10)
#: No month is shorter, so grace and lateness always end before the next period starts.
SHORTEST_MONTH = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class Plan:
    """A subscription on offer. `monthly_credits` is its allocation; `cap` bounds what a provisional period
    gives (T7); `trial_credits` is what a trial gives (None: the allocation)."""

    id: str
    name: str
    monthly_credits: int
    renewal: RenewalPolicy = "provisional"
    grace: timedelta = DEFAULT_GRACE
    late_after: timedelta = DEFAULT_LATE_AFTER
    cap: int | None = None
    trial_credits: int | None = None
    prices: Mapping[Interval, Price] = field(default_factory=dict)
    description: str = ""
    order: int = 0


@dataclass(frozen=True, slots=True)
class Pack:
    """A top-up on offer: add-on credits that never expire."""

    id: str
    name: str
    credits: int
    price: Price
    description: str = ""
    order: int = 0


@dataclass(frozen=True, slots=True)
class Operation:
    """A line of the rate card: `credits` for each `per` units, rounded up once, in sum."""

    id: str
    credits: int
    per: int = 1

    def price(self, quantity: int) -> int:
        """Credits for a quantity, rounded up: ⌈quantity × credits ÷ per⌉."""
        return -(-quantity * self.credits // self.per)


@dataclass(frozen=True, slots=True)
class Policies:
    """What happens where a rule leaves a choice (B5, P3, F1). Below `low_balance` credits an account is told
    to be low (E5); None: never."""

    upgrade: UpgradePolicy = "difference"
    downgrade: DowngradePolicy = "at_renewal"
    clawback: Clawback = "forgive"
    reverse_expired: ReverseExpired = "lapse"
    low_balance: int | None = None


@dataclass(frozen=True)
class Catalog:
    """Everything that the file says. Plans and packs stand in the order in which they are to be shown.
    `former` are catalogs that were in force before, the newest first: what was sold stays sold (P5)."""

    plans: Mapping[str, Plan]
    packs: Mapping[str, Pack]
    operations: Mapping[str, Operation]
    policies: Policies
    former: Sequence["Catalog"] = ()

    def plan_sold(self, id: str) -> Plan | None:
        """A plan as it is sold, or was sold last; None for one that never was."""
        return next((each.plans[id] for each in (self, *self.former) if id in each.plans), None)

    def pack_sold(self, id: str) -> Pack | None:
        """A pack as it is sold, or was sold last; None for one that never was."""
        return next((each.packs[id] for each in (self, *self.former) if id in each.packs), None)

    @classmethod
    def parse(cls, text: str) -> "Catalog":
        """Reads the text of a catalog file. Raises CatalogError, whose `problems` names every fault:
        a list of {line, where, detail}, in the order of their lines."""
        table = read(text)
        catalog = _catalog(table)
        if table.problems:
            raise failure(table.problems)
        return catalog

    def price_of(self, operation: str, quantity: int = 1) -> int:
        """What an operation costs, in credits (S5). Raises Invalid for an operation that the rate card does
        not have, and for a quantity that is negative, not whole or too large."""
        if operation not in self.operations:
            hint = suggest(operation, self.operations)
            raise Invalid.at("/operation", f'The rate card has no operation "{operation}"{hint}')
        if not isinstance(quantity, int) or isinstance(quantity, bool) or not 0 <= quantity <= MAX_AMOUNT:
            raise Invalid.at("/quantity", f"The quantity must be a whole number from 0 to {MAX_AMOUNT:,}")
        price = self.operations[operation].price(quantity)
        if price > MAX_AMOUNT:
            raise Invalid.at(
                "/quantity",
                f"{quantity:,} of {operation} cost more than {MAX_AMOUNT:,} credits; ask for less",
            )
        return price

    def content(self) -> dict[str, Any]:
        """The catalog as plain data, for GET /catalog. Durations are in seconds."""
        return {
            "plans": [_plan_content(plan) for plan in self.plans.values()],
            "packs": [_pack_content(pack) for pack in self.packs.values()],
            "operations": {o.id: {"per": o.per, "credits": o.credits} for o in self.operations.values()},
            "policies": {name: getattr(self.policies, name) for name in Policies.__slots__},
        }

    @cached_property
    def version(self) -> str:
        """Names this content: two catalogs that say the same have the same version."""
        text = json.dumps(self.content(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plan_content(plan: Plan) -> dict[str, Any]:
    return {
        "id": plan.id,
        "name": plan.name,
        "description": plan.description,
        "monthly_credits": plan.monthly_credits,
        "trial_credits": plan.trial_credits,
        "renewal": plan.renewal,
        "grace": int(plan.grace.total_seconds()),
        "late_after": int(plan.late_after.total_seconds()),
        "cap": plan.cap,
        "prices": {interval: price.content() for interval, price in plan.prices.items()},
    }


def _pack_content(pack: Pack) -> dict[str, Any]:
    return {
        "id": pack.id,
        "name": pack.name,
        "description": pack.description,
        "credits": pack.credits,
        "price": pack.price.content(),
    }


def _catalog(table: Table) -> Catalog:
    plans = [_plan(name, plan) for name, plan in table.table("plans").tables()]
    packs = [_pack(name, pack) for name, pack in table.table("packs").tables()]
    operations = _operations(table.table("operations"))
    policies = _policies(table.table("policies"))
    table.finish()
    return Catalog(
        plans={plan.id: plan for plan in sorted(plans, key=lambda p: p.order)},
        packs={pack.id: pack for pack in sorted(packs, key=lambda p: p.order)},
        operations={operation.id: operation for operation in operations},
        policies=policies,
    )


def _plan(name: str, table: Table) -> Plan:
    plan = Plan(
        id=name,
        name=table.text("name", most=100),
        monthly_credits=table.whole("monthly_credits", 0),
        renewal=cast(RenewalPolicy, table.choice("renewal", ("provisional", "paid_with_grace", "strict"))),
        grace=table.duration("grace", DEFAULT_GRACE, SHORTEST_MONTH),
        late_after=table.duration("late_after", DEFAULT_LATE_AFTER, SHORTEST_MONTH),
        cap=table.optional_whole("cap", 0),
        trial_credits=table.optional_whole("trial_credits", 0),
        prices=_prices(table.table("prices")),
        description=table.text("description", ""),
        order=table.whole("order", 0, 0),
    )
    if plan.cap is not None and plan.renewal != "provisional":
        table.problem(
            "cap", f'has no effect with renewal = "{plan.renewal}": a cap bounds provisional periods'
        )
    table.finish()
    return plan


def _prices(table: Table) -> dict[Interval, Price]:
    intervals: tuple[Interval, ...] = ("month", "year")
    prices = {interval: _price(table.table(interval)) for interval in intervals if interval in table.data}
    table.asked.update(dict.fromkeys(intervals))
    table.finish()
    return prices


def _pack(name: str, table: Table) -> Pack:
    pack = Pack(
        id=name,
        name=table.text("name", most=100),
        credits=table.whole("credits", 1),
        price=_price(table.table("price", required=True)),
        description=table.text("description", ""),
        order=table.whole("order", 0, 0),
    )
    table.finish()
    return pack


def _price(table: Table) -> Price:
    price = Price(
        text=table.text("amount"),
        currency=table.text("currency"),
        providers={name: table.text(name) for name in PROVIDERS if name in table.data},
    )
    table.asked.update(dict.fromkeys(PROVIDERS))
    for key, fault in (
        ("amount", price.text and fault_of_amount(price.text, price.currency)),
        ("currency", price.currency and fault_of_currency(price.currency)),
    ):
        if fault:
            table.problem(key, fault)
    table.finish()
    return price


def _operations(table: Table) -> list[Operation]:
    return [_operation(table, name) for name in table.names()]


def _operation(table: Table, name: str) -> Operation:
    value = table.data[name]
    if not isinstance(value, dict):
        if not isinstance(value, int | Fraction):
            table.problem(
                name, f"must be a whole number or {{ per = …, credits = … }}, but is {describe(value)}"
            )
            return Operation(name, 0)
        return Operation(name, table.whole(name, 0))
    if value and not value.keys() & {"per", "credits"}:
        # `image.generate = 4` without quotes is, in TOML, a table `image` with a key `generate`.
        table.problem(name, f'is a table; a name with a dot needs quotes: "{name}.{next(iter(value))}" = …')
        return Operation(name, 0)
    metered = table.table(name)
    operation = Operation(name, credits=metered.whole("credits", 0), per=metered.whole("per", 1))
    metered.finish()
    return operation


def _policies(table: Table) -> Policies:
    policies = Policies(
        upgrade=cast(
            UpgradePolicy, table.choice("upgrade", ("difference", "prorated", "restart", "at_renewal"))
        ),
        downgrade=cast(DowngradePolicy, table.choice("downgrade", ("at_renewal", "restart"))),
        clawback=cast(Clawback, table.choice("clawback", ("forgive", "debt"))),
        reverse_expired=cast(ReverseExpired, table.choice("reverse_expired", ("lapse", "compensate"))),
        low_balance=table.optional_whole("low_balance", 1),
    )
    table.finish()
    return policies
