"""Whole lives of accounts, told as tables, on the model."""

from pathlib import Path

import pytest

from coinpurse.domain.model import Model
from stories.runner import STORIES, Wrong, play


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_story_on_the_model(path: Path) -> None:
    """Every line of the story comes true on the model."""
    play(path.read_text("utf-8"), lambda now: Model("somebody", now))


def test_a_story_that_is_wrong_is_noticed() -> None:
    """A story whose expectation is false fails, and names the line."""
    with pytest.raises(Wrong, match=r"line 2: see addon 4"):
        play("2026-01-01T00:00 topup p 5\nsee addon 4", lambda now: Model("somebody", now))
