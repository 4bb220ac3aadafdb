"""Parameters of requests: Stripe's form encoding (`items[0][price]=…`, `expand[]=…`) and typed reading."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from coinpurse.simulator.errors import invalid

_PART = re.compile(r"\[([^\]]*)\]")


def decode(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Nested dicts and lists from flat names."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        head = name.split("[", 1)[0]
        _put(tree, [head, *_PART.findall(name)], value)
    return {name: _listed(value) for name, value in tree.items()}


def _put(tree: dict[str, Any], path: list[str], value: str) -> None:
    for part in path[:-1]:
        part = part or str(len(tree))
        below = tree.setdefault(part, {})
        if not isinstance(below, dict):
            raise invalid(f"Invalid parameter: {path[0]}", path[0])
        tree = below
    tree[path[-1] or str(len(tree))] = value


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [_listed(v) for _, v in sorted(value.items(), key=lambda kv: int(kv[0]))]
    return {key: _listed(v) for key, v in value.items()}


class Params(Mapping[str, Any]):
    """The parameters of a request, from a form (all text) or from Python (numbers and flags as they are)."""

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self._values = values
        self._path = path

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def called(self, name: str) -> str:
        """The parameter's full name, for messages."""
        return f"{self._path}[{name}]" if self._path else name

    def text(self, name: str) -> str | None:
        """Text; empty text is None, as Stripe unsets a field with it."""
        value = self._values.get(name)
        if isinstance(value, (dict, list)):
            raise invalid(f"Invalid string: {self.called(name)}", self.called(name))
        return None if value is None or value == "" else str(value)

    def need(self, name: str) -> str:
        """Text that must be there."""
        value = self.text(name)
        if value is None:
            raise invalid(
                f"Missing required param: {self.called(name)}.", self.called(name), "parameter_missing"
            )
        return value

    def choice(self, name: str, *allowed: str) -> str | None:
        """One of the given words."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise invalid(
                f"Invalid {self.called(name)}: must be one of {', '.join(allowed)}", self.called(name)
            )
        return value

    def number(self, name: str, least: int | None = None) -> int | None:
        """A whole number."""
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?\d+", value):
            raise invalid(f"Invalid integer: {value}", self.called(name), "parameter_invalid_integer")
        if least is not None and int(value) < least:
            raise invalid(f"This value must be greater than or equal to {least}.", self.called(name))
        return int(value)

    def flag(self, name: str) -> bool | None:
        """True or false."""
        value = self.text(name)
        if value is None:
            return None
        if value.lower() not in ("true", "false"):
            raise invalid(f"Invalid boolean: {value}", self.called(name))
        return value.lower() == "true"

    def below(self, name: str) -> "Params":
        """The parameters inside this one; empty where it isn't given."""
        value = self._values.get(name) or {}
        if not isinstance(value, Mapping):
            raise invalid("Invalid object", self.called(name))
        return Params(value, self.called(name))

    def many(self, name: str) -> list["Params"]:
        """A list of objects."""
        found = self.values_of(name)
        if not all(isinstance(v, Mapping) for v in found):
            raise invalid("Invalid array", self.called(name))
        return [Params(v, f"{self.called(name)}[{i}]") for i, v in enumerate(found)]

    def values_of(self, name: str) -> list[Any]:
        """A list of whatever is in it."""
        value = self._values.get(name) or []
        if not isinstance(value, list):
            raise invalid("Invalid array", self.called(name))
        return value

    def metadata(self, old: Mapping[str, str] | None = None) -> dict[str, str]:
        """Metadata laid over the old; empty text takes a key away."""
        if self._values.get("metadata") == "":
            return {}
        given = self.below("metadata")
        laid = {**(old or {}), **{key: str(value) for key, value in given.items()}}
        return {key: value for key, value in laid.items() if value != ""}
