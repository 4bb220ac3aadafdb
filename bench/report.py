"""The table, the bars and the picture."""

import argparse
from collections.abc import Callable
from html import escape
from math import log10

from measure import Contestant

BASE = "by hand, 16"
#: What is promised: who, against whom, and at least how many times as fast on many accounts and on a hot one.
BARS = [
    ("library, batch of 1,000, 4", BASE, 60, 100),
    ("library, batch of 1,000, 4", "bare arrays of 1,000, 4", 0.6, 0.6),
    ("library, 64", BASE, 15, 25),
    ("library, hold + capture, 64", "library, 64", 0.4, 0.4),
    ("HTTP, 64", BASE, 15, 25),
    ("HTTP, balance, 64", "HTTP, an empty answer, 64", 0.5, 0.5),
]


def report(contestants: list[Contestant], options: argparse.Namespace) -> None:
    """Prints what was found."""
    known = {contestant.name: contestant for contestant in contestants}
    for hot in (False, True):
        _table(known, hot, "one hot account" if hot else f"{options.accounts:,} accounts")
    _bars(known)
    if options.plot:
        options.plot.write_text(_picture(contestants), "utf-8")


def _table(known: dict[str, Contestant], hot: bool, title: str) -> None:
    base = known[BASE].rate(hot) if BASE in known else 0.0
    heads = f"{'per second':>12}{'× by hand':>12}{'p50 ms':>10}{'p99 ms':>10}{'Python µs':>12}{'SQL µs':>8}"
    print(f"\n{title:32}{heads}")
    for name, one in known.items():
        times = f"{one.rate(hot) / base:12.1f}" if base else f"{'':12}"
        late = f"{one.latency(hot, 0.5):10.1f}{one.latency(hot, 0.99):10.1f}"
        used = f"{one.used(hot, 0):12,.0f}{one.used(hot, 1):8,.0f}"
        print(f"{name:32}{one.rate(hot):12,.0f}{times}{late}{used}")


def _bars(known: dict[str, Contestant]) -> None:
    print(f"\n{'bar':58}{'many':>8}{'at least':>10}{'hot':>8}{'at least':>10}")
    for name, against, *least in BARS:
        if name in known and against in known:
            ratios = [known[name].rate(hot) / known[against].rate(hot) for hot in (False, True)]
            marks = "".join(f"{ratio:8.2f}{bar:10g}" for ratio, bar in zip(ratios, least, strict=True))
            print(f"{name + ' ÷ ' + against:58}{marks}")
    if BASE in known and "HTTP, 64" in known:
        late = [known["HTTP, 64"].latency(hot, 0.99) / known[BASE].latency(hot, 0.5) for hot in (False, True)]
        print(
            f"{'p99 of HTTP, 64 ÷ p50 of ' + BASE:58}{late[0]:8.2f}{'< 0.5':>10}{late[1]:8.2f}{'< 0.5':>10}"
        )


_LINE, _LEFT, _WIDTH = 22, 230, 900
MANY, HOT = "#64748b", "#d97706"


def _picture(contestants: list[Contestant]) -> str:
    shown = [one for one in contestants if "balance" not in one.name and "empty" not in one.name]
    most = max(one.rate(hot) for one in shown for hot in (False, True))
    x = _scale(most)
    height = 70 + _LINE * len(shown)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" '
        'font-size="12"><rect width="100%" height="100%" fill="#fff"/>',
        _text(_LEFT, 18, "charges per second, logarithmic"),
        _dot(_LEFT + 260, 14, MANY) + _text(_LEFT + 270, 18, "many accounts"),
        _dot(_LEFT + 380, 14, HOT) + _text(_LEFT + 390, 18, "one hot account"),
    ]
    for power in range(2, int(log10(most)) + 2):
        parts.append(f'<path d="M{x(10**power):.0f} 30V{height - 25}" stroke="#ddd"/>')
        parts.append(_text(x(10**power) - 20, height - 8, f"{10**power:,}"))
    for number, one in enumerate(shown):
        parts += _row(one, 48 + _LINE * number, x)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _scale(most: float) -> Callable[[float], float]:
    room = (_WIDTH - _LEFT - 60) / (int(log10(most)) + 1 - 2)
    return lambda rate: _LEFT + max(0.0, log10(rate) - 2) * room


def _row(one: Contestant, y: int, x: Callable[[float], float]) -> list[str]:
    many, hot = x(one.rate(False)), x(one.rate(True))
    ours = one.name.startswith(("library", "HTTP"))
    return [
        _text(10, y + 4, one.name, ' font-weight="bold"' if ours else ""),
        f'<path d="M{many:.0f} {y}H{hot:.0f}" stroke="#bbb" stroke-width="3"/>',
        _dot(many, y, MANY) + _dot(hot, y, HOT),
    ]


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}"{more}>{escape(text)}</text>'


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:.0f}" cy="{y:.0f}" r="5" fill="{colour}"/>'
