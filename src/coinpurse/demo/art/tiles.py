"""Tiles: quarter circles, rings and leaves on a grid, like a printed poster."""

from collections.abc import Callable
from random import Random

from PIL import Image, ImageDraw

from coinpurse.demo.art.canvas import grain, pen
from coinpurse.demo.art.colors import RGB, Palette

Tile = Callable[[ImageDraw.ImageDraw, int, RGB, RGB, RGB], None]


def paint(rng: Random, palette: Palette, size: int, words: list[str]) -> Image.Image:
    """A poster of tiles; a few of them four times as large."""
    cells = rng.choice((4, 6, 6, 8))
    side = size * 2 // cells
    image = Image.new("RGB", (side * cells, side * cells), palette.ramp[0])
    for x, y, span in _layout(rng, cells):
        tile = _tile(rng, palette, side * span)
        image.paste(tile, (x * side, y * side))
    return grain(image.resize((size, size), Image.Resampling.LANCZOS), rng, 0.06)


def _layout(rng: Random, cells: int) -> list[tuple[int, int, int]]:
    """Fills the grid with squares of one or two cells."""
    free = {(x, y) for x in range(cells) for y in range(cells)}
    places = []
    for y in range(cells):
        for x in range(cells):
            block = {(x + dx, y + dy) for dx in (0, 1) for dy in (0, 1)}
            span = 2 if block <= free and rng.random() < 0.16 else 1
            if (x, y) in free:
                free -= block if span == 2 else {(x, y)}
                places.append((x, y, span))
    return places


def _tile(rng: Random, palette: Palette, side: int) -> Image.Image:
    colors = [*palette.ramp, palette.accent]
    ground, first, second = rng.sample(colors, 3)
    tile = Image.new("RGB", (side, side), ground)
    rng.choice(TILES)(pen(tile), side, ground, first, second)
    return tile.rotate(90 * rng.randrange(4))


def _quarter(draw: ImageDraw.ImageDraw, side: int, ground: RGB, first: RGB, second: RGB) -> None:
    for share, color in ((1.0, first), (0.66, second), (0.33, ground)):
        r = side * share
        draw.ellipse((-r, -r, r, r), fill=color)


def _sun(draw: ImageDraw.ImageDraw, side: int, ground: RGB, first: RGB, second: RGB) -> None:
    draw.ellipse((side * 0.1, side * 0.1, side * 0.9, side * 0.9), fill=first)
    draw.ellipse((side * 0.32, side * 0.32, side * 0.68, side * 0.68), fill=second)


def _leaf(draw: ImageDraw.ImageDraw, side: int, ground: RGB, first: RGB, second: RGB) -> None:
    draw.rectangle((0, 0, side, side), fill=first)
    draw.ellipse((-side, 0, side, 2 * side), fill=ground)
    draw.pieslice((0, -side, 2 * side, side), 90, 180, fill=first)
    inner = side * 0.12
    draw.ellipse((side / 2 - inner, side / 2 - inner, side / 2 + inner, side / 2 + inner), fill=second)


def _arch(draw: ImageDraw.ImageDraw, side: int, ground: RGB, first: RGB, second: RGB) -> None:
    for share, color in ((1.0, first), (0.72, ground), (0.44, second)):
        r = side / 2 * share
        draw.ellipse((side / 2 - r, side / 2 - r, side / 2 + r, side / 2 + r), fill=color)
        draw.rectangle((side / 2 - r, side / 2, side / 2 + r, side), fill=color)


def _stripes(draw: ImageDraw.ImageDraw, side: int, ground: RGB, first: RGB, second: RGB) -> None:
    for number in range(4):
        top = side * number / 4
        draw.rectangle((0, top, side, top + side / 8), fill=first if number % 2 else second)


def _halves(draw: ImageDraw.ImageDraw, side: int, ground: RGB, first: RGB, second: RGB) -> None:
    draw.pieslice((0, -side / 2, side, side / 2), 0, 180, fill=first)
    draw.pieslice((0, side / 2, side, side * 1.5), 180, 360, fill=second)


TILES: tuple[Tile, ...] = (_quarter, _quarter, _sun, _leaf, _arch, _stripes, _halves)
