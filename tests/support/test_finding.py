"""U3: finding an account by whatever a ticket names, and the renewal that has not landed."""

from typing import Any

import pytest

from coinpurse.app import accounts, finding, grants, wallets
from coinpurse.app.context import Context, Who
from inbox.post import Post
from support.conftest import Scene
from support.desk import Hire, address
from web.helpers import TESTER

SUPPORT = Who("support")


async def hits(ctx: Context, text: str) -> list[tuple[str, str]]:
    """The accounts that are found, and as what."""
    return [(hit.account, hit.what) for hit in (await finding.find(ctx, SUPPORT, text)).hits]


async def test_u3_found_by_id_email_and_name(ctx: Context) -> None:
    """U3: by the beginning of an id or an address, whatever the case, and by words of the name."""
    await accounts.put_account(ctx, TESTER, "User_42", name="Émile Vañó-Smith", email="Emile@Kreator.test")
    await accounts.put_account(ctx, TESTER, "user_421", name="100% real_name")
    for text in ("User_42", "user_42", "USER_4"):
        assert ("User_42", "account") in await hits(ctx, text)
    assert (await hits(ctx, "User_42"))[0][0] == "User_42", "the exact one first"
    for text in ("emile@kreator.test", "EMILE@", "Émile", "émile smith", "vañó", "smi"):
        assert await hits(ctx, text) == [("User_42", "account")], text
    assert await hits(ctx, "real_name") == [("user_421", "account")]
    for text in ("", "  ", "%", "_", "'", "a' OR 1=1 --", "zzz", "\0", "!!&&||", "x" * 5000):
        assert await hits(ctx, text) == [], text


async def test_u3_found_by_what_providers_call_it(scene: Scene, ctx: Context) -> None:
    """U3: by customer, subscription, invoice, payment and event, of whichever provider."""
    await scene.begins()
    invoice = scene.place.shop.invoices(scene.subscription)[0]
    [paid] = await ctx.db.rows("SELECT reference, invoice, payment FROM coinpurse.payments")
    for text in (scene.subscription["id"], scene.subscription["customer"], invoice["id"], *paid.values()):
        assert [account for account, _ in await hits(ctx, text)] == ["eve"], text
    [told] = await ctx.db.rows("SELECT event FROM coinpurse.events WHERE type = 'invoice.paid'")
    found = await finding.find(ctx, SUPPORT, told["event"])
    assert [event.id for event in found.events] == [told["event"]]


async def test_u3_found_by_our_own_ids(ctx: Context, hire: Hire) -> None:
    """U3: a charge, a hold or a grant leads to its account, which says what it is."""
    made = await grants.grant(ctx, TESTER, "ann", kind="addon", amount=90, reason="Sorry")
    held = await wallets.hold(ctx, TESTER, "ann", amount=20)
    charge = await wallets.charge(ctx, TESTER, "ann", amount=30)
    viewer = await hire("viewer")
    for id, said in (
        (made.id, "gave 90 add-on credits"),
        (held.id, "set 20 credits aside"),
        (charge.id, "is a charge of 30 credits"),
    ):
        page = await viewer.open("/support", q=id)
        assert "As its owner sees it" in page.text
        assert said in page.text
    elsewhere = await viewer.open(await address(ctx, "ann"), about=made.id.replace(made.id[3:11], "0" * 8))
    assert "gave 90" not in elsewhere.text, "a page speaks of its own account's things only"
    nothing = made.id.rpartition("_")[0] + "_99"
    assert "has no" in (await viewer.open("/support", q=nothing)).text


async def test_u3_looks_are_by_index(ctx: Context) -> None:
    """U3: no look for an account reads a whole table."""
    asked: dict[str, Any] = {"text": "abc", "words": "abc:*", "providers": ["stripe"], "limit": 20}
    for query in (finding.BY_TEXT, finding.BY_NAME):
        await ctx.db.rows("SELECT set_config('enable_seqscan', 'off', false) AS done")
        plan = await ctx.db.rows(f"EXPLAIN {query}", asked)
        assert not [row for row in plan if "Seq Scan" in row["QUERY PLAN"]], plan


async def test_u3_failed_here(scene: Scene, ctx: Context, hire: Hire) -> None:
    """U3: the event came and failed: the one button has it tried again."""
    await scene.begins()
    await scene.month_over()
    scene.place.down = True
    await scene.tell("invoice.paid")
    agent = await hire("agent")
    page = await agent.open(await address(ctx, "eve"))
    assert "Delivered, and it failed here: invoice.paid" in page.text
    assert "Look it up at Stripe and apply" not in page.text
    scene.place.down = False
    page = await agent.press(page, "Try the event again")
    assert "Done: had an event tried again." in page.text
    await scene.post.work()
    page = await agent.open(await address(ctx, "eve"))
    assert (
        "It landed at the instant of the renewal" in page.text
        or "Paid, and the credits are there" in page.text
    )


async def test_u3_waiting_for_payment(scene: Scene, ctx: Context, hire: Hire) -> None:
    """U3: the provider could not collect: there is nothing for support to do."""
    await scene.begins(card="pm_card_declinesLater")
    await scene.month_over()
    await scene.tell()
    agent = await hire("agent")
    page = await agent.open(await address(ctx, "eve"))
    assert "Stripe could not collect the payment: it waits for the customer" in page.text
    assert not [form for form in page.forms if "apply" in form.text or "Try the event" in form.text]


async def test_u3_told_but_not_of_the_payment(scene: Scene, ctx: Context, hire: Hire) -> None:
    """U3: the draft was told, the payment wasn't: looking it up applies it."""
    await scene.begins()
    await scene.month_over()
    await scene.tell("invoice.created")
    agent = await hire("agent")
    page = await agent.open("/support/renewals", state="late", test="1")
    assert "Stripe has told of this renewal, and not that it is paid" in page.text
    page = await agent.press(page, "Look it up at Stripe and apply")
    assert "Paid, and the credits are there" in page.text


async def test_u3_asked_and_not_paid(scene: Scene, ctx: Context, hire: Hire) -> None:
    """U3: once the provider was asked and has no payment, that is what is said."""
    await scene.begins(card="pm_card_declinesLater")
    await scene.month_over()
    await ctx.db.rows(
        'UPDATE coinpurse.standings SET standing = standing || \'{"state": "active"}\' RETURNING 1 AS one'
    )
    agent = await hire("agent")
    page = await agent.open(await address(ctx, "eve"))
    assert "Never delivered" in page.text
    page = await agent.press(page, "Look it up at Stripe and apply")
    assert "could not collect" in page.text or "was asked, and has no payment for it" in page.text


async def test_u3_ignored_with_its_reason(ctx: Context, post: Post, hire: Hire) -> None:
    """U3: what was left aside says why, and can be tried again."""
    await post.tell("msg_1", "nonsense.happened", account="ann")
    await post.work()
    agent = await hire("agent")
    page = await agent.open("/support/events?status=ignored&test=1")
    assert "is no type of event that moves credits" in page.text
    page = await agent.press(page, "Try the event again")
    assert "is worked on again" in page.text


@pytest.mark.parametrize("id", ["a/b", "a b", "~%+?#", "x" * 255])
async def test_u3_events_with_odd_ids(post: Post, hire: Hire, id: str) -> None:
    """U3: senders choose their ids: every one has a page, and can be tried again."""
    await post.tell(id, "topup.paid", purchase="b", pack="small", account="nobody")
    await post.work()
    agent = await hire("agent")
    page = await agent.open("/support/event", provider="standard", id=id)
    assert "There is no account" in page.text
    assert "is worked on again" in (await agent.press(page, "Try the event again")).text


async def test_u3_the_five_answers(scene: Scene, ctx: Context, hire: Hire) -> None:
    """U3: each follow-up question of the help center is answered with the account's own numbers and dates."""
    await scene.begins()
    await wallets.charge(ctx, TESTER, "eve", amount=600)
    await grants.grant(ctx, TESTER, "eve", kind="addon", amount=250, reason="Bought elsewhere")
    await scene.month_over()
    await scene.tell()
    await wallets.charge(ctx, TESTER, "eve", amount=44)
    page = await (await hire("viewer")).open(await address(ctx, "eve"))
    for said in (
        "It landed at the instant of the renewal",
        "Monthly went from 400 to 1,000; add-on stayed at 250.",
        "So the total went from 650 to 1,250: by 600, which is what monthly moved.",
        "956 of 1,000 are unused and can be used until",
        "Until then everything stays, the 956 monthly credits included.",
        "The 250 add-on credits stay.",
        "This account has no annual plan.",
    ):
        assert said in page.text, said


async def test_u3_the_annual_answer(scene: Scene, ctx: Context, hire: Hire) -> None:
    """U3: how far a year is paid, and when its next part comes."""
    await scene.begins(price="price_starter_year")
    page = await (await hire("viewer")).open(await address(ctx, "eve"))
    assert "11 more parts are paid for" in page.text
