"""The house rules that a machine can hold. The limits are a ratchet: lower them when they can be, never
raise them."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "coinpurse"

FILE_LINES = 400
FUNCTION_LINES = 70
FUNCTION_LINES_95TH = 45
FUNCTION_LINES_MEDIAN = 10

TEXT = {".py", ".sql", ".js", ".css", ".html", ".toml"}
DOCUMENTED = ("domain", "store", "app", "client")

# Written in pieces, so that this file doesn't contain them.
FOREIGN = [
    "/" + "work/",
    "/" + "opt/pypi",
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "npmjs" + ".org",
    "npmjs" + ".com",
    "yarnpkg" + ".com",
    "deb.debian" + ".org",
    "proxy.golang" + ".org",
]

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> list[Path]:
    """Every Python file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def functions(path: Path) -> Iterator[Function]:
    """Every function in a file, nested ones too."""
    return (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, Function))


def length(function: Function) -> int:
    """Lines from `def` to the end, without the docstring: words about it don't make a function long."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    doc = function.body[0]
    return lines - ((doc.end_lineno or doc.lineno) - doc.lineno + 1)


def public_without_docstring(path: Path) -> Iterator[str]:
    """The public functions of a module, and methods of its public classes, that say nothing of themselves."""
    body = ast.parse(path.read_text("utf-8")).body
    classes = [node for node in body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    found = [node for node in [*body, *(n for c in classes for n in c.body)] if isinstance(node, Function)]
    for node in found:
        if not node.name.startswith("_") and not overload(node) and ast.get_docstring(node) is None:
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"


def overload(node: Function) -> bool:
    """Whether this is only a signature for the type checker, or a property's setter."""
    return any(ast.unparse(d).endswith(("overload", ".setter")) for d in node.decorator_list)


def tracked() -> list[Path]:
    """Every file that git tracks."""
    result = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in result.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_is_too_long() -> None:
    """No file of the package has more than 400 lines."""
    files = [p for p in PACKAGE.rglob("*") if p.suffix in TEXT]
    lengths = {str(p.relative_to(ROOT)): len(p.read_text("utf-8").splitlines()) for p in files}
    assert {name: n for name, n in lengths.items() if n > FILE_LINES} == {}


def test_no_function_is_too_long() -> None:
    """No function of the package has more than 70 lines."""
    found = {f"{p.relative_to(ROOT)}:{f.lineno} {f.name}": length(f) for p in sources() for f in functions(p)}
    assert {name: n for name, n in found.items() if n > FUNCTION_LINES} == {}


def test_functions_are_short() -> None:
    """Half of the functions are at most 10 lines, and 95 % at most 45."""
    lengths = [length(f) for p in sources() for f in functions(p)]
    assert median(lengths) <= FUNCTION_LINES_MEDIAN
    assert quantiles(lengths, n=20)[-1] <= FUNCTION_LINES_95TH


def test_public_names_explain_themselves() -> None:
    """Every public function of domain, store, app and client has a docstring."""
    silent = [
        s
        for part in DOCUMENTED
        for p in sorted((PACKAGE / part).rglob("*.py"))
        for s in public_without_docstring(p)
    ]
    assert silent == []


def test_tests_say_what_they_show() -> None:
    """Every test has a docstring of a sentence."""
    paths = sorted((ROOT / "tests").rglob("test_*.py"))
    silent = [
        f"{p.name} {f.name}"
        for p in paths
        for f in functions(p)
        if f.name.startswith("test_") and not ast.get_docstring(f)
    ]
    assert silent == []


def test_no_machine_or_registry_is_named() -> None:
    """No tracked file names a path of somebody's machine or the address of a registry."""
    found = []
    for path in tracked():
        content = path.read_bytes()
        found += [f"{path.relative_to(ROOT)}: {word}" for word in FOREIGN if word.encode() in content]
    assert found == []
