"""Work for credits: set aside, do the work, then spend; or give back what was set aside, where the work
failed (H1-H3)."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import anyio.to_thread
from PIL import Image, ImageChops

from coinpurse.app import wallets
from coinpurse.app.context import Context, Who
from coinpurse.demo import art
from coinpurse.demo.art import motion
from coinpurse.demo.works import Gallery, Work, png, small
from coinpurse.domain.errors import HoldClosed

IMAGE, UPSCALE, VIDEO, EXPERIMENT = "image.generate", "image.upscale", "video.second", "image.experimental"
SIDE = 768
HOLD_SECONDS = 120
MOST_SECONDS = 6
MOST_PROMPT = 200


@dataclass(frozen=True, slots=True)
class Wish:
    """What a customer asks for. `key` makes it count once, however often the form is sent."""

    operation: str
    prompt: str
    key: str
    seconds: int = 1
    of: str | None = None

    @property
    def quantity(self) -> int:
        """Units of the operation, as the rate card counts them."""
        return self.seconds if self.operation == VIDEO else 1


@dataclass(frozen=True, slots=True)
class Made:
    """The files of a finished work."""

    content: bytes
    thumb: bytes
    suffix: str
    width: int


class WorkFailed(Exception):
    """The work did not succeed; the credits came back. `credits` is how many."""

    def __init__(self, credits: int) -> None:
        super().__init__(f"The work failed and {credits} credits came back.")
        self.credits = credits


async def make(ctx: Context, who: Who, gallery: Gallery, customer: str, wish: Wish) -> Work:
    """Makes what was wished for. Raises InsufficientCredits before anything is done, and WorkFailed after
    the hold was released."""
    if done := gallery.made_for(customer, wish.key):
        return done
    hold = await wallets.hold(
        ctx,
        who,
        customer,
        operation=wish.operation,
        quantity=wish.quantity,
        metadata={"description": describe(wish)},
        expires_in=HOLD_SECONDS,
        key=wish.key,
    )
    work = _planned(gallery, customer, wish, hold.amount)
    try:
        made = await anyio.to_thread.run_sync(WORKSHOP[wish.operation], gallery, work)
    except Exception as error:
        await wallets.release(ctx, who, hold.id)
        gallery.keep(replace(work, credits=0, file=None, thumb=None), None, None)
        raise WorkFailed(hold.amount) from error
    work = replace(work, file=f"{work.id}.{made.suffix}", thumb=f"{work.id}-s.webp", width=made.width)
    # First the picture, then the payment: whoever pays has it, whatever happens in between.
    gallery.keep(work, made.content, made.thumb)
    try:
        await wallets.capture(ctx, who, hold.id)
    except HoldClosed as error:  # the clock was moved on meanwhile, and the hold ran out
        gallery.keep(replace(work, credits=0, file=None, thumb=None), None, None)
        raise WorkFailed(hold.amount) from error
    return work


def describe(wish: Wish) -> str:
    """What the history calls it."""
    names = {IMAGE: "Picture", UPSCALE: "More detail", VIDEO: "Video", EXPERIMENT: "Double exposure"}
    length = f", {wish.seconds} s" if wish.operation == VIDEO else ""
    return f"{names[wish.operation]}: “{wish.prompt[:80]}”{length}"


def _planned(gallery: Gallery, customer: str, wish: Wish, credits: int) -> Work:
    parent = gallery.get(customer, wish.of) if wish.of else None
    return Work(
        id=gallery.new_id(wish.key),
        customer=customer,
        operation=wish.operation,
        prompt=wish.prompt,
        take=parent.take if parent else gallery.takes(customer, wish.prompt),
        credits=credits,
        file=None,
        thumb=None,
        seconds=wish.seconds if wish.operation == VIDEO else None,
        of=wish.of,
    )


def _image(gallery: Gallery, work: Work) -> Made:
    image = art.paint(work.prompt, take=work.take, size=SIDE)
    return Made(png(image), small(image), "png", SIDE)


def _upscale(gallery: Gallery, work: Work) -> Made:
    """The same picture at twice the size, painted anew: the detail is real."""
    image = art.paint(work.prompt, take=work.take, size=SIDE * 2)
    return Made(png(image), small(image), "png", SIDE * 2)


def _video(gallery: Gallery, work: Work) -> Made:
    image = art.paint(work.prompt, take=work.take, size=SIDE)
    moving = motion.animate(image, work.seconds or 1, f"{work.prompt} {work.take}")
    return Made(moving, moving, "webp", motion.SIDE)


def _experiment(gallery: Gallery, work: Work) -> Made:
    """Two pictures in one; every other attempt fails half-way. Which one depends on the prompt and the
    attempt alone."""
    first = art.paint(work.prompt, take=work.take, size=SIDE * 3 // 2)
    if fails(work.prompt, work.take):
        raise RuntimeError("the experiment did not converge")
    second = art.paint(f"{work.prompt} dream", take=work.take + 1000, size=SIDE * 3 // 2)
    both = Image.blend(ImageChops.screen(first, second), ImageChops.multiply(first, second), 0.45)
    image = both.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return Made(png(image), small(image), "png", SIDE)


def fails(prompt: str, take: int) -> bool:
    """Whether the experiment fails: the first attempt at half of all prompts, then in turn."""
    return (hashlib.sha256(prompt.casefold().encode()).digest()[0] + take) % 2 == 0


WORKSHOP: dict[str, Callable[[Gallery, Work], Made]] = {
    IMAGE: _image,
    UPSCALE: _upscale,
    VIDEO: _video,
    EXPERIMENT: _experiment,
}


def read_wish(ctx: Context, gallery: Gallery, customer: str, fields: Any) -> Wish | None:
    """What a form asks for; None where it asks for nothing that can be made."""
    operation, key = str(fields.get("operation") or IMAGE), str(fields.get("key") or "")[:64]
    prompt = " ".join(str(fields.get("idea") or fields.get("prompt") or "").split())[:MOST_PROMPT]
    parent = gallery.get(customer, str(fields.get("of") or ""))
    if operation == UPSCALE:
        prompt = parent.prompt if parent and parent.operation == IMAGE else ""
    if not (prompt and key and operation in WORKSHOP and operation in ctx.catalog.operations):
        return None
    seconds = str(fields.get("seconds") or "3")
    return Wish(
        operation=operation,
        prompt=prompt,
        key=f"studio:{key}",
        seconds=min(max(int(seconds), 1), MOST_SECONDS) if seconds.isdecimal() else 3,
        of=parent.id if parent and operation == UPSCALE else None,
    )
