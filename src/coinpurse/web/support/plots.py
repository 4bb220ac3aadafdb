"""Plots as plain SVG: shapes with attributes and classes, so that no inline style is needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from coinpurse.app.overview import Day
from coinpurse.web import words

WIDTH, HEIGHT = 960, 240
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 14, 28
KINDS = ("granted", "spent", "expired")


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, and what it stands for in words."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A word beside an axis."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """What a template draws. `line` and `area` are paths."""

    bars: list[Bar]
    line: str
    area: str
    levels: list[Mark]
    days: list[Mark]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    floor: int = HEIGHT - BOTTOM


def moved(days: Sequence[Day]) -> Plot:
    """What was granted, spent and expired, three bars a day."""
    top = _round_up(max((getattr(day, kind) for day in days for kind in KINDS), default=0))
    step = (WIDTH - LEFT - RIGHT) / max(len(days), 1)
    each = step * 0.8 / len(KINDS)
    bars = []
    for n, day in enumerate(days):
        for k, kind in enumerate(KINDS):
            count = max(getattr(day, kind), 0)
            height = _height(count, top)
            x = LEFT + n * step + step * 0.1 + k * each
            label = f"{words.day(day.day)}: {words.number(count)} {kind}"
            bars.append(Bar(kind, _r(x), _r(HEIGHT - BOTTOM - height), _r(each), _r(height), label))
    return Plot([bar for bar in bars if bar.height], "", "", _levels(top), _dates(days, step))


def outstanding(days: Sequence[Day]) -> Plot:
    """What all accounts have, at the end of each day."""
    top = _round_up(max((day.outstanding for day in days), default=0))
    step = (WIDTH - LEFT - RIGHT) / max(len(days), 1)
    points = [
        (_r(LEFT + (n + 0.5) * step), _r(HEIGHT - BOTTOM - _height(day.outstanding, top)))
        for n, day in enumerate(days)
    ]
    line = "M" + " L".join(f"{x} {y}" for x, y in points) if points else ""
    floor = HEIGHT - BOTTOM
    area = f"{line} L{points[-1][0]} {floor} L{points[0][0]} {floor} Z" if points else ""
    return Plot([], line, area, _levels(top), _dates(days, step))


def _height(count: int, top: int) -> float:
    return (HEIGHT - TOP - BOTTOM) * max(count, 0) / top


def _r(value: float) -> float:
    return round(value, 1)


def _round_up(most: int) -> int:
    """The top of an axis: 1, 2 or 5 times a power of ten, at least 10."""
    power = 10
    while True:
        for factor in (1, 2, 5):
            if factor * power >= most:
                return factor * power
        power *= 10


def _levels(top: int) -> list[Mark]:
    marks = []
    for part in (0, top // 2, top):
        marks.append(Mark(LEFT - 8, _r(HEIGHT - BOTTOM - _height(part, top)), words.compact(part)))
    return marks


def _dates(days: Sequence[Day], step: float) -> list[Mark]:
    """Every seventh day, the last one among them."""
    shown = range(len(days) - 1, -1, -7)
    return [Mark(_r(LEFT + (n + 0.5) * step), HEIGHT - 8, _short(days[n].day)) for n in shown]


def _short(day: datetime) -> str:
    return f"{day.day} {day:%b}"
