"""Palettes: five colours from deep to light and one accent each, found by the words of a prompt."""

from dataclasses import dataclass
from random import Random

from PIL import Image

RGB = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Palette:
    """`ramp` runs from the deepest colour to the lightest; `accent` stands out against all of them."""

    name: str
    ramp: tuple[RGB, ...]
    accent: RGB
    words: frozenset[str]


def _palette(name: str, colors: str, words: str) -> Palette:
    *ramp, accent = [_rgb(color) for color in colors.split()]
    return Palette(name, tuple(ramp), accent, frozenset(words.split()))


def _rgb(text: str) -> RGB:
    return int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16)


PALETTES = (
    _palette("dusk", "1a1433 4a2a63 9c4a7c e88873 fbd3a2 fff1c9", "dusk evening sunset twilight romantic"),
    _palette("dawn", "20304f 4f6d93 a98fae f2b5a0 fde3c2 ff8f6b", "dawn morning sunrise spring soft quiet"),
    _palette("ocean", "04202e 0b4a5e 16858a 6cc4b0 e4f4dc ffb45c", "ocean sea water lake river wave blue"),
    _palette("forest", "0d1f18 1f4633 4b7a4a a3b76a f0e9bf e2703a", "forest tree green moss jungle garden"),
    _palette("night", "070b1e 14204a 2f3f86 7b7fc4 dcd8f5 ffd97a", "night midnight star stars moon dream"),
    _palette("ember", "1b0a0c 571218 a8281f ee6a2c fbc46a fff3d6", "ember fire lava autumn red warm dragon"),
    _palette(
        "desert", "2e1a1f 7a3b36 c4704d e9b27a f8e6c4 3f9aa3", "desert dune dunes sand canyon gold golden"
    ),
    _palette(
        "orchid", "1d1030 52267a 9a46b4 dd8ad0 fbe0f0 6fe3d0", "orchid violet purple lilac magic lavender"
    ),
    _palette(
        "ice", "0c2140 2b5a8a 6fa5c9 b9dcea f6fbfb e9556b", "ice white snow winter frost arctic cold glacier"
    ),
    _palette("aurora", "04121f 0b3b46 14806a 59d195 d9f7c4 c77dff", "aurora teal northern lights neon alien"),
    _palette("rose", "2a0f1e 6d1f3f b94a63 ee9aa0 fde7e0 2f7f79", "rose pink love blossom flower cherry"),
    _palette("ink", "14161c 343a46 6f7784 b8bcc0 f3efe6 c8452f", "ink zen fog mist rain grey black"),
    _palette(
        "meadow", "16323a 2f6b5e 79a86b e6cf6b fdf6d8 e4574f", "meadow yellow summer field lemon happy sunny"
    ),
    _palette("harbor", "0f1c3f 27477a 5f88a8 d8a27c f7e3c8 d9483b", "harbor harbour city town boat port"),
)


#: Words that name a colour; they win over words that only suggest one.
COLORS = "blue green red gold golden violet purple lilac lavender pink grey black white yellow teal"


def choose(words: list[str], rng: Random) -> Palette:
    """The palette that a word of the prompt asks for (colours first, then the first such word), else one by
    chance."""
    for word in sorted(words, key=lambda w: w not in COLORS.split()):
        asked = [palette for palette in PALETTES if word in palette.words]
        if asked:
            return asked[0]
    return rng.choice(PALETTES)


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """The colour at `share` (0 … 1) of the way from a to b."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def along(ramp: tuple[RGB, ...], share: float) -> RGB:
    """The colour at `share` (0 … 1) of a ramp."""
    place = min(max(share, 0.0), 1.0) * (len(ramp) - 1)
    index = min(int(place), len(ramp) - 2)
    return mix(ramp[index], ramp[index + 1], place - index)


def tint(shades: Image.Image, ramp: tuple[RGB, ...]) -> Image.Image:
    """Colours a grey image by a ramp: black becomes its first colour, white its last."""
    table = [along(ramp, level / 255) for level in range(256)]
    lookup = [color[channel] for channel in range(3) for color in table]
    return Image.merge("RGB", (shades, shades, shades)).point(lookup)
