"""A hold around a piece of work: captured when the work succeeds, released when it fails (H1-H3)."""

from collections.abc import Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from coinpurse.client import operations as op
from coinpurse.domain.credits import Hold
from coinpurse.domain.errors import CoinpurseError, HoldClosed

if TYPE_CHECKING:
    from coinpurse.client.local import Local
    from coinpurse.client.remote import Remote


class Holding:
    """What `Coinpurse.hold` returns: `await` it for the Hold, or put the work into `async with` it.

    In the block, capture less yourself if the work came out cheaper: `await purse.capture(hold.id, 3)`.
    """

    def __init__(self, way: "Local | Remote", **fields: Any) -> None:
        self._way = way
        self._fields = fields
        self._hold: Hold | None = None

    def __await__(self) -> Generator[Any, None, Hold]:
        return self.begin().__await__()

    async def __aenter__(self) -> Hold:
        await self.begin()
        return await self.enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.finish(error)

    async def begin(self) -> Hold:
        """Make the hold."""
        self._hold = await self._way.call(op.HOLD, **self._fields)
        return self._hold

    async def enter(self) -> Hold:
        """Make sure that the work can still be paid for: a retried key may name a hold that an earlier try
        gave back, and work under that one would be free. Raises HoldClosed."""
        hold = self._made()
        if hold.replayed:
            hold = await self._way.call(op.GET_HOLD, hold_id=hold.id)
            if hold.status in ("released", "expired"):
                raise HoldClosed(
                    f"The hold of this key was {hold.status} by an earlier try. Hold again, with a new key.",
                    state=hold.status,
                )
        return hold

    async def finish(self, error: BaseException | None) -> None:
        """Capture after success, release after an error. Raises HoldClosed where the hold ran out, or was
        released, while the work went on."""
        if error is None:
            await self._capture()
        else:
            await self._release(error)

    async def _capture(self) -> None:
        try:
            await self._way.call(op.CAPTURE, hold_id=self._made().id)
        except HoldClosed as closed:
            if closed.state != "captured":  # captured in the block, with an amount of its own
                raise

    async def _release(self, error: BaseException) -> None:
        # The work's own error is what the caller must see; a hold that stays open runs out by itself (H3).
        try:
            await self._way.call(op.RELEASE, hold_id=self._made().id)
        except HoldClosed:
            pass
        except CoinpurseError as refusal:
            error.add_note(f"The hold {self._made().id} could not be released: {refusal}")

    def _made(self) -> Hold:
        if self._hold is None:
            raise RuntimeError("The hold has not been made yet: await it first.")
        return self._hold
