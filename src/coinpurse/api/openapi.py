"""The OpenAPI document: what FastAPI derives from the routes, brought to what is really sent."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import TypeAdapter

from coinpurse.api.problems import PROBLEM, Problem
from coinpurse.api.routes.charges import ChargeItem

SUMMARY = "Credits for AI apps: monthly credits first, add-on credits after, every one accounted for."
DESCRIPTION = Path(__file__).with_name("overview.md").read_text("utf-8")

REPLAYED = {
    "description": "`true` where this is the first answer again (S8).",
    "schema": {"type": "string", "enum": ["true"]},
}
SCHEMES = {
    "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key: `cp_live_…` or `cp_test_…`."},
    "session": {"type": "http", "scheme": "bearer", "description": "A session's token (POST /v1/sessions)."},
}


def document(api: FastAPI, build: Any) -> dict[str, Any]:
    """The finished document. `build` is FastAPI's own maker of it."""
    made: dict[str, Any] = build()
    schemas: dict[str, Any] = made["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for model in (Problem, ChargeItem):
        _add(schemas, model)
    for name, schema in schemas.items():
        if not name.startswith("ChargeAnswer"):
            _drop_replayed(schema)
    made = _whole(made)
    for item in made["paths"].values():
        for operation in item.values():
            _complete(operation)
    made["components"]["securitySchemes"] = SCHEMES
    made["servers"] = [{"url": api.state.ctx.settings.public_url}]
    return made


def _complete(operation: dict[str, Any]) -> None:
    """Add what the layers around the routes answer."""
    if "requestBody" in operation:
        operation["responses"] |= {"413": PROBLEM, "415": PROBLEM}
    if any(each["name"] == "idempotency-key" for each in operation.get("parameters", [])):
        for status, response in operation["responses"].items():
            if status.startswith("2"):
                response["headers"] = {"Idempotent-Replayed": REPLAYED}


def _whole(value: Any) -> Any:
    """FastAPI writes bounds as floats; ours are whole numbers."""
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _add(schemas: dict[str, Any], model: Any) -> None:
    schema = TypeAdapter(model).json_schema(ref_template="#/components/schemas/{model}", mode="validation")
    schemas.update(schema.pop("$defs", {}))
    schemas[model.__name__] = schema


def _drop_replayed(schema: dict[str, Any]) -> None:
    """Whether it is a replay stands in a header, not in the body."""
    schema.get("properties", {}).pop("replayed", None)
    if "replayed" in schema.get("required", []):
        schema["required"].remove("replayed")
