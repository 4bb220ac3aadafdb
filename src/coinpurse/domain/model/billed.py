"""The part of the model's face that a payment provider's facts reach."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from coinpurse.domain.facts import ChangePaid, Paid, PaidWith, Purchase, Returned, Standing, Unpaid
from coinpurse.domain.model import paying, provided, returns
from coinpurse.domain.model.lifecycle import advance
from coinpurse.domain.model.state import Act, State, Terms
from coinpurse.domain.ports import NotYet


@dataclass(frozen=True)
class Led:
    """What a fact led to: the acts that it wrote, if any, and why in words. What is `not_yet` is to come
    again."""

    what: Literal["done", "nothing", "not_yet"]
    reason: str
    acts: tuple[Act, ...] = ()


class Billed:
    """An account that the facts of one provider reach. Terms and credits come multiplied by the quantity; the
    policies are the catalog's as it is when the fact comes."""

    state: State
    provider: str

    def standing(self, fact: Standing, terms: Terms, *, upgrade: str = "difference") -> Led:
        """How a subscription stands (B3-B5, B8, B11)."""
        return self._led(lambda: provided.standing(self.state, self.provider, fact, terms, upgrade))

    def paid(self, fact: Paid, terms: Terms, *, upgrade: str = "difference") -> Led:
        """A line was paid (T6, T8, B6, B7)."""
        return self._led(lambda: paying.paid(self.state, self.provider, fact, terms, upgrade))

    def change_paid(self, fact: ChangePaid, *, upgrade: str = "difference") -> Led:
        """The invoice of a change was paid (B5)."""
        return self._led(lambda: provided.change_paid(self.state, fact, upgrade))

    def unpaid(self, fact: Unpaid) -> Led:
        """A payment failed (T7)."""
        return self._led(lambda: provided.unpaid(self.state, fact))

    def purchase(self, fact: Purchase, credits: int) -> Led:
        """A top-up is being bought (P1, P2)."""
        return self._led(lambda: returns.purchase(self.state, self.provider, fact, credits))

    def paid_with(self, fact: PaidWith) -> Led:
        """Which payment paid an invoice."""
        return self._led(lambda: returns.paid_with(self.state, fact))

    def returned(self, fact: Returned, *, clawback: str = "forgive") -> Led:
        """Money went back, or is in dispute (P3, B4)."""
        return self._led(lambda: returns.returned(self.state, fact, clawback))

    def _led(self, do: Callable[[], str]) -> Led:
        advance(self.state)
        before = len(self.state.acts)
        try:
            with _acting(self.state, f"provider:{self.provider}"):
                reason = do()
        except NotYet as missing:
            return Led("not_yet", str(missing))
        advance(self.state)
        acts = tuple(self.state.acts[before:])
        return Led("done" if acts else "nothing", reason, acts)


@contextmanager
def _acting(state: State, actor: str) -> Iterator[None]:
    """Whose acts they are, for a while."""
    usual, state.actor = state.actor, actor
    try:
        yield
    finally:
        state.actor = usual
