"""Whole lives of accounts, told as tables, on the model and on the real engine."""

from pathlib import Path

import pytest

from coinpurse.domain.model import Model
from stories.purse import Engine, Purse
from stories.runner import STORIES, Wrong, play

told = pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)


@told
def test_story_on_the_model(path: Path) -> None:
    """Every line of the story comes true on the model."""
    play(path.read_text("utf-8"), lambda now: Model("somebody", now))


@told
def test_story_on_the_engine(path: Path, engine: Engine) -> None:
    """Every line of the story comes true on PostgreSQL."""
    play(path.read_text("utf-8"), lambda now: Purse(engine, now))


def test_the_books_are_right_after_all_stories(engine: Engine) -> None:
    """L1, L2: nothing that a story did left a fault in the books."""
    assert engine.verify() == []


def test_a_story_that_is_wrong_is_noticed() -> None:
    """A story whose expectation is false fails, and names the line."""
    with pytest.raises(Wrong, match=r"line 2: see addon 4"):
        play("2026-01-01T00:00 topup p 5\nsee addon 4", lambda now: Model("somebody", now))
