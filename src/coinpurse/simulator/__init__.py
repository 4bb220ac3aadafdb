"""A simulator of Stripe: the API, the hosted pages, the webhooks and the passing of time, for tests and
demonstrations. It imports nothing of Coinpurse's other packages, so that it can't share their mistakes.

    sim = Simulator(seed=1)
    sim.call("POST", "/v1/customers", {"email": "ada@example.com"})
    sim.advance(sim.now + 30 * 86_400)
"""

from coinpurse.simulator.deliveries import Delivery, Faults, sign
from coinpurse.simulator.errors import StripeError
from coinpurse.simulator.simulator import Simulator
from coinpurse.simulator.world import Terms, Truth

__all__ = ["Delivery", "Faults", "Simulator", "StripeError", "Terms", "Truth", "sign"]
