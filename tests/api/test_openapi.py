"""The OpenAPI document says what is really sent."""

from typing import Any

import pytest
from fastapi import FastAPI


@pytest.fixture
def document(api: FastAPI) -> dict[str, Any]:
    """The document that the server serves."""
    return api.openapi()


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Every call in it."""
    return [operation for item in document["paths"].values() for operation in item.values()]


def references(value: Any) -> set[str]:
    """All that is referred to."""
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
    return own.union(*map(references, value.values()))


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """Nothing is referred to that isn't there, and nothing is there for nobody."""
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) == schemas


def test_every_call_is_described(document: dict[str, Any]) -> None:
    """Each has a name of its own, words, a shape for success and problems for refusals."""
    names = [operation["operationId"] for operation in operations(document)]
    assert len(set(names)) == len(names)
    for operation in operations(document):
        assert operation["description"].endswith(".") or operation["description"].endswith(")"), operation
        for status, response in operation["responses"].items():
            kinds = list(response["content"])
            assert kinds == ["application/problem+json"] or status.startswith("2"), operation["operationId"]


def test_every_object_that_comes_in_is_closed(document: dict[str, Any]) -> None:
    """Unknown members are refused, and the document says so."""
    for name, schema in document["components"]["schemas"].items():
        if name.endswith("Body") or name in ("ChargeItem", "Empty"):
            assert schema["additionalProperties"] is False, name


def test_replays_are_told_in_a_header(document: dict[str, Any]) -> None:
    """Only a batch says it in the body, for each of its items."""
    schemas = document["components"]["schemas"]
    assert [name for name, schema in schemas.items() if "replayed" in schema.get("properties", {})] == [
        "ChargeAnswer"
    ]
    charge = document["paths"]["/v1/charges"]["post"]["responses"]["201"]
    assert "Idempotent-Replayed" in charge["headers"]


def test_numbers_are_whole(document: dict[str, Any]) -> None:
    """Integers have integer bounds."""
    amount = document["components"]["schemas"]["ChargeBody"]["properties"]["amount"]
    assert amount["anyOf"][0] == {"type": "integer", "minimum": 0, "maximum": 10**15}
    assert isinstance(amount["anyOf"][0]["maximum"], int)
