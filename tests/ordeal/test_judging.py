"""The ordeal's own judgement: its second engine says what the model says, and what can't be is found."""

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from coinpurse.ordeal.account import START, Account, Wrong, differs
from coinpurse.ordeal.customers import Customer, Item
from coinpurse.ordeal.life import Life
from coinpurse.ordeal.purse import Purse
from coinpurse.ordeal.race import _explain, on_their_way
from coinpurse.ordeal.telling import Teller
from coinpurse.ordeal.wire import Answer, Wire

_WHICH = st.integers(0, 5)
_CALLS = st.one_of(
    st.tuples(st.just("charge"), st.integers(0, 400)),
    st.tuples(st.just("hold"), st.integers(1, 300)),
    st.tuples(st.just("capture"), _WHICH, st.none() | st.integers(0, 400), st.booleans()),
    st.tuples(st.just("release"), _WHICH),
    st.tuples(st.just("reverse"), _WHICH, st.none() | st.integers(1, 200)),
    st.tuples(st.just("grant"), st.sampled_from(["addon", "promo", "compensation"]), st.integers(1, 500)),
    st.tuples(st.just("revoke"), _WHICH, st.none() | st.integers(1, 200)),
    st.tuples(st.just("balance")),
)


class Remembering(Life):
    """One that lets go of nothing, as the quick one doesn't while it isn't tidied."""

    def _forget(self) -> None:
        pass


@given(st.lists(_CALLS, min_size=5, max_size=40))
@bounded(max_examples=150, deadline=None)
def test_both_engines_foretell_the_same(calls: list[tuple[Any, ...]]) -> None:
    """The quick one, written for the ordeal, and the model: every member of every answer that the quick one
    foretells."""
    purse, life = Purse("a", "d"), Remembering("a", START)
    for name, *rest in [("grant", "addon", 500), *calls]:
        arguments = _named(name, rest, purse)
        if arguments is None:
            continue
        wanted = getattr(purse, name)(*arguments)
        more = [None] if name == "grant" else []
        status, body = life.do(name, *(_as_model(one) for one in arguments), *more)
        assert differs(_without_account(wanted), status, body) is None


def _named(name: str, rest: list[Any], purse: Purse) -> list[Any] | None:
    """The arguments, with things instead of numbers; None where there is no such thing yet."""
    things: dict[str, list[str]] = {
        "capture": list(purse.holds),
        "release": list(purse.holds),
        "reverse": list(purse.charges),
        "revoke": [f"gr_d_{pot.number}" for pot in purse.pots],
    }
    if name == "hold":
        return [*rest, 604_800]
    if name not in things:
        return rest
    found = things[name]
    return [found[rest[0] % len(found)], *rest[1:]] if found else None


def _as_model(value: Any) -> Any:
    return value.replace("_d_", "_") if isinstance(value, str) else value


def _without_account(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_account(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_without_account(one) for one in value)
    return _as_model(value)


@pytest.fixture
def account() -> Account:
    """One with 100 credits."""
    one = Account("customer-1", False, "seed")
    one.foretell(("grant", "addon", 100))
    return one


def made(account: Account, number: int, amount: int, left: int, **more: Any) -> dict[str, Any]:
    """What a charge of an account whose only grant is its first act answers."""
    taken = [{"grant": f"gr_{account.digest}_1", "kind": "addon", "amount": amount}]
    return {
        "id": f"ch_{account.digest}_{number}",
        "account": account.name,
        "amount": amount,
        "taken": taken,
        "balance": {"sequence": number, "available": left, "held": 0},
        **more,
    }


def test_a_right_answer_is_right(account: Account) -> None:
    """And the account goes on from there."""
    account.judge(("charge", 30), "k1", 201, made(account, 2, 30, 70))
    account.judge(("charge", 70), "k2", 201, made(account, 3, 70, 0))


LIES: dict[str, Callable[[Account], tuple[int, dict[str, Any]]]] = {
    "it was done twice": lambda a: (201, made(a, 3, 30, 40)),
    "it took nothing": lambda a: (201, made(a, 2, 30, 100)),
    "it took from elsewhere": lambda a: (201, {**made(a, 2, 30, 70), "taken": []}),
    "it was refused": lambda a: (402, {"code": "insufficient_credits", "needed": 30, "available": 100}),
    "something happened in between": lambda a: (201, made(a, 3, 30, 70)),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_wrong_answer_is_found(account: Account, lie: str) -> None:
    """Lost, doubled or unexplained: each is called wrong."""
    status, body = LIES[lie](account)
    with pytest.raises(Wrong):
        account.judge(("charge", 30), "k", status, body)


def test_a_top_up_may_have_come_or_not(account: Account) -> None:
    """As long as nobody has seen, both are true; then only one is."""
    account.pending = True
    account.judge(("charge", 30), "k1", 201, made(account, 2, 30, 70))
    assert account.pending
    later = made(account, 4, 10, 560)
    account.judge(("charge", 10), "k2", 201, later)
    assert not account.pending
    with pytest.raises(Wrong):
        account.judge(("charge", 10), "k3", 201, made(account, 6, 10, 1050))


def run(account: Account, key: str, amount: int, status: int, body: dict[str, Any]) -> Any:
    """One call of a race, and its answer."""
    return (("charge", amount), key, Answer(status, False, b"", 1), body)


def test_a_race_is_put_in_order(account: Account) -> None:
    """By the numbers in the answers; a refusal must be right for some moment."""
    refused = {"needed": 60, "available": 40, "held": 0}
    runs = [
        run(account, "k1", 10, 201, made(account, 3, 10, 30)),
        run(account, "k2", 60, 201, made(account, 2, 60, 40)),
        run(account, "k3", 60, 402, refused),
    ]
    _explain(account, runs)
    assert isinstance(account.truth, Purse)
    assert account.truth.available == 30


def test_a_race_without_an_order_is_found(account: Account) -> None:
    """Two charges that both saw the same balance; a gap; a refusal that was never right."""
    both = [
        run(account, "k1", 60, 201, made(account, 2, 60, 40)),
        run(account, "k2", 60, 201, made(account, 3, 60, 40)),
    ]
    gap = [run(account, "k1", 60, 201, made(account, 3, 60, 40))]
    never = [run(account, "k1", 60, 402, {"needed": 60, "available": 50, "held": 0})]
    for runs in (both, gap, never):
        fresh = Account("customer-1", False, "seed")
        fresh.foretell(("grant", "addon", 100))
        with pytest.raises(Wrong):
            _explain(fresh, runs)


def test_only_what_may_still_be_carried_out_is_used_up() -> None:
    """S8: a request that was refused after it had gone unanswered is; one whose twin was made isn't, nor one
    that was refused at the first try."""

    def ended(key: str, status: int, tries: int) -> Any:
        return ("charge", 5), key, Answer(status, False, b"", tries), {}

    runs = [ended("lost", 402, 2), ended("twin", 402, 3), ended("twin", 201, 1), ended("plain", 402, 1)]
    assert on_their_way(runs) == {"lost"}


class Script:
    """Stands where the wire is, and gives answers that were written before."""

    def __init__(self, *answers: list[dict[str, Any]]) -> None:
        self.answers, self.asked = list(answers), list[Any]()

    async def ask(self, method: str, path: str, body: Any) -> Answer:
        self.asked.append(body)
        return Answer(200, False, msgspec.json.encode({"data": self.answers.pop(0)}), 1)


async def test_a_batch_is_asked_again_where_a_part_found_no_database(account: Account) -> None:
    """With the same keys, and what had been made by then comes as a replay: nothing is wrong with that."""
    done = {**made(account, 2, 30, 70), "status": 201, "replayed": False}
    wire = Script([done, {"status": 503}], [{**done, "replayed": True}, {"status": 503}], [done, done])
    customer = Customer(
        [account], cast(Wire, wire), cast(Teller, None), Counter(), lambda _, what: None, "seed"
    )
    bodies, tries = await customer._answers([Item(account), Item(account)])
    assert (bodies, tries) == ([done, done], 3)
    assert wire.asked[0] == wire.asked[1] == wire.asked[2]
