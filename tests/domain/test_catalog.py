"""The catalog file: what it says, and everything that can be wrong with it (P5, S5)."""

import tomllib
from datetime import timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinpurse.domain.catalog import Catalog, Operation
from coinpurse.domain.errors import CatalogError, Invalid
from coinpurse.domain.money import CURRENCIES
from coinpurse.domain.toml_lines import key_lines

DEFAULT = (files("coinpurse") / "default_catalog.toml").read_text("utf-8")
PLAN = '[plans.starter]\nname = "Starter"\nmonthly_credits = 1000\n'
PACK = '[packs.small]\nname = "500 credits"\ncredits = 500\nprice = { amount = "6.00", currency = "usd" }\n'


def problems(text: str) -> list[tuple[int, str, str]]:
    """Every problem of a text: line, where, what."""
    with pytest.raises(CatalogError) as caught:
        Catalog.parse(text)
    return [(p["line"], p["where"], p["detail"]) for p in caught.value.problems]


def test_the_default_catalog_is_valid() -> None:
    """The catalog that comes with the package can be used as it is."""
    catalog = Catalog.parse(DEFAULT)
    starter = catalog.plans["starter"]
    assert (starter.name, starter.monthly_credits, starter.renewal) == ("Starter", 1000, "provisional")
    assert starter.prices["month"].amount == Decimal("12.00")
    assert starter.prices["year"].minor == 12000
    assert catalog.packs["small"].credits == 500
    assert catalog.policies.upgrade == "difference"
    assert catalog.price_of("image.generate") == 4


def test_everything_a_plan_may_say() -> None:
    """All optional settings are read."""
    text = (
        PLAN
        + 'renewal = "provisional"\ngrace = "1d12h"\nlate_after = "90s"\n'
        + "cap = 200\ntrial_credits = 0\norder = 2\n"
    )
    plan = Catalog.parse(
        text + 'description = "For one"\nprices.month = { amount = "0", currency = "jpy", stripe = "p" }'
    ).plans["starter"]
    assert (plan.grace, plan.late_after) == (timedelta(hours=36), timedelta(seconds=90))
    assert (plan.cap, plan.trial_credits, plan.order, plan.description) == (200, 0, 2, "For one")
    assert plan.prices["month"].providers == {"stripe": "p"}


def test_plans_and_packs_stand_in_their_order() -> None:
    """`order` comes before the place in the file."""
    text = "".join(
        PLAN.replace("starter", name) + f"order = {n}\n" for name, n in [("a", 2), ("b", 1), ("c", 2)]
    )
    assert list(Catalog.parse(text).plans) == ["b", "a", "c"]


def test_an_empty_catalog_is_valid() -> None:
    """Whoever sells nothing yet can still grant and charge."""
    assert Catalog.parse("").content()["plans"] == []


@pytest.mark.parametrize(
    ("text", "line", "where", "detail"),
    [
        ("colour = 1", 1, "colour", "not known"),
        ("[plan.starter]\nname = 1", 1, "plan", 'did you mean "plans"'),
        ("[plans.starter]\nmonthly_credits = 1", 1, "plans.starter.name", "missing"),
        ('[plans.starter]\nname = "S"', 1, "plans.starter.monthly_credits", "missing"),
        (PLAN + "\nnam = 'x'", 5, "plans.starter.nam", 'did you mean "name"'),
        (PLAN.replace("1000", "10.0"), 3, "plans.starter.monthly_credits", "whole numbers"),
        (PLAN.replace("1000", "1e3"), 3, "plans.starter.monthly_credits", "whole numbers"),
        (PLAN.replace("1000", "true"), 3, "plans.starter.monthly_credits", "true or false"),
        (PLAN.replace("1000", '"1000"'), 3, "plans.starter.monthly_credits", "is text"),
        (PLAN.replace("1000", "-1"), 3, "plans.starter.monthly_credits", "at least 0"),
        (PLAN.replace("1000", "1" + "0" * 15 + "1"), 3, "plans.starter.monthly_credits", "largest amount"),
        (PLAN.replace("Starter", " "), 2, "plans.starter.name", "empty"),
        (PLAN.replace("Starter", "S" * 101), 2, "plans.starter.name", "101 characters"),
        (PLAN + 'renewal = "strikt"', 4, "plans.starter.renewal", 'did you mean "strict"'),
        (PLAN + 'grace = "28d"', 4, "plans.starter.grace", "shorter than 28 days"),
        (PLAN + 'grace = "672h"', 4, "plans.starter.grace", "shorter than 28 days"),
        (PLAN + 'grace = "0s"', 4, "plans.starter.grace", "longer than 0"),
        (PLAN + 'grace = "a day"', 4, "plans.starter.grace", "not a duration"),
        (PLAN + "late_after = 10", 4, "plans.starter.late_after", "must be text"),
        (PLAN + 'renewal = "strict"\ncap = 5', 5, "plans.starter.cap", "no effect"),
        (
            PLAN + 'prices.week = { amount = "1.00", currency = "usd" }',
            4,
            "plans.starter.prices.week",
            "not known",
        ),
        (PLAN + "prices.month = 12", 4, "plans.starter.prices.month", "must be a table"),
        (PACK.replace('"6.00"', "6.00"), 4, "packs.small.price.amount", "quotes"),
        (PACK.replace("6.00", "6,00"), 4, "packs.small.price.amount", "not an amount"),
        (PACK.replace("6.00", "-6"), 4, "packs.small.price.amount", "not an amount"),
        (PACK.replace("6.00", "6.005"), 4, "packs.small.price.amount", "3 decimals"),
        (PACK.replace("usd", "USD"), 4, "packs.small.price.currency", 'lower case: "usd"'),
        (PACK.replace("usd", "xxx"), 4, "packs.small.price.currency", "not a currency"),
        (
            PACK.replace('currency = "usd"', 'currency = "usd", strip = "x"'),
            4,
            "packs.small.price.strip",
            '"stripe"',
        ),
        (PACK.replace("credits = 500", "credits = 0"), 3, "packs.small.credits", "at least 1"),
        ("[packs]\nsmall = 3", 2, "packs.small", "must be a table"),
        ("packs = 3", 1, "packs", "must be a table"),
        ('[plans."a b"]\nname = "x"\nmonthly_credits = 1', 1, 'plans."a b"', "not a usable name"),
        ('[operations]\n"a.b" = -4', 2, 'operations."a.b"', "at least 0"),
        ("[operations]\nimage.generate = 4", 2, "operations.image", 'quotes: "image.generate"'),
        ("[operations]\na = { per = 0, credits = 3 }", 2, "operations.a.per", "at least 1"),
        ("[operations]\na = { per = 5 }", 2, "operations.a.credits", "missing"),
        ('[operations]\na = "4"', 2, "operations.a", "whole number or"),
        ("[operations]\na = 0.5", 2, "operations.a", "whole numbers"),
        ('[policies]\nupgrade = "full"', 2, "policies.upgrade", "one of difference"),
        ("[policies]\nclawbak = 1", 2, "policies.clawbak", '"clawback"'),
        ("a = 1\nb = ", 2, "", "Invalid value"),
        ("a = 1\na = 2", 2, "", "overwrite"),
        ("a = [", 1, "", "Invalid"),
        ("b = 1\na = " + "9" * 5000, 2, "", "can't be read"),
        ("a = " + "[" * 5000, 1, "", "can't be read"),
    ],
)
def test_each_fault_is_named_with_its_line(text: str, line: int, where: str, detail: str) -> None:
    """A single fault gives a single problem, at its line and place, in words that help."""
    [(at, place, said)] = [p for p in problems(text) if p[1] == where]
    assert (at, place) == (line, where)
    assert detail in said


def test_all_faults_are_reported_at_once() -> None:
    """Every problem is listed, in the order of the lines, and the message names the first."""
    text = PACK.replace("500\n", "-5\n") + '[plans.x]\nname = ""\nmonthly_credits = 1.5\nfoo = 1\n'
    found = problems(text)
    assert [line for line, _, _ in found] == [3, 6, 7, 8]
    with pytest.raises(CatalogError, match=r"Line 3: packs\.small\.credits: .*and 3 more"):
        Catalog.parse(text)


def test_a_wrong_table_is_reported_once() -> None:
    """What is no table is one problem, not one for each key that it would have had."""
    assert len(problems("[packs]\nsmall = 3")) == 1


@pytest.mark.parametrize(
    ("quantity", "price"), [(0, 0), (1, 1), (333, 1), (334, 2), (1000, 3), (1001, 4), (10**9, 3 * 10**6)]
)
def test_s5_metered_prices_round_up_once(quantity: int, price: int) -> None:
    """S5: ⌈quantity × credits ÷ per⌉."""
    assert Catalog.parse(DEFAULT).price_of("text.token", quantity) == price


@given(st.integers(0, 10**15), st.integers(0, 10**6), st.integers(1, 10**6))
def test_s5_a_price_is_the_least_that_covers_the_quantity(quantity: int, credits: int, per: int) -> None:
    """S5: rounded up, exactly, however large."""
    price = Operation("a", credits, per).price(quantity)
    assert (price - 1) * per < quantity * credits <= price * per


@pytest.mark.parametrize("quantity", [-1, 1.0, True, "2", 10**15 + 1, 10**15, None])
def test_s6_impossible_quantities_are_refused(quantity: Any) -> None:
    """S6: refused, with a pointer to the field."""
    with pytest.raises(Invalid) as caught:
        Catalog.parse(DEFAULT).price_of("image.generate", quantity)
    assert caught.value.errors[0]["pointer"] == "/quantity"


def test_an_unknown_operation_is_refused_with_a_hint() -> None:
    """S5: a misspelt operation is told what it may have meant."""
    with pytest.raises(Invalid, match=r'did you mean "image\.generate"'):
        Catalog.parse(DEFAULT).price_of("image.genrate")


def test_p5_a_version_names_the_content() -> None:
    """P5: comments and spaces don't change the version; anything sold does."""
    version = Catalog.parse(DEFAULT).version
    assert Catalog.parse("# a comment\n" + DEFAULT).version == version
    assert Catalog.parse(DEFAULT.replace("= 1000\n", "= 1001\n", 1)).version != version


def test_currencies_are_three_letters() -> None:
    """The list of currencies has no slip in it."""
    assert all(len(code) == 3 and code.isalpha() and code.islower() for code in CURRENCIES)


def test_lines_of_strange_but_valid_toml() -> None:
    """Multi-line texts and lists, quoted and dotted keys, tables in lists: every key is found on its line."""
    text = (
        'a = """\n[x]\nb = 1\n"""\n'  # 1-4
        "c = [\n  1, # ]\n  { d = 2 },\n]\n"  # 5-8
        "'e f' . g = '''\n'''\n"  # 9-10
        '[h."i.j"] # [k]\n'  # 11
        'l = "\\"]#"\r\n'  # 12
        "[[m]]\nn = 1979-05-27\n"  # 13-14
    )
    assert tomllib.loads(text)
    expected = {
        ("a",): 1, ("c",): 5, ("c", "d"): 7, ("e f",): 9, ("e f", "g"): 9, ("h",): 11,
        ("h", "i.j"): 11, ("h", "i.j", "l"): 12, ("m",): 13, ("m", "n"): 14,
    }  # fmt: skip
    assert key_lines(text) == expected


def test_a_low_balance_is_a_whole_number() -> None:
    """E5: the threshold is optional, at least 1, and its fault has a line."""
    assert Catalog.parse(PLAN).policies.low_balance is None
    assert Catalog.parse(PLAN + "[policies]\nlow_balance = 100\n").policies.low_balance == 100
    line = (PLAN + "[policies]\n").count("\n") + 1
    for text, word in [("0", "at least 1"), ('"x"', "whole number"), ("1.5", "whole number")]:
        ((found, where, detail),) = problems(PLAN + f"[policies]\nlow_balance = {text}\n")
        assert (found, where) == (line, "policies.low_balance")
        assert word in detail
