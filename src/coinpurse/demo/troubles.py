"""What can happen at the provider: the acts of the studio's Provider panel, and what it shows."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from coinpurse.app import events, inbox, subscriptions, wallets
from coinpurse.app.events import BillingEvent
from coinpurse.demo.customers import Studio, buy
from coinpurse.demo.provider import STUDIO, Provider
from coinpurse.simulator import cards, returns
from coinpurse.simulator.tables import Obj

#: A message's name and its numbers (notes.py).
Said = tuple[str, tuple[int, ...]]
DECLINED = ("declines", "declines_later")
SHOWN, LOOKED_AT = 5, 40  # billing events; those that move no credits are left out


@dataclass(frozen=True, slots=True)
class TopUp:
    """A customer's latest top-up at the provider. `dispute` is the open one's id."""

    charge: str
    credits: int
    paid_at: datetime
    returned: bool
    dispute: str | None


@dataclass(frozen=True, slots=True)
class Panel:
    """What the panel shows. `debits` are instants at which bank debits arrive; `lost` counts deliveries."""

    card: str | None
    card_works: bool
    losing: bool
    lost: int
    top_up: TopUp | None
    debit: int | None
    debits: list[datetime]
    subscribed: bool
    told: list[BillingEvent]


async def panel(studio: Studio, customer: str) -> Panel:
    """How things stand at the provider."""
    provider, packs = studio.provider, list(studio.ctx.catalog.packs.values())
    method, deliveries = _card(provider, customer), provider.simulator.world.deliveries
    told = await events.billing_events(
        studio.ctx, STUDIO, account=customer, provider="stripe", limit=LOOKED_AT
    )
    return Panel(
        card=method[method["type"]]["last4"] if method else None,
        card_works=method is None or provider.simulator.world.behaviours[method["id"]] not in DECLINED,
        losing=deliveries.faults.drop > 0,
        lost=len(deliveries.dropped),
        top_up=_top_up(studio, customer),
        debit=packs[0].credits if packs else None,
        debits=_debits(provider, customer),
        subscribed=await _subscription(studio, customer) is not None,
        told=[event for event in told.data if event.status != "ignored"][:SHOWN],
    )


def _card(provider: Provider, customer: str) -> Obj | None:
    """What a customer's renewals are charged to."""
    world = provider.simulator.world
    for one in reversed(provider.customers(customer)):
        for subscription in reversed(world.tables.subscriptions.find(customer=one["id"])):
            if method := cards.default_of(world, one["id"], subscription):
                return method
        if method := cards.default_of(world, one["id"]):
            return method
    return None


def set_card(provider: Provider, customer: str, *, works: bool) -> None:
    """Has a customer's card be declined from now on, or work again."""
    method = _card(provider, customer)
    if method and works == (provider.simulator.world.behaviours[method["id"]] in DECLINED):
        behaviour = "pays" if works else "declines"
        provider.control("card", payment_method=method["id"], behaviour=behaviour)


async def pay(studio: Studio, customer: str) -> None:
    """The customer pays what is open on the invoice's page, with a good card."""
    provider = studio.provider
    for one in provider.customers(customer):
        for invoice in provider.simulator.world.tables.invoices.find(customer=one["id"]):
            if invoice["status"] == "open":
                provider.control("pay_invoice", invoice=invoice["id"], token="pm_card_visa")
    await provider.settle(studio.ctx)


def _sessions(provider: Provider, customer: str, status: str) -> list[Obj]:
    """A customer's checkouts of packs, newest first."""
    table = provider.simulator.world.tables.sessions
    found = [each for one in provider.customers(customer) for each in table.find(customer=one["id"])]
    chosen = [s for s in found if s["mode"] == "payment" and s["status"] == "complete"]
    return sorted((s for s in chosen if s["payment_status"] == status), key=lambda s: s["created"])[::-1]


def _top_up(studio: Studio, customer: str) -> TopUp | None:
    tables, packs = studio.provider.simulator.world.tables, studio.ctx.catalog.packs
    for session in _sessions(studio.provider, customer, "paid"):
        pack = packs.get(session["metadata"].get("coinpurse_pack", ""))
        charge = tables.charges.get(tables.payment_intents.get(session["payment_intent"])["latest_charge"])
        disputes = tables.disputes.find(charge=charge["id"])
        return TopUp(
            charge=charge["id"],
            credits=pack.credits if pack else 0,
            paid_at=datetime.fromtimestamp(charge["created"], UTC),
            returned=charge["refunded"] or any(d["status"] == "lost" for d in disputes),
            dispute=next((d["id"] for d in disputes if d["status"] in returns.OPEN), None),
        )
    return None


def _debits(provider: Provider, customer: str) -> list[datetime]:
    """When the bank debits that are under way arrive."""
    world = provider.simulator.world
    intents = [
        world.tables.payment_intents.get(session["payment_intent"])
        for session in _sessions(provider, customer, "unpaid")
    ]
    under_way = [world.tables.charges.get(i["latest_charge"]) for i in intents if i["status"] == "processing"]
    return [datetime.fromtimestamp(one["created"] + world.terms.debit_takes, UTC) for one in under_way]


async def _subscription(studio: Studio, customer: str) -> str | None:
    """A customer's running subscription that was sold at the provider."""
    every = await subscriptions.subscriptions(studio.ctx, STUDIO, customer)
    return next((one.id for one in every if one.status != "ended" and one.provider == "stripe"), None)


async def lose(studio: Studio, customer: str) -> Said:
    """From now on nothing that the provider tells arrives."""
    studio.provider.control("faults", drop="1", lost_are_found="false")
    return "losing", ()


async def find(studio: Studio, customer: str) -> Said:
    """Everything that was lost arrives, and what is told from now on too."""
    studio.provider.control("faults", drop="0")
    found = studio.provider.control("find_lost")["deliveries"]
    await studio.provider.settle(studio.ctx)
    return "found", (found,)


async def look_up(studio: Studio, customer: str) -> Said:
    """Coinpurse asks how the subscription stands, without having been told."""
    id = await _subscription(studio, customer)
    if id is None:
        return "nothing", ()
    found = await inbox.look_up(studio.ctx, STUDIO, id)
    return ("asked", ()) if found.acts else ("known", ())


async def debit(studio: Studio, customer: str) -> Said:
    """A top-up by bank debit, which takes days."""
    packs = list(studio.ctx.catalog.packs.values())
    if not packs:
        return "nothing", ()
    key = f"studio:{secrets.token_hex(8)}"
    await buy(studio, customer, key=key, token="pm_usBankAccount_success", pack=packs[0].id)
    return "debit", (packs[0].credits, studio.provider.simulator.world.terms.debit_takes // 86_400)


async def refund(studio: Studio, customer: str) -> Said:
    """Gives the money of the last top-up back."""
    last = _top_up(studio, customer)
    if last is None or last.returned or last.dispute:
        return "nothing", ()
    return await _about_top_up(studio, customer, "refunded", "refund", charge=last.charge)


async def dispute(studio: Studio, customer: str) -> Said:
    """The customer's bank wants the money of the last top-up back."""
    last = _top_up(studio, customer)
    if last is None or last.returned or last.dispute:
        return "nothing", ()
    return await _about_top_up(studio, customer, "disputed", "dispute", charge=last.charge)


async def win(studio: Studio, customer: str) -> Said:
    """The bank decides for the studio."""
    return await _close(studio, customer, "won")


async def give_in(studio: Studio, customer: str) -> Said:
    """The bank decides for the customer."""
    return await _close(studio, customer, "lost")


async def _close(studio: Studio, customer: str, outcome: str) -> Said:
    last = _top_up(studio, customer)
    if last is None or last.dispute is None:
        return "nothing", ()
    return await _about_top_up(
        studio, customer, outcome, "close_dispute", dispute=last.dispute, outcome=outcome
    )


async def _about_top_up(studio: Studio, customer: str, said: str, act: str, **params: str) -> Said:
    studio.provider.control(act, **params)
    await studio.provider.settle(studio.ctx)
    addon = (await wallets.balance(studio.ctx, STUDIO, customer)).addon
    return said, (addon.available, addon.frozen)


ACTS: dict[str, Callable[[Studio, str], Awaitable[Said]]] = {
    act.__name__: act for act in (lose, find, look_up, debit, refund, dispute, win, give_in)
}
