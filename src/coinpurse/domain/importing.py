"""What a payment provider lists of those who pay through it, for importing them."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    """A customer of the provider. `test`: of its test mode."""

    customer: str
    test: bool
    name: str | None = None
    email: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A subscription that has not ended. `account` is whose its own metadata say it is."""

    subscription: str
    customer: str
    test: bool
    account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepaid:
    """Money that a customer has with the provider for what is billed later, as far as it is left: in the
    currency's smallest unit."""

    id: str
    customer: str
    test: bool
    amount: int
    currency: str
    starts_at: datetime | None = None
    expires_at: datetime | None = None


class Listing(Protocol):
    """A provider's lists. Each raises ProviderError."""

    def payers(self) -> AsyncIterator[Payer]:
        """All customers."""

    def running(self) -> AsyncIterator[Running]:
        """All subscriptions that have not ended."""

    def prepaid(self) -> AsyncIterator[Prepaid]:
        """All that customers have in advance and that was not taken back."""
