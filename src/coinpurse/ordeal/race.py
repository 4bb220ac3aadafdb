"""Many calls on one account at the same time: whatever the order in which they were carried out, there must
be one. The numbers in the answers say which."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from coinpurse.ordeal.account import Account, Call, Wrong
from coinpurse.ordeal.purse import Purse
from coinpurse.ordeal.wire import Answer, Wire

UseUp = Callable[[Account, str], Awaitable[None]]
Run = tuple[Call, str, Answer, Any]


async def run(account: Account, wire: Wire, tally: Counter[str], use_up: UseUp) -> int:
    """Runs a race, and says how many operations that was. Raises Wrong."""
    starters = _starters(account)
    requests = [(account.request(call), key) for call, key in starters]
    answers = await asyncio.gather(
        *(wire.ask(request.method, request.path, request.body, key=key) for request, key in requests)
    )
    runs = [(c, k, a, account.read(a.body)) for (c, k), a in zip(starters, answers, strict=True)]
    for call, key, answer, body in runs:
        account.remember(call, key, "(at once)", answer.status, body)
        tally[f"{call[0]} at once {'refused' if answer.status >= 400 else 'done'}"] += 1
    _explain(account, runs)
    for key in on_their_way(runs):
        await use_up(account, key)
    return len(runs)


def on_their_way(runs: list[Run]) -> set[str]:
    """The keys of what was refused after it had gone unanswered, and may yet be carried out; not those of
    which a twin was made, for nothing more can come of them."""
    refused = {key for _, key, answer, _ in runs if answer.status >= 400 and answer.tries > 1}
    return refused - {key for _, key, answer, _ in runs if answer.status < 400}


def _starters(account: Account) -> list[tuple[Call, str]]:
    """Charges, holds, captures, grants and reversals; some of them twice with one key."""
    truth, pick = account.truth, account.random.choice
    assert isinstance(truth, Purse)
    most = max(1, truth.available)
    calls: list[Call] = []
    for _ in range(account.random.randint(4, 14)):
        amount = pick([1, 7, 30, most // 3, most // 2, most])
        calls.append(pick([("charge", amount), ("charge", amount), ("hold", max(1, amount), 604_800)]))
    held = [name for name, hold in truth.holds.items() if hold.state == "held"]
    calls += [("capture", name, None, False) for name in held[:2]]
    calls += [("reverse", name, 1) for name in list(truth.charges)[-3:] if truth.charges[name].left]
    calls += [("grant", "addon", account.random.randint(1, 100))] if account.random.random() < 0.5 else []
    starters = [(call, account.key()) for call in calls]
    starters += [one for one in starters if account.random.random() < 0.2]
    account.random.shuffle(starters)
    return starters


def _explain(account: Account, runs: list[Run]) -> None:
    """Plays the calls that were made in their order; each refusal must be right for some moment."""
    truth = account.truth
    assert isinstance(truth, Purse)
    made: dict[int, Run] = {}
    firsts: Counter[str] = Counter()
    for run_ in runs:
        _, key, answer, body = run_
        if answer.status < 400:
            made.setdefault(_number(body), run_)
            firsts[key] += not answer.replayed
    if any(count > 1 for count in firsts.values()):
        raise Wrong(f"several answers to one key say that they are the first: {firsts}")
    moments = [(truth.available, truth.held)]
    before = truth.acts
    for number in sorted(made):
        call, key, answer, body = made[number]
        account.judge(call, key, answer.status, body, "(put in order)")
        moments.append((truth.available, truth.held))
    keys = {key for _, key, _, _ in made.values()}
    if truth.acts - before != len(keys):
        raise Wrong(f"{len(keys)} calls were made, and became {truth.acts - before} acts")
    for call, key, answer, body in runs:
        if answer.status < 400:
            if body != made[_number(body)][3]:
                raise Wrong(f"two answers to key {key} differ: {body} and {made[_number(body)][3]}")
        elif not _refused_rightly(call, answer.status, body, moments):
            raise Wrong(f"{call} was refused: {body}; the account stood at {moments}")


def _number(body: Any) -> int:
    """Of the act that an answer tells of."""
    charge = body.get("charge")
    return int((charge if isinstance(charge, dict) else body)["id"].rpartition("_")[2])


def _refused_rightly(call: Call, status: int, body: Any, moments: list[tuple[int, int]]) -> bool:
    if call[0] not in ("charge", "hold") or status != 402 or body["needed"] != call[1]:
        return False
    return any(moment == (body["available"], body["held"]) and call[1] > moment[0] for moment in moments)
