"""Mountains behind mountains, under a sun or a moon; sometimes a lake before them."""

import math
from random import Random

from PIL import Image, ImageChops, ImageFilter

from coinpurse.demo.art.canvas import Point, glow, grain, noise, pen, ridge, stars, vignette, warp
from coinpurse.demo.art.colors import RGB, Palette, along, mix, tint

POINTS = 256


def paint(rng: Random, palette: Palette, size: int, words: list[str]) -> Image.Image:
    """A landscape; a word like "lake" or "sea" puts water before it."""
    night = palette.name in {"night", "aurora"} or bool({"night", "moon", "stars", "star"} & set(words))
    lake = (
        bool({"lake", "sea", "ocean", "water", "river", "reflection", "boat"} & set(words))
        or rng.random() < 0.3
    )
    horizon = rng.uniform(0.52, 0.62)
    sun = (rng.uniform(0.25, 0.75), horizon * rng.uniform(0.35, 0.75))
    image = _sky(rng, palette, size, night)
    image = _clouds(rng, palette, image, night)
    image = _light(rng, palette, image, sun, night)
    image = _mountains(rng, palette, image, horizon, lake)
    if lake:
        image = _water(rng, palette, image, horizon + 0.13)
    return grain(vignette(image, 0.7), rng)


def _sky(rng: Random, palette: Palette, size: int, night: bool) -> Image.Image:
    ramp = palette.ramp[:4] if night else palette.ramp[1:]
    fall = Image.linear_gradient("L").resize((size, size), Image.Resampling.BICUBIC)
    bend = rng.uniform(0.7, 1.1)
    sky = tint(fall.point([round(min(1, level / 150) ** bend * 255) for level in range(256)]), ramp)
    return stars(sky, rng, 260, palette.ramp[-1], 0.6) if night else sky


def _clouds(rng: Random, palette: Palette, image: Image.Image, night: bool) -> Image.Image:
    size = image.width
    layer = noise(rng, size, 3, 5).resize((size, size // 2)).resize((size, size), Image.Resampling.BICUBIC)
    flat = layer.resize((size, size), Image.Resampling.BICUBIC, box=(0, 0, size / 3, size))
    strength = 0.35 if night else rng.uniform(0.4, 0.8)
    mask = flat.point([round(max(0, level - 130) * 2.0 * strength) for level in range(256)])
    fade = (
        Image.linear_gradient("L")
        .resize((size, size))
        .point([max(0, 255 - level * 2) for level in range(256)])
    )
    color = along(palette.ramp, 0.45 if night else 0.92)
    return Image.composite(Image.new("RGB", image.size, color), image, ImageChops.multiply(mask, fade))


def _light(rng: Random, palette: Palette, image: Image.Image, sun: Point, night: bool) -> Image.Image:
    size = image.width
    color = palette.ramp[-1] if night else mix(palette.accent, palette.ramp[-1], 0.45)
    radius = rng.uniform(0.035, 0.05) if night else rng.uniform(0.05, 0.085)
    image = glow(image, sun, 0.62, mix(color, palette.accent, 0.3), 0.6)
    image = glow(image, sun, radius * 3.2, color, 0.75)
    disc = Image.new("L", (size * 2, size * 2), 0)
    x, y, r = sun[0] * size * 2, sun[1] * size * 2, radius * size * 2
    draw = pen(disc)
    draw.ellipse((x - r, y - r, x + r, y + r), fill=255)
    if night and rng.random() < 0.6:
        draw.ellipse((x - r * 0.55, y - r * 1.15, x + r * 1.45, y + r * 0.85), fill=0)
    mask = disc.resize(image.size, Image.Resampling.LANCZOS)
    return Image.composite(Image.new("RGB", image.size, mix(color, (255, 255, 255), 0.35)), image, mask)


def _mountains(rng: Random, palette: Palette, image: Image.Image, horizon: float, lake: bool) -> Image.Image:
    layers = rng.randint(5, 7)
    haze = along(palette.ramp, 0.72)
    for layer in range(layers):
        near = layer / (layers - 1)
        base = horizon + (0.13 if lake else 0.36) * near**1.3
        height = (0.20 - 0.08 * near) * rng.uniform(0.7, 1.25)
        color = mix(mix(haze, palette.ramp[1], 0.25 + 0.75 * near), palette.ramp[0], near**1.4)
        line = ridge(rng, POINTS, rng.uniform(0.46, 0.56) - 0.05 * near)
        image = _layer(image, [base - height * h for h in line], color, mix(color, haze, 0.55 * (1 - near)))
        if near > 0.7 and not lake:
            _trees(rng, image, [base - height * h for h in line], color, near)
    return image


def _layer(image: Image.Image, line: list[float], color: RGB, foot: RGB) -> Image.Image:
    """One range: dark at its crest, hazy at its foot."""
    size, fine = image.width, image.width * 2
    mask = Image.new("L", (fine, fine), 0)
    crest = [(i / POINTS * fine, y * fine) for i, y in enumerate(line)]
    pen(mask).polygon([(0, fine), *crest, (fine, fine)], fill=255)
    top = min(line)
    fall = Image.linear_gradient("L").resize((size, max(2, round(size * 0.34))))
    shade = Image.new("L", image.size, 255)
    shade.paste(fall, (0, round(top * size)))
    pen(shade).rectangle((0, 0, size, round(top * size)), fill=0)
    body = Image.composite(Image.new("RGB", image.size, foot), Image.new("RGB", image.size, color), shade)
    return Image.composite(body, image, mask.resize(image.size, Image.Resampling.LANCZOS))


def _trees(rng: Random, image: Image.Image, line: list[float], color: RGB, near: float) -> None:
    """Firs along a crest, in clumps."""
    size, draw, x = image.width, pen(image), 0.0
    dark = mix(color, (0, 0, 0), 0.25)
    while x < 1:
        x += rng.uniform(0.002, 0.012) if rng.random() < 0.85 else rng.uniform(0.02, 0.12)
        if x >= 1:
            break
        foot = line[int(x * POINTS)] + 0.006
        tall, wide = rng.uniform(0.015, 0.04) * near, rng.uniform(0.004, 0.008)
        for tier in range(3):
            top, low = foot - tall + tall * tier * 0.25, foot - tall * (0.55 - tier * 0.27)
            spread = wide * (0.5 + tier * 0.3)
            points = [(x, top), (x + spread, low), (x - spread, low)]
            draw.polygon([(px * size, py * size) for px, py in points], fill=(*dark, 255))


def _water(rng: Random, palette: Palette, image: Image.Image, shore: float) -> Image.Image:
    """What stands above the shore, mirrored below it, darker and rippled."""
    size = image.width
    edge = round(shore * size)
    above = image.crop((0, max(0, 2 * edge - size), size, edge))
    mirror = Image.new("RGB", image.size, palette.ramp[0])
    mirror.paste(above.transpose(Image.Transpose.FLIP_TOP_BOTTOM), (0, edge))
    phase = rng.uniform(0, math.tau)

    def ripple(x: float, y: float) -> Point:
        depth = max(0.0, y - shore)
        return 0.012 * math.sin(260 * depth / (0.5 + 2.4 * depth) + phase + 3 * x) * min(1, depth * 9), 0.0

    mirror = warp(mirror, ripple, cells=96).filter(ImageFilter.GaussianBlur(size * 0.0012))
    mirror = Image.blend(mirror, Image.new("RGB", image.size, along(palette.ramp, 0.3)), 0.28)
    mask = Image.new("L", image.size, 0)
    pen(mask).rectangle((0, edge, size, size), fill=255)
    return Image.composite(mirror, image, mask.filter(ImageFilter.GaussianBlur(size * 0.0015)))
