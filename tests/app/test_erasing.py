"""A person is erased, and the books stay whole."""

import pytest

from app.conftest import WHO, Customer
from coinpurse.app import accounts, checks, events
from coinpurse.domain.errors import AccountNotFound, Conflict

KEPT = """
    SELECT (SELECT count(*) FROM coinpurse.events WHERE account = a.account AND body <> '') AS bodies,
           (SELECT count(*) FROM coinpurse.events WHERE account = a.account) AS events,
           (SELECT count(*) FROM coinpurse.customers WHERE account = a.account) AS customers,
           (SELECT count(*) FROM coinpurse.checkouts WHERE account = a.id AND url IS NOT NULL) AS checkouts
      FROM coinpurse.accounts a WHERE a.id = %s"""


async def test_a_person_is_erased(customer: Customer) -> None:
    """Name, address, metadata, the provider's customer and its words go; balance and ledger stay, and
    who erased them is an act."""
    ctx = customer.ctx
    await accounts.put_account(ctx, WHO, customer.id, name="Ann Other", metadata={"phone": "1"})
    await customer.buy(pack="small")
    before = await customer.balance()
    told = (await ctx.db.rows(KEPT, [customer.id]))[0]
    assert min(told["bodies"], told["customers"], told["checkouts"]) > 0
    erased = await accounts.erase(ctx, WHO, customer.id, reason="They asked for it")
    assert (erased.name, erased.email, erased.metadata) == (None, None, {})
    left = (await ctx.db.rows(KEPT, [customer.id]))[0]
    assert left == {"bodies": 0, "events": told["events"], "customers": 0, "checkouts": 0}
    assert (await customer.balance()).available == before.available > 0
    assert (await checks.verify_account(ctx, WHO, customer.id)).problems == []
    acts = await ctx.db.rows("SELECT actor, reason FROM coinpurse.acts WHERE kind = 'erase'")
    assert acts == [{"actor": WHO.actor, "reason": "They asked for it"}]
    told_of = await ctx.db.rows("SELECT event FROM coinpurse.events WHERE body = '' LIMIT 1")
    with pytest.raises(Conflict, match="erased"):
        await events.retry_event(ctx, WHO, told_of[0]["event"])


async def test_nobody_is_erased_whom_a_provider_still_charges(customer: Customer) -> None:
    """While a subscription runs at a provider nothing is erased: it would go on telling."""
    await customer.subscribed()
    with pytest.raises(Conflict, match="End that first"):
        await accounts.erase(customer.ctx, WHO, customer.id, reason="x")
    assert (await accounts.get_account(customer.ctx, WHO, customer.id)).email is not None
    with pytest.raises(AccountNotFound):
        await accounts.erase(customer.ctx, WHO, "nobody", reason="x")
