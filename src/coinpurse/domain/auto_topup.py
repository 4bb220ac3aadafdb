"""Automatic top-up, as it is shown (P4)."""

from dataclasses import dataclass
from typing import Literal

AutoTopupState = Literal["idle", "buying", "stopped"]


@dataclass(frozen=True, slots=True)
class AutoTopup:
    """Below `below` available credits a pack is bought with the card on file, at most `most_per_month` times
    in a calendar month (UTC). `buying`: a purchase is under way. `stopped`: one failed, and `reason` says
    why."""

    account: str
    pack: str
    below: int
    most_per_month: int
    provider: str
    state: AutoTopupState
    reason: str | None
    bought_this_month: int
