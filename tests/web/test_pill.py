"""The pill as a file: small, safe, readable. How it behaves is shown in a browser, in tests/e2e."""

import gzip
import re
from pathlib import Path

import pytest

import coinpurse.web
from coinpurse.web.rendering import ASSETS

SOURCE = ASSETS.files["credits-pill.js"].content.decode()  # as it is served


def test_size() -> None:
    """It has 4,000 bytes at most when compressed, and loads nothing else."""
    assert len(gzip.compress(SOURCE.encode(), 9)) <= 4_000
    assert not re.search(r"^\s*import\b|\bimport\(", SOURCE, re.MULTILINE)


@pytest.mark.parametrize("name", ["credits-pill.js", "credits-meter.js", "credits-packs.js", "pages.js"])
def test_does_without(name: str) -> None:
    """No markup from strings, and nowhere to keep a token."""
    text = ASSETS.files[name].content.decode()
    words = (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "eval",
        "localStorage",
        "sessionStorage",
        "cookie",
    )
    assert [word for word in words if word in text] == []


def test_comments_stay_here() -> None:
    """What browsers get lacks the comments, and nothing else."""
    for name, asset in ASSETS.files.items():
        lines = (ASSETS.folder / name).read_text("utf-8").splitlines()
        left_out = set(lines) - set(asset.content.decode().splitlines())
        assert [line for line in left_out if not re.match(r" *(/\*|   )", line)] == []


def test_the_token_is_in_no_address() -> None:
    """The token travels in a header only."""
    assert re.findall(r".*\.token\b.*", SOURCE) == [
        line for line in SOURCE.splitlines() if ".token" in line and "Authorization" in line
    ]


@pytest.mark.parametrize("theme", [0, 1])
def test_contrast(theme: int) -> None:
    """Coin, number and notes stand out from the ground by 4.5 : 1 at least, light and dark."""
    colors = dict(re.findall(r"--(\w+):light-dark\(([^)]*)\)", SOURCE))
    shown = {name: both.split(",")[theme] for name, both in colors.items()}
    for name in ("fg", "dim", "coin"):
        assert contrast(shown[name], shown["bg"]) >= 4.5, name


@pytest.mark.parametrize("theme", [0, 1])
def test_contrast_of_the_pages(theme: int) -> None:
    """The pages' colours are readable on their grounds, light and dark."""
    css = (Path(coinpurse.web.__file__).parent / "static" / "base.css").read_text("utf-8")
    themes = [
        dict(re.findall(r"--([\w-]+): (#\w{6})", part)) for part in css.split("prefers-color-scheme")[:2]
    ]
    colors = themes[theme]
    pairs = [("ink", "ground"), ("ink", "card"), ("dim", "ground"), ("dim", "card"), ("dim", "raised")]
    pairs += [
        ("main", "card"),
        ("main", "ground"),
        ("main-ink", "main"),
        ("main", "main-soft"),
        ("bad", "bad-soft"),
    ]
    pairs += [("gold", "gold-soft"), ("warn", "warn-soft"), ("card", "bad")]
    for front, back in pairs:
        assert contrast(colors[front], colors[back]) >= 4.5, (front, back)


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG reckons it."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    """The relative luminance of #rgb or #rrggbb."""
    digits = color.strip().lstrip("#")
    digits = "".join(d * 2 for d in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
