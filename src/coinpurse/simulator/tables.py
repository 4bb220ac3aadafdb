"""Where the simulator keeps its objects, each as the very JSON that the API shows."""

from collections.abc import Iterator
from typing import Any

from coinpurse.simulator.errors import missing

Obj = dict[str, Any]


class Table:
    """Objects of one kind in the order of their making, found by id or by what they belong to."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._rows: dict[str, Obj] = {}
        self._keys: dict[tuple[str, str], dict[str, None]] = {}

    def add(self, obj: Obj, **keys: str | None) -> Obj:
        """Keeps an object. `keys` say what it can be found by (`customer`, `invoice` …)."""
        self._rows[obj["id"]] = obj
        for name, value in keys.items():
            if value is not None:
                self.key(obj, name, value)
        return obj

    def key(self, obj: Obj, name: str, value: str) -> None:
        """Makes an object findable by one thing more."""
        self._keys.setdefault((name, value), {})[obj["id"]] = None

    def get(self, id: str, param: str = "id") -> Obj:
        """The object, or Stripe's error; `param` is the parameter that named it."""
        obj = self._rows.get(id)
        if obj is None:
            raise missing(self.kind.replace("_", " "), id, param)
        return obj

    def peek(self, id: str) -> Obj | None:
        """The object, or None."""
        return self._rows.get(id)

    def drop(self, id: str) -> None:
        """Forgets an object."""
        self._rows.pop(id, None)

    def find(self, **keys: str | None) -> list[Obj]:
        """Those that have all the keys that aren't None, oldest first."""
        sets = [self._keys.get((name, value), {}) for name, value in keys.items() if value is not None]
        if not sets:
            return list(self._rows.values())
        first, *others = sorted(sets, key=len)
        ids = [id for id in first if all(id in other for other in others)]
        return [self._rows[id] for id in ids if id in self._rows]

    def __iter__(self) -> Iterator[Obj]:
        return iter(list(self._rows.values()))

    def __len__(self) -> int:
        return len(self._rows)


class Tables:
    """All tables, by the names that the API has for them."""

    def __init__(self) -> None:
        self.customers = Table("customer")
        self.products = Table("product")
        self.prices = Table("price")
        self.payment_methods = Table("payment_method")
        self.payment_intents = Table("payment_intent")
        self.charges = Table("charge")
        self.refunds = Table("refund")
        self.disputes = Table("dispute")
        self.invoices = Table("invoice")
        self.invoice_items = Table("invoice_item")
        self.invoice_payments = Table("invoice_payment")
        self.subscriptions = Table("subscription")
        self.items = Table("subscription_item")
        self.sessions = Table("checkout_session")
        self.portals = Table("billing_portal_session")
        self.credit_grants = Table("credit_grant")
        self.endpoints = Table("webhook_endpoint")
        self.events = Table("event")

    def anything(self, id: str) -> Obj | None:
        """The object with this id, of whatever kind: for `expand`."""
        for table in vars(self).values():
            if (obj := table.peek(id)) is not None:
                return dict(obj)
        return None
