"""U3: the account as its owner sees it, beside why, and why a renewal has not landed."""

from coinpurse.app.context import Context
from support.conftest import Scene
from support.desk import Hire, address


async def test_u3_the_account_as_its_owner_sees_it(scene: Scene, ctx: Context, hire: Hire) -> None:
    """U3: balance, buckets, status, where the credits come from, the line for a ticket."""
    await scene.begins()
    agent = await hire("viewer")
    page = await agent.open(await address(ctx, "eve"))
    assert "1,000 credits to spend" in page.text
    assert "Monthly 1,000 of 1,000" in page.text
    assert "Starter, paid by the month. Active and paid through" in page.text
    assert "1,000 of 1,000 monthly from the plan starter" in page.text
    assert scene.subscription["id"] in page.text


async def test_u3_never_delivered(scene: Scene, ctx: Context, hire: Hire) -> None:
    """U3: nothing came of a renewal: the one button looks it up at the provider and applies it."""
    await scene.begins()
    await scene.month_over()
    agent = await hire("agent")
    page = await agent.open(await address(ctx, "eve"))
    assert "Never delivered: Stripe has told nothing of this renewal." in page.text
    page = await agent.press(page, "Look it up at Stripe and apply")
    assert "Done: looked it up at the provider." in page.text
    assert "Paid, and the credits are there. Nothing to do." in page.text
