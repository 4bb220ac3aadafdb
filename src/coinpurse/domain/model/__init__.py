"""The engine of credit as a pure model: one account in memory, written from the rules and not from the SQL.

It is the second opinion that the real engine is held to; no production code runs on it.
"""

from coinpurse.domain.model.account import Model
from coinpurse.domain.model.billed import Led
from coinpurse.domain.model.state import Terms

__all__ = ["Led", "Model", "Terms"]
