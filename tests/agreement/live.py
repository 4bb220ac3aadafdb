"""One life on both engines."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from agreement.billing import BilledLife, ToldModel
from agreement.books import faults, of_model, of_purse, tied
from agreement.lives import START, Step
from stories.purse import Engine, Purse


def live(engine: Engine, life: list[Step], purse: Callable[[Engine, datetime], Purse] = Purse) -> Purse:
    """Plays a life on both engines; every answer must be the same, and so must everything in the end. The
    books must be right, too."""
    model, real = ToldModel("somebody", START, actor="somebody"), purse(engine, START)
    expected, got = BilledLife(model), BilledLife(real)
    lived = []
    try:
        for step in life:
            lived.append(f"{expected.now:%Y-%m-%d %H:%M:%S.%f} {step}")
            same(got.play(step), expected.play(step), str(step[0]))
        same(of_purse(real), of_model(model))
        same(faults(real), [], "faults")
        same(*tied(real), "hashes")
    except Exception as wrong:
        raise AssertionError("\n".join([str(wrong), *lived])) from wrong
    return real


def same(got: Any, expected: Any, where: str = "") -> None:
    """Equal, or an error that names the first thing that differs."""
    if got == expected:
        return
    if is_dataclass(got) and type(got) is type(expected):
        got, expected = _fields(got), _fields(expected)
    if isinstance(got, list | tuple) and isinstance(expected, list | tuple) and len(got) == len(expected):
        got, expected = dict(enumerate(got)), dict(enumerate(expected))
    if isinstance(got, dict) and got.keys() == expected.keys():
        for name in expected:
            same(got[name], expected[name], f"{where}.{name}")
    raise AssertionError(f"{where}\n  PostgreSQL: {got}\n  the model:  {expected}")


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}
