"""The library for code that doesn't use asyncio: `from coinpurse.sync import Coinpurse`.

Its calls run on one event loop in a thread of its own, so charges that many threads make at the same time
travel to the database together.
"""

from coinpurse.client.blocking import Coinpurse

__all__ = ["Coinpurse"]
