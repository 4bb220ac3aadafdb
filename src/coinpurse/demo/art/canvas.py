"""What every style paints with: noise, light, grain, warping. All sizes are shares of the canvas, so that a
picture painted larger is the same picture with more detail."""

import math
from collections.abc import Callable
from itertools import pairwise
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from coinpurse.demo.art.colors import RGB

Box = tuple[int, int, int, int]
Point = tuple[float, float]


def noise(rng: Random, size: int, cells: int, octaves: int = 5) -> Image.Image:
    """Soft fractal noise: `cells` hills across, each octave twice as fine and half as strong."""
    total: Image.Image | None = None
    for octave in range(octaves):
        layer = _hills(rng, size, cells * 2**octave)
        total = layer if total is None else Image.blend(total, layer, 0.5**octave / (2 - 0.5**octave))
    assert total is not None
    return stretch(total)


def _hills(rng: Random, size: int, cells: int) -> Image.Image:
    side = cells + 4  # a margin of two, so that the curve is smooth up to the edge
    lattice = Image.frombytes("L", (side, side), rng.randbytes(side * side))
    return lattice.resize((size, size), Image.Resampling.BICUBIC, box=(2, 2, cells + 2, cells + 2))


def stretch(shades: Image.Image) -> Image.Image:
    """Spreads the shades over the whole range from black to white."""
    low, high = _extrema(shades)
    span = max(1, high - low)
    return shades.point([min(255, max(0, round((level - low) * 255 / span))) for level in range(256)])


def _extrema(shades: Image.Image) -> tuple[int, int]:
    """The 1st and 99th percentile: single bright pixels must not decide."""
    histogram = shades.histogram()
    total, seen, low, high = sum(histogram), 0, 0, 255
    for level, count in enumerate(histogram):
        before, seen = seen, seen + count
        if before < total * 0.01 <= seen:
            low = level
        if before < total * 0.99 <= seen:
            high = level
    return low, high


def warp(image: Image.Image, shift: Callable[[float, float], Point], cells: int = 24) -> Image.Image:
    """Bends an image: each point (x, y) shows what stood at (x, y) + shift(x, y); all in shares of the
    canvas."""
    size = image.width
    knots = sorted({round(size * i / cells) for i in range(cells + 1)})
    bent = {(x, y): _bent(x, y, shift, size) for x in knots for y in knots}
    mesh = []
    for left, right in pairwise(knots):
        for top, bottom in pairwise(knots):
            corners = bent[left, top] + bent[left, bottom] + bent[right, bottom] + bent[right, top]
            mesh.append(((left, top, right, bottom), corners))
    return image.transform(image.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)


def _bent(x: int, y: int, shift: Callable[[float, float], Point], size: int) -> Point:
    dx, dy = shift(x / size, y / size)
    return min(max(x + dx * size, 0.0), size - 1.0), min(max(y + dy * size, 0.0), size - 1.0)


def swirl(rng: Random, strength: float) -> Callable[[float, float], Point]:
    """A smooth random displacement, for `warp`."""
    waves = [
        (rng.uniform(2, 9), rng.uniform(2, 9), rng.uniform(0, math.tau), rng.uniform(0, math.tau))
        for _ in range(4)
    ]

    def shift(x: float, y: float) -> Point:
        dx = sum(math.sin(a * y + b * x * 0.6 + p) for a, b, p, _ in waves)
        dy = sum(math.cos(a * x - b * y * 0.6 + q) for a, b, _, q in waves)
        return dx * strength / 4, dy * strength / 4

    return shift


def glow(image: Image.Image, center: Point, radius: float, color: RGB, strength: float = 1.0) -> Image.Image:
    """Adds a soft light. `center` and `radius` are shares of the canvas."""
    # Pillow's radial gradient reaches 180 at the middle of its sides and 255 in its corners.
    size = image.width
    side = max(2, round(radius * size * 2))
    fall = Image.radial_gradient("L").point(
        [round(max(0, 180 - v) ** 2 / 127 * strength) for v in range(256)]
    )
    mask = Image.new("L", image.size, 0)
    mask.paste(
        fall.resize((side, side)), (round(center[0] * size) - side // 2, round(center[1] * size) - side // 2)
    )
    return Image.composite(ImageChops.screen(image, Image.new("RGB", image.size, color)), image, mask)


def stars(image: Image.Image, rng: Random, count: int, color: RGB, lowest: float = 1.0) -> Image.Image:
    """Scatters small stars, down to the height `lowest`."""
    fine = image.width * 2
    mask = Image.new("L", (fine, fine))
    draw = pen(mask)
    for _ in range(count):
        x, y = rng.random() * fine, rng.random() ** (1 if lowest == 1 else 1.6) * lowest * fine
        radius = (0.0005 + rng.random() ** 3 * 0.0016) * fine
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=rng.randint(80, 255))
    mask = mask.resize(image.size, Image.Resampling.LANCZOS)
    return Image.composite(Image.new("RGB", image.size, color), image, mask)


def bloom(image: Image.Image, radius: float, strength: float) -> Image.Image:
    """Lets bright parts shine into their surroundings, as a lens does."""
    size = image.width
    small = image.resize((size // 3, size // 3), Image.Resampling.BOX)
    soft = small.filter(ImageFilter.GaussianBlur(radius * size / 3)).resize(
        image.size, Image.Resampling.BICUBIC
    )
    return Image.blend(image, ImageChops.screen(image, soft), strength)


def vignette(image: Image.Image, strength: float) -> Image.Image:
    """Darkens the corners a little."""
    fall = Image.radial_gradient("L").resize(image.size, Image.Resampling.BICUBIC)
    mask = fall.point([round(max(0, level - 120) * strength) for level in range(256)])
    return Image.composite(Image.new("RGB", image.size, (0, 0, 0)), image, mask)


def grain(image: Image.Image, rng: Random, strength: float = 0.05) -> Image.Image:
    """A little film grain: it also hides the steps of eight-bit gradients."""
    side = 256
    tile = Image.frombytes("L", (side, side), rng.randbytes(side * side))
    sheet = Image.new("L", image.size)
    for x in range(0, image.width, side):
        for y in range(0, image.height, side):
            sheet.paste(tile, (x, y))
    return Image.blend(
        image, ImageChops.soft_light(image, Image.merge("RGB", (sheet, sheet, sheet))), strength * 2
    )


def ridge(rng: Random, points: int, roughness: float) -> list[float]:
    """A mountain line by midpoint displacement: `points` (a power of two) + 1 heights around 0."""
    heights = [0.0] * (points + 1)
    heights[0], heights[-1] = rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5)
    step, swing = points, 1.0
    while step > 1:
        half = step // 2
        for left in range(0, points, step):
            middle = (heights[left] + heights[left + step]) / 2
            heights[left + half] = middle + rng.uniform(-swing, swing) / 2
        step, swing = half, swing * roughness
    return heights


def pen(image: Image.Image) -> ImageDraw.ImageDraw:
    """A pen; on a coloured canvas its colours may be translucent."""
    return ImageDraw.Draw(image, "RGBA" if image.mode == "RGB" else image.mode)
