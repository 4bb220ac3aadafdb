"""The page at /docs, made from the OpenAPI document on the server: no script, nothing from elsewhere."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup, escape

from coinpurse.domain.errors import CoinpurseError

_templates = Environment(
    loader=PackageLoader("coinpurse.api"),
    autoescape=select_autoescape(),
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Member:
    """One member of a body or one parameter, as a line of a table."""

    name: str
    type: str
    required: bool
    description: str


@dataclass(frozen=True)
class Operation:
    """One call, ready to be shown."""

    id: str
    method: str
    path: str
    text: str
    access: str
    parameters: list[Member]
    body: list[Member]
    answer: str
    refusals: str


def render(document: dict[str, Any]) -> str:
    """The page, as HTML."""
    groups: dict[str, list[Operation]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            groups.setdefault(operation["tags"][0], []).append(_operation(document, path, method, operation))
    shapes = {
        name: list(_members(document, schema))
        for name, schema in sorted(document["components"]["schemas"].items())
    }
    return _templates.get_template("reference.html").render(
        info=document["info"], groups=groups, shapes=shapes, problems=_problems(), marked=marked
    )


def _operation(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> Operation:
    answers = operation["responses"]
    good = [status for status in answers if status.startswith("2")]
    schema = _json(answers[good[-1]])
    body = _json(operation["requestBody"]) if "requestBody" in operation else {}
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        text=operation.get("description", ""),
        access=_access(operation.get("security", [])),
        parameters=[_parameter(each) for each in operation.get("parameters", [])],
        body=list(_members(document, body)),
        answer=f"{' or '.join(good)} {type_name(schema)}".strip(),
        refusals=", ".join(status for status in answers if not status.startswith("2")),
    )


def _json(holder: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = holder.get("content", {}).get("application/json", {}).get("schema", {})
    return schema


def _access(security: list[dict[str, list[str]]]) -> str:
    if not security:
        return "open to everyone"
    scopes = [scope for scheme in security for scope in scheme.get("apiKey", [])]
    return f"key with {' or '.join(scopes)}" if scopes else "session token"


def _parameter(given: dict[str, Any]) -> Member:
    name = f"{given['name']} ({given['in']})"
    text = given.get("description", "")
    return Member(name, type_name(given.get("schema", {})), given.get("required", False), text)


def _members(document: dict[str, Any], schema: dict[str, Any]) -> Iterator[Member]:
    schema = _resolve(document, schema)
    required = schema.get("required", [])
    for name, member in schema.get("properties", {}).items():
        yield Member(name, type_name(member), name in required, member.get("description", ""))


def _resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The object behind references, optional bodies and lists."""
    if "$ref" in schema:
        found: dict[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return _resolve(document, found)
    options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    if len(options) == 1:
        return _resolve(document, options[0])
    return _resolve(document, schema["items"]) if schema.get("items") else schema


def type_name(schema: dict[str, Any]) -> str:
    """A schema in a few words, such as `integer 0 … 10 or null`."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(type_name(option) for option in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"list of {type_name(schema.get('items', {}))}"
    bounds = f" {schema['minimum']} … {schema['maximum']}" if {"minimum", "maximum"} <= schema.keys() else ""
    return str(schema.get("format") or schema.get("type", "")) + bounds


def _problems() -> list[type[CoinpurseError]]:
    found = set(_below(CoinpurseError))
    return sorted(found, key=lambda error: (error.status, error.code))


def _below(error: type[CoinpurseError]) -> Iterator[type[CoinpurseError]]:
    for each in error.__subclasses__():
        yield each
        yield from _below(each)


def marked(text: str) -> Markup:
    """Paragraphs, **bold** and `code` of our own docstrings, as HTML."""
    html = str(escape(text))
    html = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", html)
    html = re.sub(r"`(.+?)`", r"<code>\1</code>", html)
    return Markup("".join(f"<p>{part}</p>" for part in html.split("\n\n")))
