"""Living pictures: a still that breathes, drifts or turns, in a loop without a seam."""

import hashlib
import io
import math
from collections.abc import Callable
from random import Random

from PIL import Image

from coinpurse.demo.art.canvas import Point, warp

FRAMES_PER_SECOND = 12
SIDE = 480

Frame = Callable[[Image.Image, float], Image.Image]


def animate(still: Image.Image, seconds: int, seed: str) -> bytes:
    """An animated WebP of `seconds` seconds, as bytes. The movement is chosen by the seed."""
    rng = Random(hashlib.sha256(seed.encode()).digest())
    move = rng.choice((_breathe, _drift, _sway))(rng)
    still = still.resize((SIDE * 5 // 4, SIDE * 5 // 4), Image.Resampling.LANCZOS)
    count = seconds * FRAMES_PER_SECOND
    first, *others = [_framed(move(still, math.tau * i / count)) for i in range(count)]
    file = io.BytesIO()
    first.save(
        file,
        "WEBP",
        save_all=True,
        append_images=others,
        duration=1000 // FRAMES_PER_SECOND,
        loop=0,
        quality=72,
        method=0,
    )
    return file.getvalue()


def _framed(frame: Image.Image) -> Image.Image:
    """The middle of a frame: movement must not show what lies beyond the edge."""
    edge = (frame.width - SIDE) // 2
    return frame.crop((edge, edge, edge + SIDE, edge + SIDE))


def _breathe(rng: Random) -> Frame:
    """Waves run through the picture, as through water."""
    a, b, strength = rng.uniform(4, 8), rng.uniform(4, 8), rng.uniform(0.008, 0.013)

    def frame(still: Image.Image, turn: float) -> Image.Image:
        def shift(x: float, y: float) -> Point:
            return strength * math.sin(a * y + turn), strength * math.sin(b * x - turn)

        return warp(still, shift, cells=16)

    return frame


def _drift(rng: Random) -> Frame:
    """The camera glides in a slow circle, closer and farther."""
    radius, depth = rng.uniform(0.02, 0.035), rng.uniform(0.03, 0.06)

    def frame(still: Image.Image, turn: float) -> Image.Image:
        size, zoom = still.width, 1 - depth * (1 - math.cos(turn)) / 2
        x, y = size * radius * math.sin(turn), size * radius * (1 - math.cos(turn)) / 2
        margin = size * (1 - zoom) / 2
        box = (zoom, 0, margin + x, 0, zoom, margin + y)
        return still.transform(still.size, Image.Transform.AFFINE, box, Image.Resampling.BICUBIC)

    return frame


def _sway(rng: Random) -> Frame:
    """The picture sways around its centre and leans in."""
    reach, depth = rng.uniform(3, 5), rng.uniform(0.02, 0.05)

    def frame(still: Image.Image, turn: float) -> Image.Image:
        angle, zoom = math.radians(reach * math.sin(turn)), 1 - depth * (1 - math.cos(turn)) / 2
        c, s, middle = zoom * math.cos(angle), zoom * math.sin(angle), still.width / 2
        box = (c, -s, middle - c * middle + s * middle, s, c, middle - s * middle - c * middle)
        return still.transform(still.size, Image.Transform.AFFINE, box, Image.Resampling.BICUBIC)

    return frame
