"""Lists with Stripe's pages, and `expand`."""

from collections.abc import Callable, Iterable
from typing import Any

from coinpurse.simulator.checkouts import line_items
from coinpurse.simulator.errors import invalid
from coinpurse.simulator.invoices import intent_of
from coinpurse.simulator.params import Params
from coinpurse.simulator.shapes.parts import listed
from coinpurse.simulator.tables import Obj, Table
from coinpurse.simulator.world import World, snapshot

_TESTS: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}


def page(p: Params, url: str, rows: Iterable[Obj], table: Table | None = None) -> Obj:
    """One page of rows that come oldest first; the list is newest first."""
    newest = [row for row in reversed(list(rows)) if created_within(p, row)]
    limit = p.number("limit", 1) or 10
    if limit > 100:
        raise invalid("Limit must be between 1 and 100.", "limit")
    after, before = p.text("starting_after"), p.text("ending_before")
    for name in ("starting_after", "ending_before"):
        if table is not None and p.text(name):
            table.get(p.need(name), name)
    if before:
        ids = [row["id"] for row in newest]
        newest = newest[: ids.index(before)] if before in ids else []
        return listed(url, newest[-limit:], len(newest) > limit)
    if after:
        ids = [row["id"] for row in newest]
        newest = newest[ids.index(after) + 1 :] if after in ids else []
    return listed(url, newest[:limit], len(newest) > limit)


def created_within(p: Params, row: Obj) -> bool:
    """Whether a row was made in the span that `created` names."""
    if "created" not in p:
        return True
    if not isinstance(p["created"], dict):
        return bool(row["created"] == p.number("created"))
    below = p.below("created")
    return all(_TESTS[name](row["created"], below.number(name) or 0) for name in below if name in _TESTS)


def expanded(w: World, answer: Obj, wishes: list[Any]) -> Obj:
    """The answer with what `expand` names in full."""
    if not wishes:
        return answer
    copy = snapshot(answer)
    for wish in wishes:
        _expand(w, copy, str(wish).split("."), str(wish))
    return copy


def _expand(w: World, at: Any, path: list[str], wish: str) -> None:
    if isinstance(at, list):
        for each in at:
            _expand(w, each, path, wish)
        return
    if not isinstance(at, dict) or not path:
        return
    name, *rest = path
    if name not in at or (at.get("object") == "charge" and name == "refunds"):
        at[name] = snapshot(_included(w, at, name, wish))
    elif isinstance(at[name], str):
        found = w.tables.anything(at[name])
        at[name] = snapshot(found) if found else at[name]
    elif isinstance(at[name], list) and at[name] and isinstance(at[name][0], str):
        at[name] = [snapshot(w.tables.anything(id) or {"id": id}) for id in at[name]]
    _expand(w, at[name], rest, wish)


def _included(w: World, at: Obj, name: str, wish: str) -> Obj:
    """Lists that Stripe shows only when they are asked for."""
    kind, id = at.get("object"), at.get("id", "")
    t = w.tables
    if (kind, name) == ("invoice", "payments"):
        return listed(f"/v1/invoice_payments?invoice={id}", t.invoice_payments.find(invoice=id))
    if (kind, name) == ("invoice", "confirmation_secret"):
        intent = intent_of(w, t.invoices.get(id))
        return {"client_secret": intent["client_secret"] if intent else None, "type": "payment_intent"}
    if (kind, name) == ("checkout.session", "line_items"):
        return line_items(w, at)
    if (kind, name) == ("charge", "refunds"):
        return listed(f"/v1/charges/{id}/refunds", t.refunds.find(charge=id)[::-1])
    if (kind, name) == ("customer", "subscriptions"):
        alive = [s for s in t.subscriptions.find(customer=id) if s["status"] != "canceled"]
        return listed(f"/v1/customers/{id}/subscriptions", alive[::-1])
    if (kind, name) == ("customer", "tax_ids"):
        return listed(f"/v1/customers/{id}/tax_ids", [])
    raise invalid(f"This property cannot be expanded ({wish}).", "expand", "property_cannot_be_expanded")
