"""Reads the SQL of the store with PostgreSQL's own grammar, for the rules in test_sql_rules.py."""

# In the parser's types every field may be missing; the grammar says which are there.
# mypy: disable-error-code="union-attr,index,operator,arg-type,attr-defined,list-item"

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pglast import ast, parse_plpgsql, parse_sql
from pglast.parser import scan

ASSIGNMENT = re.compile(r"\s*[\w.\"]+(?:\s*\[[^\]]*\])*\s*:?=\s*")
ASSIGN_MODES = (3, 4, 5)
EXPRESSION_MODE = 2
BODIES = ("body", "then_body", "else_body", "elsif_list")


@dataclass
class Function:
    """A function: its definition, and every SQL statement in it, in the order of the text."""

    name: str
    node: ast.CreateFunctionStmt
    file: str
    statements: list[ast.Node]
    dynamic: int  # how many EXECUTE … it has
    variable_types: set[str]

    def option(self, name: str) -> Any:
        """The value of `LANGUAGE`, `VOLATILITY` …, or None."""
        return next((o.arg for o in self.node.options if o.defname == name), None)

    @property
    def language(self) -> str:
        return str(self.option("language").sval)

    @property
    def reads_only(self) -> bool:
        """STABLE or IMMUTABLE: PostgreSQL itself lets such a function write nothing."""
        volatility = self.option("volatility")
        return volatility is not None and volatility.sval in ("stable", "immutable")

    @property
    def settings(self) -> dict[str, list[str]]:
        """What `SET name = values` fixes for the time of the call."""
        sets = [o.arg for o in self.node.options if o.defname == "set"]
        return {s.name.lower(): [str(a.val.sval) for a in s.args or ()] for s in sets}


@dataclass
class Schema:
    """Everything that the given files make."""

    tables: dict[str, ast.CreateStmt] = field(default_factory=dict)
    functions: list[Function] = field(default_factory=list)
    others: list[tuple[str, ast.Node]] = field(default_factory=list)  # (file, any other statement)

    def read(self, file: str, text: str) -> "Schema":
        """Add what a file makes."""
        for raw in parse_sql(text):
            node = raw.stmt
            if isinstance(node, ast.CreateStmt):
                self.tables[node.relation.relname] = node
            elif isinstance(node, ast.CreateFunctionStmt):
                end = raw.stmt_location + (raw.stmt_len or len(text))
                self.functions.append(_function(file, node, text[raw.stmt_location : end]))
            elif isinstance(node, ast.DoStmt):
                self.functions.append(_block(file, node))
            else:
                self.others.append((file, node))
        return self


def read_folder(folder: Path) -> Schema:
    """All migrations and functions below `folder`."""
    schema = Schema()
    for part in ("migrations", "functions"):
        for path in sorted((folder / part).glob("*.sql")):
            schema.read(f"{part}/{path.name}", path.read_text("utf-8"))
    return schema


def walk(node: Any) -> Iterator[ast.Node]:
    """A node and everything in it."""
    if isinstance(node, ast.Node):
        yield node
        for name in node:
            yield from walk(getattr(node, name))
    elif isinstance(node, tuple | list):
        for item in node:
            yield from walk(item)


def names_of(node: Any) -> Iterator[str]:
    """The functions that a statement calls."""
    for each in walk(node):
        if isinstance(each, ast.FuncCall):
            yield str(each.funcname[-1].sval)


def tables_of(node: Any) -> Iterator[str]:
    """The relations that a statement names."""
    for each in walk(node):
        if isinstance(each, ast.RangeVar):
            yield str(each.relname)


def type_name(node: ast.TypeName) -> str:
    """`int8`, `timestamptz`, `amount` …"""
    return str(node.names[-1].sval)


def _function(file: str, node: ast.CreateFunctionStmt, text: str) -> Function:
    name = str(node.funcname[-1].sval)
    body = next((o.arg[0].sval for o in node.options if o.defname == "as"), None)
    if next(o.arg.sval for o in node.options if o.defname == "language") == "plpgsql":
        tree = parse_plpgsql(text)
        queries = [*_initial_values(body), *_queries(tree)]
        dynamic = json.dumps(tree).count('"PLpgSQL_stmt_dyn')
        types = set(re.findall(r'"typname": "([^"]+)"', json.dumps(tree)))
    else:
        queries, dynamic, types = [body] if body else [], 0, set()
    statements = [raw.stmt for query in queries for raw in parse_sql(query)]
    return Function(name, node, file, statements if body else [node.sql_body], dynamic, types)


def _block(file: str, node: ast.DoStmt) -> Function:
    """A DO block, as the function that it would be."""
    body = next(o.arg.sval for o in node.args if o.defname == "as")
    tag = "$a_tag_that_nobody_uses$"
    text = f"CREATE FUNCTION do_block() RETURNS void LANGUAGE plpgsql AS {tag}{body}{tag}"
    return _function(file, parse_sql(text)[0].stmt, text)


def _initial_values(body: str) -> Iterator[str]:
    """What variables are declared with. (The tree leaves out those of records.)"""
    declaring = False
    start: int | None = None
    for token in scan(body):
        if token.name in ("DECLARE", "BEGIN_P"):
            declaring = token.name == "DECLARE"
        elif declaring and token.name == "COLON_EQUALS":
            start = token.end + 1
        elif declaring and token.name == "ASCII_59" and start is not None:
            yield "SELECT " + body[start : token.start]
            start = None


def _queries(tree: Any) -> Iterator[str]:
    """The SQL of the statements in a PL/pgSQL tree, in the order in which it would run."""
    if isinstance(tree, list):
        for item in tree:
            yield from _queries(item)
    elif isinstance(tree, dict):
        if "parseMode" in tree:
            yield _whole(tree["query"], tree["parseMode"])
        # A loop's body stands before its query in the tree.
        for key in sorted(tree.keys() - {"default_val"}, key=lambda k: (k in BODIES, list(tree).index(k))):
            yield from _queries(tree[key])


def _whole(query: str, mode: int) -> str:
    """PL/pgSQL's expressions and assignments as statements."""
    if mode in ASSIGN_MODES:
        return "SELECT " + ASSIGNMENT.sub("", query, count=1)
    return "SELECT " + query if mode == EXPRESSION_MODE else query
