"""The rules that keep the SQL right on one machine and on many (see docs/operating.md, and docs/adr/).

Each rule yields a sentence for each place that breaks it.
"""

# In the parser's types every field may be missing; the grammar says which are there.
# mypy: disable-error-code="union-attr,index,operator,arg-type,attr-defined"

from collections.abc import Callable, Iterator
from typing import Any

from pglast import ast
from pglast.enums import ConstrType, ObjectType

from sql_reader import Function, Schema, names_of, tables_of, type_name, walk

Rule = Callable[[Schema], Iterator[str]]

#: Tables that are not an account's: keyed by their own value, which must be unique across all accounts.
OWN_VALUE = {
    "moves",
    "payments",
    "checkouts",
    "catalogs",
    "api_keys",
    "secrets",
    "events",
    "customers",
    "standings",
    "disputes",
    "paid_with",
    "webhook_endpoints",
    "announcing",
    "staff",
    "staff_sessions",
    "staff_attempts",
    "staff_acts",
    "days",
    "summing",
    "watching",
}
LEDGER = {"acts", "terms", "entries"}  # the view `entries` too
#: Exact, and never kept: microseconds, or cents, times credits don't fit into a bigint.
NUMERIC_INSIDE = {"prorate", "share"}
#: The hot path: no calendar in it, and each setting costs.
WITHOUT_TIME_ZONE = {"spend_many"}
#: Names one of the three tables of keys by its number.
DYNAMIC = {"forget_keys"}

TODAYS = {"now", "transaction_timestamp", "statement_timestamp", "timeofday"}
SEQUENCES = {"nextval", "currval", "setval", "lastval"}
INEXACT = {"float4", "float8", "real", "numeric", "money"}
DRIFTING = {"timestamp", "time", "timetz", "date"}


def account_first_in_keys(schema: Schema) -> Iterator[str]:
    """The account is first in every primary key, unique constraint, unique index and foreign key."""
    for table, columns, what in _keys(schema):
        if table not in OWN_VALUE and columns[:1] != ["account"]:
            yield f"{table}: its {what} begins with {columns[0]}, not with the account"
    for table in _tables(schema):
        if not any(t == table and what == "primary key" for t, _, what in _keys(schema)):
            yield f"{table}: no primary key"


def own_values_stand_alone(schema: Schema) -> Iterator[str]:
    """What is unique across accounts has a table of its own, without foreign keys."""
    for table, _, what in _keys(schema):
        if table in OWN_VALUE and what == "foreign key":
            yield f"{table}: a foreign key ties it to a place"


def exact_columns(schema: Schema) -> Iterator[str]:
    """Amounts are whole numbers and instants have a time zone; ids come from no sequence."""
    for name, table in _tables(schema).items():
        for column in _columns(table):
            if type_name(column.typeName) in INEXACT | DRIFTING:
                yield f"{name}.{column.colname}: {type_name(column.typeName)}"
            if type_name(column.typeName).endswith("serial"):
                yield f"{name}.{column.colname}: a sequence"
            for constraint in column.constraints or ():
                if constraint.contype == ConstrType.CONSTR_IDENTITY:
                    yield f"{name}.{column.colname}: a sequence"


def exact_functions(schema: Schema) -> Iterator[str]:
    """Functions reckon in whole numbers and in instants with a time zone."""
    for function in schema.functions:
        inexact = INEXACT - ({"numeric"} if function.name in NUMERIC_INSIDE else set())
        for used in _types(function):
            if used in inexact | DRIFTING:
                yield f"{function.name}: {used}"


def one_clock(schema: Schema) -> Iterator[str]:
    """Only clock_timestamp(): the others stand still while a transaction waits for a lock."""
    for function in schema.functions:
        if TODAYS & set(_calls(function)):
            yield f"{function.name}: not clock_timestamp()"
        if any(isinstance(n, ast.SQLValueFunction) for n in walk(function.statements)):
            yield f"{function.name}: CURRENT_TIMESTAMP or one of its kind"


def no_session_state(schema: Schema) -> Iterator[str]:
    """No advisory locks, settings or sequences: none of them follows an account to another machine."""
    for function in schema.functions:
        for called in _calls(function):
            if "advisory" in called or called in SEQUENCES | {"set_config"}:
                yield f"{function.name}: {called}()"
        if any(isinstance(n, ast.VariableSetStmt) for n in walk(function.statements)):
            yield f"{function.name}: SET"
    for file, node in schema.others:
        if isinstance(node, ast.CreateSeqStmt):
            yield f"{file}: a sequence"


def fixed_surroundings(schema: Schema) -> Iterator[str]:
    """What is called from outside fixes its search path (pg_temp last) and, for accounts, its time zone."""
    for function, touch in _entries(schema):
        if function.settings["search_path"] != ["coinpurse", "pg_temp"]:
            yield f"{function.name}: search_path is {function.settings['search_path']}"
        if touch and function.settings.get("timezone") != ["UTC"] and function.name not in WITHOUT_TIME_ZONE:
            yield f"{function.name}: no TimeZone UTC"


def no_dynamic_sql(schema: Schema) -> Iterator[str]:
    """Every statement stands in the text, where it can be read (and checked by these rules)."""
    for function in schema.functions:
        if function.dynamic and function.name not in DYNAMIC:
            yield f"{function.name}: EXECUTE"


def triggers_only_refuse(schema: Schema) -> Iterator[str]:
    """A trigger's function raises and does nothing else."""
    functions = {function.name: function for function in schema.functions}
    for _, node in schema.others:
        if isinstance(node, ast.CreateTrigStmt):
            called = functions[str(node.funcname[-1].sval)]
            if list(tables_of(called.statements)) or list(names_of(called.statements)):
                yield f"{node.trigname}: {called.name} does more than refuse"


def ledger_is_append_only(schema: Schema) -> Iterator[str]:
    """Nothing updates, deletes or truncates the ledger, and a trigger refuses whoever tries."""
    for name, node in _statements(schema):
        for each in walk(node):
            if isinstance(each, ast.UpdateStmt | ast.DeleteStmt) and each.relation.relname in LEDGER:
                yield f"{name}: changes {each.relation.relname}"
            if isinstance(each, ast.TruncateStmt) and LEDGER & set(tables_of(each)):
                yield f"{name}: empties the ledger"
    guarded = {n.relation.relname for _, n in schema.others if isinstance(n, ast.CreateTrigStmt)}
    yield from (f"{name}: no trigger guards it" for name in sorted(LEDGER & schema.tables.keys() - guarded))


def accounts_never_move(schema: Schema) -> Iterator[str]:
    """The account of a row of account data never changes."""
    for name, node in _statements(schema):
        for each in walk(node):
            sets = isinstance(each, ast.UpdateStmt) and any(t.name == "account" for t in each.targetList)
            if sets and each.relation.relname not in OWN_VALUE:
                yield f"{name}: sets the account of {each.relation.relname}"


def one_account_at_a_time(schema: Schema) -> Iterator[str]:
    """What changes or locks rows of accounts names the account, so that no two callers wait in a ring."""
    mine = _tables(schema).keys() - OWN_VALUE
    for function in schema.functions:
        for each in walk(function.statements):
            locks = isinstance(each, ast.SelectStmt) and each.lockingClause and mine & set(tables_of(each))
            changes = isinstance(each, ast.UpdateStmt | ast.DeleteStmt) and each.relation.relname in mine
            if (locks or changes) and not _names_account(each.whereClause):
                yield f"{function.name}: a {type(each).__name__} without `account = …`"


def writes_come_first(schema: Schema) -> Iterator[str]:
    """The first thing that a call does to an account's rows is a write: a lock alone doesn't fence a shard
    that is being moved, and what was read before it may be old."""
    for function, touch in _entries(schema):
        if touch == "read" and not function.reads_only:
            yield f"{function.name}: reads an account before it writes to it"


def idempotent_scripts(schema: Schema) -> Iterator[str]:
    """Functions, views and triggers can be made again at any time."""
    for function in schema.functions:
        if not function.node.replace and function.file.startswith("functions"):
            yield f"{function.name}: not OR REPLACE"
    for file, node in schema.others:
        if isinstance(node, ast.ViewStmt | ast.CreateTrigStmt) and not node.replace:
            yield f"{file}: not OR REPLACE"
        if isinstance(node, ast.DropStmt) and node.removeType == ObjectType.OBJECT_TABLE:
            yield f"{file}: drops a table"


RULES: list[Rule] = [
    account_first_in_keys,
    own_values_stand_alone,
    exact_columns,
    exact_functions,
    one_clock,
    no_session_state,
    fixed_surroundings,
    no_dynamic_sql,
    triggers_only_refuse,
    ledger_is_append_only,
    accounts_never_move,
    one_account_at_a_time,
    writes_come_first,
    idempotent_scripts,
]


def entry_points(schema: Schema) -> list[Function]:
    """The functions that are called from outside: they fix their search path, the others inherit it."""
    return [function for function in schema.functions if "search_path" in function.settings]


def _entries(schema: Schema) -> Iterator[tuple[Function, str | None]]:
    """The entry points, and what each does first to an account's rows: write, read, or nothing ever."""
    functions = {function.name: function for function in schema.functions}
    mine = (_tables(schema).keys() | _views(schema)) - OWN_VALUE
    yield from ((entry, _first_touch(entry, functions, mine)) for entry in entry_points(schema))


def _first_touch(function: Function, functions: dict[str, Function], mine: set[str]) -> str | None:
    for statement in function.statements:
        if mine & set(tables_of(statement)):
            writes = ast.InsertStmt | ast.UpdateStmt | ast.DeleteStmt
            return "write" if any(isinstance(n, writes) for n in walk(statement)) else "read"
        for name in names_of(statement):
            if name in functions and (touch := _first_touch(functions[name], functions, mine)):
                return touch
    return None


def _names_account(condition: ast.Node | None) -> bool:
    comparisons = (n for n in walk(condition) if isinstance(n, ast.A_Expr) and n.name[-1].sval == "=")
    return any(_column(side) == "account" for each in comparisons for side in (each.lexpr, each.rexpr))


def _column(node: Any) -> str | None:
    if isinstance(node, ast.ColumnRef) and isinstance(node.fields[-1], ast.String):
        return str(node.fields[-1].sval)
    return None


def _tables(schema: Schema) -> dict[str, ast.CreateStmt]:
    """All tables but partitions, which have what their parent has."""
    return {name: table for name, table in schema.tables.items() if table.partbound is None}


def _views(schema: Schema) -> set[str]:
    return {str(node.view.relname) for _, node in schema.others if isinstance(node, ast.ViewStmt)}


def _columns(table: ast.CreateStmt) -> list[ast.ColumnDef]:
    return [element for element in table.tableElts or () if isinstance(element, ast.ColumnDef)]


KEYS = {
    ConstrType.CONSTR_PRIMARY: "primary key",
    ConstrType.CONSTR_UNIQUE: "unique constraint",
    ConstrType.CONSTR_FOREIGN: "foreign key",
}


def _keys(schema: Schema) -> Iterator[tuple[str, list[str], str]]:
    """Table, columns and kind of every key."""
    for name, table in _tables(schema).items():
        for element in table.tableElts or ():
            if isinstance(element, ast.Constraint) and element.contype in KEYS:
                columns = [str(c.sval) for c in element.keys or element.fk_attrs]
                yield name, columns, KEYS[element.contype]
            for constraint in getattr(element, "constraints", None) or ():
                if constraint.contype in KEYS:
                    yield name, [element.colname], KEYS[constraint.contype]
    for _, node in schema.others:
        if isinstance(node, ast.IndexStmt) and node.unique:
            yield str(node.relation.relname), [str(p.name) for p in node.indexParams], "unique index"


def _statements(schema: Schema) -> Iterator[tuple[str, ast.Node]]:
    for function in schema.functions:
        yield from ((function.name, statement) for statement in function.statements)
    yield from schema.others


def _calls(function: Function) -> Iterator[str]:
    return names_of(function.statements)


def _types(function: Function) -> Iterator[str]:
    for node in walk([function.node, function.statements]):
        if isinstance(node, ast.TypeName):
            yield type_name(node)
    yield from function.variable_types
