"""What the catalog sells, found by name; what is not there is refused in words."""

from typing import Any

from coinpurse.app.context import Context
from coinpurse.domain.catalog import PROVIDERS, Pack, Plan
from coinpurse.domain.errors import Invalid
from coinpurse.domain.money import Price

MONTHS = {"month": 1, "year": 12}


def plan_of(ctx: Context, plan: str) -> Plan:
    """A plan of the catalog. Raises Invalid."""
    if plan not in ctx.catalog.plans:
        known = ", ".join(ctx.catalog.plans)
        raise Invalid.at("/plan", f"The catalog has no plan {plan!r}. It has: {known}.")
    return ctx.catalog.plans[plan]


def check_interval(interval: str) -> None:
    """Intervals are month and year. Raises Invalid."""
    if interval not in MONTHS:
        raise Invalid.at("/interval", "It is month or year.")


def terms(plan: Plan, interval: str, quantity: int | None = None) -> dict[str, Any]:
    """A plan's terms as they are kept with what was sold (P5). A provider says how many of it there are."""
    times = 1 if quantity is None else quantity
    return {
        "plan": plan.id,
        "months": MONTHS[interval],
        "allocation": plan.monthly_credits * times,
        "renewal": plan.renewal,
        "grace": f"{int(plan.grace.total_seconds())} seconds",
        "late_after": f"{int(plan.late_after.total_seconds())} seconds",
        "cap": None if plan.cap is None else plan.cap * times,
        "quantity": quantity,
    }


def pack_of(ctx: Context, pack: str) -> Pack:
    """A pack of the catalog. Raises Invalid."""
    if pack not in ctx.catalog.packs:
        known = ", ".join(ctx.catalog.packs)
        raise Invalid.at("/pack", f"The catalog has no pack {pack!r}. It has: {known}.")
    return ctx.catalog.packs[pack]


def price_of(plan: Plan, interval: str) -> Price:
    """What a plan costs by the month or year. Raises Invalid."""
    check_interval(interval)
    price = plan.prices.get("year" if interval == "year" else "month")
    if price is None:
        raise Invalid.at("/interval", f"The plan {plan.id!r} is not sold by the {interval}.")
    return price


def sellers(ctx: Context) -> list[str]:
    """The payment providers that can sell from here, the preferred one first. Without an API key a provider
    only tells."""
    return [name for name in PROVIDERS if name in ctx.providers and ctx.providers[name].can_ask]


def price_at(price: Price, provider: str, line: str, pointer: str) -> str:
    """The price's id at a provider. `line` is where the catalog has the price. Raises Invalid, which says
    what to write there."""
    if provider not in price.providers:
        members = price.content() | {provider: "…"}
        written = ", ".join(f'{name} = "{text}"' for name, text in members.items())
        raise Invalid.at(
            pointer,
            f"This has no price at {provider} yet. Complete its line in the catalog with the id that the "
            f"price has there: {line} = {{ {written} }}",
        )
    return price.providers[provider]


def pack_line(pack: str) -> str:
    """Where the catalog has a pack's price."""
    return f"packs.{pack}.price"


def plan_line(plan: str, interval: str) -> str:
    """Where the catalog has a plan's price."""
    return f"plans.{plan}.prices.{interval}"
