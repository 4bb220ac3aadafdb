"""What the town's app sells: at the provider, and in the catalog."""

from collections.abc import Mapping

from coinpurse.simulator.simulator import Simulator

#: name -> (monthly credits, renewal policy, month's price, year's price) in cents
PLANS = {
    "starter": (1000, "provisional", 1200, 12000),
    "studio": (3000, "provisional", 3000, 30000),
    "patient": (1500, "paid_with_grace", 1500, 15000),
    "strict": (2000, "strict", 2000, 20000),
}
PACKS = {"small": (500, 600), "large": (5000, 4800)}


def sell(simulator: Simulator) -> dict[str, str]:
    """The provider's prices: `plan month` and `pack` to their ids."""
    found = {}
    for plan, (_, _, month, year) in PLANS.items():
        product = simulator.call("POST", "/v1/products", {"name": plan})["id"]
        for interval, amount in (("month", month), ("year", year)):
            price = {
                "product": product,
                "currency": "usd",
                "unit_amount": amount,
                "recurring": {"interval": interval},
            }
            found[f"{plan} {interval}"] = simulator.call("POST", "/v1/prices", price)["id"]
    for pack, (_, amount) in PACKS.items():
        product = simulator.call("POST", "/v1/products", {"name": pack})["id"]
        price = {"product": product, "currency": "usd", "unit_amount": amount}
        found[pack] = simulator.call("POST", "/v1/prices", price)["id"]
    return found


def catalog_text(prices: Mapping[str, str], policies: Mapping[str, str]) -> str:
    """The catalog file."""
    text = "[policies]\n" + "".join(f'{name} = "{value}"\n' for name, value in policies.items())
    for plan, (credits, renewal, month, year) in PLANS.items():
        text += f'[plans.{plan}]\nname = "{plan}"\nmonthly_credits = {credits}\nrenewal = "{renewal}"\n'
        for interval, cents in (("month", month), ("year", year)):
            money = f'amount = "{cents // 100}.{cents % 100:02}", currency = "usd"'
            text += f'prices.{interval} = {{ {money}, stripe = "{prices[f"{plan} {interval}"]}" }}\n'
    for pack, (credits, cents) in PACKS.items():
        money = f'amount = "{cents // 100}.{cents % 100:02}", currency = "usd"'
        text += f'[packs.{pack}]\nname = "{pack}"\ncredits = {credits}\n'
        text += f'price = {{ {money}, stripe = "{prices[pack]}" }}\n'
    return text
