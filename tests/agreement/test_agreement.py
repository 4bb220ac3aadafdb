"""The model and PostgreSQL were written apart from the same page; here they live the same lives."""

import os
from dataclasses import fields, is_dataclass
from typing import Any

from hypothesis import HealthCheck, given, note, settings

from agreement.books import faults, of_model, of_purse
from agreement.lives import START, Life, Step, lives
from coinpurse.domain.model import Model
from stories.purse import Engine, Purse

SEARCHING = settings(
    deadline=None,
    derandomize=not os.environ.get("COINPURSE_TEST_RANDOM"),
    print_blob=True,
    report_multiple_bugs=False,
    database=None,
    suppress_health_check=list(HealthCheck),
)
#: How many lives: fewer where everybody waits, more where only patient ones do.
FEW, MANY = int(os.environ.get("COINPURSE_TEST_LIVES", "150")), 2000


def live(engine: Engine, life: list[Step]) -> Purse:
    """Plays a life on both engines; every answer must be the same, and so must everything in the end."""
    model, purse = Model("somebody", START, actor="somebody"), Purse(engine, START)
    ours, theirs = Life(model), Life(purse)
    for step in life:
        note(f"{ours.now} {step}")
        same(theirs.play(step), ours.play(step))
    same(of_purse(purse), of_model(model))
    assert faults(purse) == []
    return purse


def same(got: Any, expected: Any, where: str = "") -> None:
    """Equal, or the first thing that differs by its name."""
    if got == expected:
        return
    if is_dataclass(got) and type(got) is type(expected):
        got, expected = vars_of(got), vars_of(expected)
    if isinstance(got, list | tuple) and len(got) == len(expected):
        got, expected = dict(enumerate(got)), dict(enumerate(expected))
    if isinstance(got, dict) and got.keys() == expected.keys():
        for name in expected:
            same(got[name], expected[name], f"{where}.{name}")
    raise AssertionError(f"{where}\n  PostgreSQL: {got}\n  the model:  {expected}")


def vars_of(value: Any) -> dict[str, Any]:
    """The fields of a dataclass and what they are."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


@settings(SEARCHING, max_examples=FEW)
@given(life=lives())
def test_both_engines_agree(engine: Engine, life: list[Step]) -> None:
    """Every answer, act, entry, renewal and past balance is the same on the model and on PostgreSQL."""
    live(engine, life)
