"""What the tests of the providers share."""

from collections.abc import AsyncIterator, Iterator

import pytest

from coinpurse.providers.stripe import Stripe
from providers.stripe_objects import CATALOG
from providers.stripe_server import Stage, running


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A server in Stripe's place."""
    with running() as stage:
        yield stage


@pytest.fixture
async def asking(stage: Stage) -> AsyncIterator[Stripe]:
    """A provider that asks that server."""
    provider = Stripe(
        CATALOG, secrets=["whsec_x"], api_key="sk_test_1", api_base=f"{stage.url}/", finalize=True
    )
    yield provider
    await provider.close()
