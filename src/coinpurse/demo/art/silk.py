"""Silk: thousands of threads that follow one smooth wind."""

import math
from random import Random

from PIL import Image

from coinpurse.demo.art.canvas import Point, bloom, glow, grain, pen, vignette
from coinpurse.demo.art.colors import Palette, along, mix

THREADS = 1500
STEPS = 56


def paint(rng: Random, palette: Palette, size: int, words: list[str]) -> Image.Image:
    """Threads in a wind, on a dark ground or on paper."""
    light = palette.name in {"ink", "meadow"} or rng.random() < 0.25
    ground = mix(palette.ramp[-1], (255, 255, 255), 0.25) if light else mix(palette.ramp[0], (0, 0, 0), 0.35)
    fine = size * 3 // 2
    image = Image.new("RGB", (fine, fine), ground)
    if not light:
        image = glow(image, (rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)), 0.9, palette.ramp[1], 0.55)
    _threads(rng, palette, image, light)
    image = image.resize((size, size), Image.Resampling.LANCZOS)
    if not light:
        image = bloom(image, 0.012, 0.45)
    return grain(vignette(image, 0.25 if light else 0.6), rng, 0.03)


class Wind:
    """A smooth field of directions: a few waves, and one or two whirls."""

    def __init__(self, rng: Random) -> None:
        self.lean = rng.uniform(0, math.tau)
        self.waves = [(rng.uniform(1, 5), rng.uniform(1, 5), rng.uniform(0, math.tau)) for _ in range(4)]
        self.whirls = [(rng.random(), rng.random(), rng.choice((-1, 1))) for _ in range(rng.randint(1, 2))]

    def direction(self, x: float, y: float) -> float:
        """The wind's angle at a point."""
        angle = self.lean + 0.55 * sum(math.sin(a * x + b * y + p) for a, b, p in self.waves)
        for wx, wy, turn in self.whirls:
            distance = math.hypot(x - wx, y - wy)
            angle += turn * 2.4 * math.exp(-distance * distance * 9)
        return angle


def _threads(rng: Random, palette: Palette, image: Image.Image, light: bool) -> None:
    wind, draw, fine = Wind(rng), pen(image), image.width
    ramp = palette.ramp[:4] if light else palette.ramp[1:]
    for number in range(THREADS):
        x, y = rng.uniform(-0.1, 1.1), rng.uniform(-0.1, 1.1)
        share = 0.5 + 0.5 * math.sin(3.1 * x + 2.3 * y + wind.lean) + rng.uniform(-0.16, 0.16)
        color = palette.accent if rng.random() < 0.045 else along(ramp, share)
        alpha = round(40 + 170 * number / THREADS)  # what comes later lies on top and is clearer
        line = [(px * fine, py * fine) for px, py in _follow(wind, x, y, rng.randint(STEPS // 3, STEPS))]
        width = max(1, round(fine * rng.choice((0.0008, 0.0012, 0.002, 0.0032))))
        draw.line(line, fill=(*color, alpha), width=width, joint="curve")


def _follow(wind: Wind, x: float, y: float, steps: int) -> list[Point]:
    line = [(x, y)]
    for _ in range(steps):
        angle = wind.direction(x, y)
        x, y = x + 0.0085 * math.cos(angle), y + 0.0085 * math.sin(angle)
        line.append((x, y))
    return line
