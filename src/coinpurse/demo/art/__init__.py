"""Pictures from words, painted by arithmetic: the same prompt and take give the same picture, at any size."""

import hashlib
import re
from collections.abc import Callable
from random import Random

from PIL import Image

from coinpurse.demo.art import colors, landscape, mandala, nebula, papercut, silk, tiles

Paint = Callable[[Random, colors.Palette, int, list[str]], Image.Image]

STYLES: dict[str, Paint] = {
    "landscape": landscape.paint,
    "mandala": mandala.paint,
    "nebula": nebula.paint,
    "papercut": papercut.paint,
    "silk": silk.paint,
    "tiles": tiles.paint,
}

WORDS: dict[str, str] = {
    "landscape": "landscape mountain mountains hill hills lake valley forest sunset sunrise dawn dusk "
    "horizon alps sea ocean river moon fjord island fog morning evening harbor harbour boat",
    "mandala": "mandala flower flowers rose lotus ornament pattern lace star snowflake kaleidoscope "
    "symmetry jewel sun",
    "nebula": "nebula galaxy space cosmos universe dream smoke clouds aurora magic fire storm planet stars",
    "papercut": "papercut paper map canyon cave desert dunes layers coral topography reef leaves dragon",
    "silk": "silk wind hair water wave waves thread flow music dance feather fur river grass whale",
    "tiles": "tiles bauhaus poster geometric geometry city mosaic quilt retro modern abstract squares robot",
}


def paint(prompt: str, *, take: int = 0, size: int = 768) -> Image.Image:
    """Paints a prompt. `take` tells several pictures of one prompt apart; `size` is the side in pixels."""
    words = re.findall(r"[a-z]+", prompt.casefold())
    digest = hashlib.sha256(f"{' '.join(prompt.casefold().split())}\n{take}".encode()).digest()
    rng = Random(digest)
    style = _style(words, rng)
    palette = colors.choose(words, rng)
    return STYLES[style](rng, palette, size, words)


def _style(words: list[str], rng: Random) -> str:
    """The style that the prompt names or hints at (the first such word wins), else one by chance."""
    for word in words:
        asked = [style for style, hints in WORDS.items() if word == style or word in hints.split()]
        if asked:
            return rng.choice(asked)
    return rng.choice(list(STYLES))
