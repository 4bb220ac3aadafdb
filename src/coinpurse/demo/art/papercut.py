"""Papercut: sheets of coloured paper, each with a hole in it, each casting its shadow on the next."""

from random import Random

from PIL import Image, ImageChops, ImageFilter

from coinpurse.demo.art.canvas import grain, noise, swirl, warp
from coinpurse.demo.art.colors import RGB, Palette, along, mix

MARGIN = 0.03  # shadows reach in from sheets beyond the edge


def paint(rng: Random, palette: Palette, size: int, words: list[str]) -> Image.Image:
    """Seven to ten sheets, deep ones below."""
    margin = round(size * MARGIN)
    heights = _heights(rng, size + 2 * margin)
    ramp = palette.ramp if rng.random() < 0.5 else palette.ramp[::-1]
    sheets, special = rng.randint(7, 10), rng.randint(2, 5)
    image = Image.new("RGB", heights.size, palette.accent if rng.random() < 0.4 else ramp[0])
    for sheet in range(1, sheets):
        share = sheet / (sheets - 1)
        color = palette.accent if sheet == special and rng.random() < 0.5 else along(ramp, share)
        image = _sheet(image, heights, 40 + round(170 * share), mix(color, (255, 255, 255), 0.04))
    return grain(image.crop((margin, margin, margin + size, margin + size)), rng, 0.07)


def _heights(rng: Random, size: int) -> Image.Image:
    """Smooth hills around a hollow, as floats: with only 256 heights the edges of the paper would be
    ragged."""
    hills = warp(noise(rng, 768, rng.choice((2, 2, 3)), 3), swirl(rng, 0.12))
    dip = Image.radial_gradient("L").resize(hills.size, Image.Resampling.BICUBIC)
    hills = Image.blend(hills, dip, rng.uniform(0.3, 0.6)).convert("F")
    return hills.resize((56, 56), Image.Resampling.HAMMING).resize((size, size), Image.Resampling.BICUBIC)


def _sheet(image: Image.Image, heights: Image.Image, level: int, color: RGB) -> Image.Image:
    """Lays a sheet over everything that is higher than `level`, with its shadow and a lit edge."""
    size = image.width
    steep = 120_000 / size  # an edge about one pixel wide
    mask = heights.point(lambda height: height * steep + (128 - level * steep)).convert("L")
    mask = mask.filter(ImageFilter.GaussianBlur(size * 0.0008))
    soft = mask.filter(ImageFilter.GaussianBlur(size * 0.014))
    shadow = ImageChops.offset(soft, round(size * 0.004), round(size * 0.011))
    image = Image.composite(_shaded(image), image, shadow)
    edge = ImageChops.subtract(mask, ImageChops.offset(mask, round(size * 0.002), round(size * 0.003)))
    paper = Image.new("RGB", image.size, color)
    paper = Image.composite(Image.new("RGB", image.size, mix(color, (255, 255, 255), 0.35)), paper, edge)
    return Image.composite(paper, image, mask)


def _shaded(image: Image.Image) -> Image.Image:
    return Image.blend(image, Image.new("RGB", image.size, (0, 0, 0)), 0.55)
