"""A real server, with things of two customers in it."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from api.test_conformance import ACCOUNT, seed, served
from coinpurse.settings import ProviderSettings, Settings
from providers.test_standard import SECRET

OTHER = "somebody-else"
_numbers = itertools.count(1)


@dataclass
class House:
    """The server's address, a key that may do everything, one thing of each kind of `ACCOUNT`, a session of
    each customer, and what the server says of itself."""

    url: str
    admin: str
    ids: dict[str, str]
    session: str
    other_session: str
    document: dict[str, Any]
    settings: Settings

    def client(self, bearer: str) -> httpx.Client:
        """A client with a key or a token."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {bearer}"}, timeout=30)

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Every route: method, path and description."""
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                yield method.upper(), path, operation

    def filled(self, path: str) -> str:
        """The path, about a thing that exists and is `ACCOUNT`'s."""
        kind = path.split("/")[2] if path.startswith("/v1/") and path.count("/") > 1 else ""
        return path.replace("{id}", self.ids.get(kind, ACCOUNT)).replace("{provider}", "standard")

    def body(self, operation: dict[str, Any]) -> Any:
        """The least that the route takes, about `ACCOUNT`; None where it takes nothing."""
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        return self._least(content["schema"]) if "schema" in content else None

    def _least(self, schema: dict[str, Any], name: str = "") -> Any:
        schema = self._resolved(schema)
        if name == "account":
            return ACCOUNT
        if "const" in schema or "enum" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        if schema.get("type") == "array":
            return [self._least(schema["items"])]
        if schema.get("type") == "object":
            wanted = set(schema.get("required", ())) | {"amount"} & set(schema.get("properties", ()))
            return {one: self._least(schema["properties"][one], one) for one in sorted(wanted)}
        return {"integer": 1, "boolean": True}.get(schema.get("type", ""), _text(schema, name))

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        for choices in ("anyOf", "oneOf"):
            schema = schema[choices][0] if choices in schema else schema
        if "$ref" in schema:
            return self._resolved(self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        return schema


def _text(schema: dict[str, Any], name: str) -> str:
    if schema.get("format") == "date-time":
        return "2030-01-01T00:00:00Z"
    known = {"plan": "starter", "pack": "small", "url": f"https://app.example/{next(_numbers)}"}
    return known.get(name, "text")


@pytest.fixture(scope="module")
def house(module_database_url: str) -> Iterator[House]:
    """The server while it runs."""
    standard = ProviderSettings(webhook_secrets=(SECRET,))
    settings = replace(Settings.from_env({}), database_url=module_database_url, standard=standard)
    with served(settings) as it, httpx.Client(base_url=it.address, timeout=30) as client:
        client.headers["Authorization"] = f"Bearer {it.key}"
        ids = seed(client)
        client.put(f"/v1/accounts/{OTHER}", json={})
        mine, others = [
            client.post("/v1/sessions", json={"account": account}).json()["token"]
            for account in (ACCOUNT, OTHER)
        ]
        document = client.get("/openapi.json").json()
        yield House(it.address, it.key, ids, mine, others, document, settings)
