"""A simulator in a file is the same simulator."""

from pathlib import Path

import httpx

from coinpurse.simulator import Simulator
from coinpurse.simulator.keeping import Keeping, KeepingCourier, Kept
from coinpurse.simulator.server import create_app

DAY = 86_400


def shop() -> Simulator:
    """A simulator in the middle of everything: a renewal ahead, a debit under way, an open checkout."""
    sim = Simulator(seed=1)
    sim.listen("http://127.0.0.1:9/")
    for id, more in (("price_once", {}), ("price_month", {"recurring": {"interval": "month"}})):
        price = {"id": id, "unit_amount": 600, "currency": "usd", "product_data": {"name": "Credits"}}
        sim.call("POST", "/v1/prices", {**price, **more})
    for price_id, mode, token in (
        ("price_month", "subscription", "pm_card_declinesLater"),
        ("price_once", "payment", "pm_usBankAccount_success"),
        ("price_once", "payment", None),
    ):
        customer = sim.call("POST", "/v1/customers", {"email": "ada@example.com"})
        session = sim.call(
            "POST",
            "/v1/checkout/sessions",
            {
                "mode": mode,
                "customer": customer["id"],
                "line_items": [{"price": price_id, "quantity": 1}],
                "success_url": "http://127.0.0.1:9/",
            },
        )
        if token:
            sim.control("pay_checkout", {"session": session["id"], "token": token})
    return sim


def test_it_goes_on_as_it_would_have(tmp_path: Path) -> None:
    """What was due comes about as if nothing had happened, to the last letter."""
    sim, file = shop(), tmp_path / "folder" / "world"
    Kept(simulator=sim, notes={"a": 1}).keep(file)
    found = Kept.load(file)
    assert found is not None
    assert found.notes == {"a": 1}
    for each in (sim, found.simulator):
        each.advance(each.now + 70 * DAY)
    assert found.simulator.journal() == sim.journal()
    assert [one.body for one in found.simulator.outbox] == [one.body for one in sim.outbox]
    assert file.stat().st_mode & 0o077 == 0


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """No file, a damaged one or a stranger's is no simulator."""
    file = tmp_path / "world"
    assert Kept.load(file) is None
    for content in (b"", b"nonsense", b"\x80\x05]\x94."):
        file.write_bytes(content)
        assert Kept.load(file) is None


async def test_an_answer_is_kept_before_it_is_given(tmp_path: Path) -> None:
    """Whoever was answered finds what was done, also where the program was killed right after."""
    kept, file = Kept(simulator=shop()), tmp_path / "world"
    courier = KeepingCourier(kept, file, "http://127.0.0.1:9/")
    app = Keeping(create_app(kept.simulator, courier=courier), kept, file)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://stripe.test") as client:
        headers = {"Authorization": "Bearer sk_test_1"}
        made = (await client.post("/v1/customers", data={"name": "Ada"}, headers=headers)).json()
    await courier.close()
    found = Kept.load(file)
    assert found is not None
    assert found.simulator.world.tables.customers.get(made["id"])["name"] == "Ada"


async def test_a_delivery_under_way_goes_out_again(tmp_path: Path) -> None:
    """Killed while it was being posted: nobody knows whether it arrived, so it is the first to go out."""
    kept, file = Kept(simulator=shop()), tmp_path / "world"
    first = kept.simulator.world.deliveries.outbox[0]
    kept.under_way = kept.simulator.world.deliveries.outbox.popleft()
    kept.keep(file)
    found = Kept.load(file)
    assert found is not None
    assert found.under_way is None
    assert found.simulator.world.deliveries.outbox[0] == first
