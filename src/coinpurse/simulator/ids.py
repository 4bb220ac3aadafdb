"""Identifiers as Stripe's look, drawn from a seed: one seed and one order of calls give one history."""

from random import Random

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: Two at a time, because a busy simulation spends much of its time here.
_PAIRS = [_DIGITS[n // 64 % 62] + _DIGITS[n % 64 % 62] for n in range(4096)]

_LENGTHS = {"cs_test": 58, "cs_live": 58, "cus": 14, "prod": 14, "si": 14, "evt": 24, "req": 14}


class Ids:
    """Draws identifiers. Nothing in them tells which came first: a program that sorts by id is wrong."""

    def __init__(self, seed: int) -> None:
        self._random = Random(f"ids {seed}")

    def new(self, prefix: str) -> str:
        """`cus_…`, `in_…`: the prefix and as many letters and digits as Stripe's have."""
        return f"{prefix}_{self.letters(_LENGTHS.get(prefix, 24))}"

    def letters(self, count: int) -> str:
        """Random letters and digits."""
        pairs = (count + 1) // 2
        drawn = self._random.getrandbits(12 * pairs)
        return "".join([_PAIRS[drawn >> 12 * i & 4095] for i in range(pairs)])[:count]
