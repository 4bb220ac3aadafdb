"""The paint shop: the same words give the same picture, other words another one, at any size."""

import io
import time
from collections import Counter

import pytest
from PIL import Image, ImageChops, ImageStat

from coinpurse.demo import art
from coinpurse.demo.art import colors, motion
from coinpurse.demo.works import png


def difference(one: Image.Image, other: Image.Image) -> float:
    """How far two pictures are apart, on average, from 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


@pytest.mark.parametrize("style", list(art.STYLES))
def test_every_style(style: str) -> None:
    """Each style paints a whole coloured picture that isn't flat, soon."""
    started = time.perf_counter()
    image = art.paint(f"{style} of glass", size=768)
    assert time.perf_counter() - started < 5
    assert (image.mode, image.size) == ("RGB", (768, 768))
    assert sum(ImageStat.Stat(image).stddev) / 3 > 12


@pytest.mark.parametrize("style", list(art.STYLES))
def test_the_same_words_the_same_picture(style: str) -> None:
    """A picture depends on its words and its take alone; spaces and capitals don't matter."""
    once = art.paint(f"{style} by the sea", size=256)
    assert difference(once, art.paint(f"  {style.upper()} by   the sea ", size=256)) == 0
    assert difference(once, art.paint(f"{style} by the sea", take=1, size=256)) > 3


@pytest.mark.parametrize("style", list(art.STYLES))
def test_larger_is_the_same_with_more_detail(style: str) -> None:
    """Painted at twice the size it is the same picture, seen from afar."""
    small, large = (
        art.paint(f"{style} blue", size=size).resize((64, 64), Image.Resampling.BOX) for size in (512, 1024)
    )
    assert difference(small, large) < 10


def test_words_choose_style_and_colours() -> None:
    """What the prompt names is painted, in the colours that it names."""
    reds = ImageStat.Stat(art.paint("a red canyon", size=128)).mean
    blues = ImageStat.Stat(art.paint("a blue canyon", size=128)).mean
    assert reds[0] > reds[2]
    assert blues[2] > blues[0]


def test_prompts_without_hints_are_varied() -> None:
    """Words that mean nothing to the shop still give many palettes and pictures."""
    seen = Counter(ImageStat.Stat(art.paint(f"xyzzy {n}", size=32)).mean[0] // 8 for n in range(30))
    assert len(seen) > 8


def test_a_film_moves_in_a_loop() -> None:
    """A film of two seconds has 24 frames, moves, and its end is close to its beginning."""
    film = Image.open(io.BytesIO(motion.animate(art.paint("moon over the sea", size=256), 2, "seed")))
    assert getattr(film, "n_frames", 1) == 2 * motion.FRAMES_PER_SECOND
    frames = []
    for number in (0, 12, 23):
        film.seek(number)
        frames.append(film.convert("RGB"))
    first, middle, last = frames
    assert difference(first, middle) > difference(first, last)


def test_colours_run_along_a_ramp() -> None:
    """Half-way between two colours lies their mean, and beyond the ends nothing."""
    ramp = ((0, 0, 0), (100, 100, 100), (200, 0, 0))
    assert colors.along(ramp, 0.25) == (50, 50, 50)
    assert colors.along(ramp, -1) == ramp[0]
    assert colors.along(ramp, 2) == ramp[-1]


def test_pictures_are_png_files() -> None:
    """What is kept can be read again, without loss."""
    image = art.paint("lotus", size=64)
    assert difference(Image.open(io.BytesIO(png(image))), image) == 0
