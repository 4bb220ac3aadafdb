"""Nebulae: clouds of light bent by clouds, and stars."""

from random import Random

from PIL import Image, ImageChops

from coinpurse.demo.art.canvas import bloom, glow, grain, noise, stars, swirl, vignette, warp
from coinpurse.demo.art.colors import Palette, mix, tint


def paint(rng: Random, palette: Palette, size: int, words: list[str]) -> Image.Image:
    """Two veils of coloured light over darkness, with stars."""
    deep = (
        mix(palette.ramp[0], (0, 0, 0), 0.5),
        *palette.ramp[:4],
        mix(palette.ramp[3], palette.ramp[4], 0.5),
    )
    image = tint(_veil(rng, size, 3, 0.28), deep)
    second = _veil(rng, size, 2, 0.4).point([round(max(0, level - 110) * 1.3) for level in range(256)])
    tinted = ImageChops.screen(
        image, Image.new("RGB", image.size, mix(palette.accent, palette.ramp[1], 0.35))
    )
    image = Image.composite(tinted, image, second)
    dark = _veil(rng, size, 4, 0.2).point(
        [min(255, 60 + round(max(0, level - 50) * 1.5)) for level in range(256)]
    )
    image = Image.composite(image, Image.new("RGB", image.size, deep[0]), dark)
    image = glow(image, (rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7)), 0.5, palette.ramp[3], 0.6)
    image = _stars(rng, palette, bloom(image, 0.03, 0.5))
    return grain(vignette(image, 0.6), rng, 0.04)


def _veil(rng: Random, size: int, cells: int, strength: float) -> Image.Image:
    """Noise that was bent twice, so that it streams."""
    veil = warp(noise(rng, size, cells, 6), swirl(rng, strength))
    return warp(veil, swirl(rng, strength / 3), cells=40)


def _stars(rng: Random, palette: Palette, image: Image.Image) -> Image.Image:
    image = stars(image, rng, 420, (255, 252, 244))
    for _ in range(rng.randint(3, 6)):
        place = (rng.random(), rng.random())
        image = glow(
            image, place, rng.uniform(0.015, 0.045), mix(palette.ramp[-1], (255, 255, 255), 0.6), 1.0
        )
    return image
