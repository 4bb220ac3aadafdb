"""Mandalas: rings of petals, beads and rays around one centre."""

import math
from collections.abc import Callable
from random import Random

from PIL import Image, ImageDraw

from coinpurse.demo.art.canvas import Point, bloom, glow, grain, pen, vignette
from coinpurse.demo.art.colors import RGB, Palette, along, mix

Ring = Callable[[ImageDraw.ImageDraw, "Band"], None]


class Band:
    """Where one ring lies: between two radii (in pixels), repeated `count` times, in one colour."""

    def __init__(
        self, center: float, inner: float, outer: float, count: int, turn: float, color: RGB
    ) -> None:
        self.center, self.inner, self.outer = center, inner, outer
        self.count, self.turn, self.color = count, turn, color
        self.line = max(1, round(center * 0.0028))

    def at(self, radius: float, angle: float) -> Point:
        """The point at a radius and an angle."""
        return self.center + radius * math.cos(angle), self.center + radius * math.sin(angle)

    def angles(self) -> list[float]:
        """The directions in which the ring's parts stand."""
        return [self.turn + math.tau * i / self.count for i in range(self.count)]


def paint(rng: Random, palette: Palette, size: int, words: list[str]) -> Image.Image:
    """A mandala on a softly lit ground."""
    fine = size * 2
    image = Image.new("RGB", (fine, fine), mix(palette.ramp[0], (0, 0, 0), 0.2))
    image = glow(image, (0.5, 0.5), 0.75, palette.ramp[1], 0.95)
    draw, fold = pen(image), rng.choice((8, 10, 12, 12, 16))
    edges = _edges(rng)
    for index in range(len(edges) - 1, 0, -1):  # from the rim inwards, so that inner petals lie on top
        share = 1 - index / len(edges)
        color = palette.accent if rng.random() < 0.2 else along(palette.ramp[1:], 0.15 + 0.85 * share)
        count = fold * (2 if index > len(edges) // 2 and rng.random() < 0.6 else 1)
        turn = rng.choice((0.0, math.pi / count))
        band = Band(fine / 2, edges[index - 1] * fine, edges[index] * fine, count, turn, color)
        rng.choice(RINGS)(draw, band)
    _heart(draw, palette, fine, edges[0] * fine)
    image = image.resize((size, size), Image.Resampling.LANCZOS)
    return grain(vignette(bloom(image, 0.018, 0.5), 0.5), rng, 0.03)


def _edges(rng: Random) -> list[float]:
    edges, radius = [0.035], 0.035
    while radius < 0.44:
        radius += rng.uniform(0.03, 0.062)
        edges.append(radius)
    return edges


def _petals(draw: ImageDraw.ImageDraw, band: Band) -> None:
    """Pointed leaves, with a lighter vein."""
    start, end = band.inner * 0.72, band.outer * 1.04
    half = math.pi / band.count * 0.98
    for angle in band.angles():
        left = [_petal(band, start, end, angle, half, i / 14) for i in range(15)]
        right = [_petal(band, start, end, angle, -half, i / 14) for i in range(14, -1, -1)]
        draw.polygon(left + right, fill=(*band.color, 150))
        draw.line(
            [*left, *right, left[0]], fill=(*mix(band.color, (255, 255, 255), 0.3), 235), width=band.line
        )
        draw.line(
            [band.at(start, angle), band.at(end * 0.93, angle)], fill=(*band.color, 150), width=band.line
        )


def _petal(band: Band, start: float, end: float, angle: float, half: float, share: float) -> Point:
    bulge = math.sin(math.pi * share**0.8) ** 0.9
    return band.at(start + (end - start) * share, angle + half * bulge * 0.82)


def _beads(draw: ImageDraw.ImageDraw, band: Band) -> None:
    """Round beads on a thread."""
    middle = (band.inner + band.outer) / 2
    _circle(draw, band, middle, 130)
    for number, angle in enumerate(band.angles() + [a + math.pi / band.count for a in band.angles()]):
        x, y = band.at(middle, angle)
        size = (band.outer - band.inner) * (0.34 if number < band.count else 0.14)
        draw.ellipse((x - size, y - size, x + size, y + size), fill=(*band.color, 235))
        size *= 0.5
        draw.ellipse((x - size, y - size, x + size, y + size), fill=(*mix(band.color, (0, 0, 0), 0.45), 255))


def _rays(draw: ImageDraw.ImageDraw, band: Band) -> None:
    """Thin rays in threes, between two circles."""
    _circle(draw, band, band.inner, 200)
    _circle(draw, band, band.outer, 200)
    for angle in band.angles():
        for part in (-1, 0, 1):
            lean = angle + part * math.pi / band.count / 2.2
            reach = band.outer if part == 0 else band.inner + (band.outer - band.inner) * 0.62
            draw.line(
                [band.at(band.inner, angle), band.at(reach, lean)], fill=(*band.color, 220), width=band.line
            )


def _arches(draw: ImageDraw.ImageDraw, band: Band) -> None:
    """Overlapping arches, like scales."""
    half = math.tau / band.count
    for angle in band.angles():
        for depth in (1.0, 0.72, 0.44):
            reach = band.inner + (band.outer - band.inner) * depth
            line = []
            for i in range(17):
                share = i / 8 - 1
                radius = band.inner + (reach - band.inner) * math.sqrt(max(0.0, 1 - share * share))
                line.append(band.at(radius, angle + half * share * 0.5 * depth))
            draw.line(line, fill=(*band.color, 225), width=band.line)


def _lozenges(draw: ImageDraw.ImageDraw, band: Band) -> None:
    """Filled lozenges with a dot between each two."""
    middle = (band.inner + band.outer) / 2
    for angle in band.angles():
        half = math.pi / band.count * 0.62
        points = [(band.inner, 0.0), (middle, half), (band.outer, 0.0), (middle, -half)]
        shape = [band.at(radius, angle + offset) for radius, offset in points]
        draw.polygon(shape, fill=(*band.color, 150))
        draw.line([*shape, shape[0]], fill=(*mix(band.color, (255, 255, 255), 0.35), 255), width=band.line)
        x, y = band.at(middle, angle + math.pi / band.count)
        dot = (band.outer - band.inner) * 0.1
        draw.ellipse((x - dot, y - dot, x + dot, y + dot), fill=(*band.color, 255))


RINGS: tuple[Ring, ...] = (_petals, _petals, _petals, _beads, _rays, _arches, _lozenges)


def _circle(draw: ImageDraw.ImageDraw, band: Band, radius: float, alpha: int) -> None:
    box = (band.center - radius, band.center - radius, band.center + radius, band.center + radius)
    draw.ellipse(box, outline=(*band.color, alpha), width=band.line)


def _heart(draw: ImageDraw.ImageDraw, palette: Palette, fine: int, radius: float) -> None:
    for share, color in (
        (1.0, palette.ramp[-1]),
        (0.78, palette.ramp[0]),
        (0.6, palette.accent),
        (0.25, palette.ramp[-1]),
    ):
        r = radius * share
        draw.ellipse((fine / 2 - r, fine / 2 - r, fine / 2 + r, fine / 2 + r), fill=(*color, 255))
