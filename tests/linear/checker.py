"""Is there an order? Wing and Gong's search, with Lowe's memory of what was tried: an independent judge of
histories, which knows nothing of Coinpurse but what one account may answer.

A history is linearizable if each operation can be given one instant between its call and its return, so that
the answers are those of one operation after another.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

S = TypeVar("S", bound=Hashable)
#: The state after an operation, or None where the answer can't be given in that state.
Step = Callable[[S, "Operation"], S | None]
FOREVER = float("inf")


@dataclass(frozen=True)
class Operation:
    """Something that was asked from `called` to `returned` (in seconds of one clock), and what was answered.
    Without an answer it may have happened at any time since, or never."""

    called: float
    returned: float
    asked: tuple[Any, ...]
    answered: Any


def linearizable(history: Sequence[Operation], start: S, step: Step[S]) -> bool:
    """Whether there is an order that explains the history."""
    everything = frozenset(range(len(history)))
    must = frozenset(n for n in everything if history[n].answered is not None)
    tried: set[tuple[frozenset[int], S]] = set()
    stack: list[tuple[frozenset[int], S]] = [(frozenset(), start)]
    while stack:
        done, state = stack.pop()
        if must <= done:
            return True
        for n in _possible(history, everything - done):
            after = step(state, history[n])
            if after is not None and (found := (done | {n}, after)) not in tried:
                tried.add(found)
                stack.append(found)
    return False


def _possible(history: Sequence[Operation], left: frozenset[int]) -> Iterator[int]:
    """Those that can come next: nobody else had returned before they were called."""
    first = min((history[n].returned for n in left), default=FOREVER)
    return (n for n in left if history[n].called <= first)


# One account with add-on credits: (available, held, open holds, closed holds)

Purse = tuple[int, int, frozenset[tuple[str, int]], frozenset[str]]


def purse(available: int) -> Purse:
    """A fresh one."""
    return (available, 0, frozenset(), frozenset())


def spend(state: Purse, operation: Operation) -> Purse | None:
    """What the rules of credit allow (S4, H1-H3)."""
    available, held, open_, closed = state
    what, *about = operation.asked
    told = operation.answered
    match what:
        case "read":
            return state if told in (None, (available, held)) else None
        case "charge" | "hold" if about[0] > available:
            return state if told in (None, ("refused", available, held)) else None
        case "charge" | "hold" if told and told[0] != "done":
            return None
        case "charge":
            after = (available - about[0], held, open_, closed)
        case "hold":
            name = told[3] if told else f"unheard {operation.called}"
            after = (available - about[0], held + about[0], open_ | {(name, about[0])}, closed)
        case _:
            return _end(state, what, about[0], told)
    return after if told is None or told[:3] == ("done", after[0], after[1]) else None


def _end(state: Purse, what: str, name: str, told: Any) -> Purse | None:
    available, held, open_, closed = state
    found = [amount for other, amount in open_ if other == name]
    if not found:
        return state if name in closed and told in (None, ("closed",)) else None
    [amount] = found
    back = amount if what == "release" else 0
    after = (available + back, held - amount, open_ - {(name, amount)}, closed | {name})
    return after if told is None or told == ("done", after[0], after[1]) else None
