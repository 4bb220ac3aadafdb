"""Writes the blocking twin of the library (`coinpurse.client.blocking`, and `blocking_operating` for what
operators ask) from the async one.

Run it after each change of `Coinpurse`'s methods: `python scripts/make_sync.py`. A test compares.
"""

import ast
import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).parents[1] / "src" / "coinpurse" / "client"
#: Where each part is written, which twin is made of it, and what that builds on.
PARTS = {
    "operating.py": ("blocking_operating.py", "Blocking"),
    "purse.py": ("blocking.py", "Operating"),
}
#: What the twin's base class has, or what only the async one needs.
OWN = {"open", "close"}
UNUSED = {"operations", "Local", "Remote", "Holding", "Path", "TracebackType", "Self", "MOST_IN_BATCH"}
UNUSED |= {"Operating"}

HEAD = '''"""The blocking twin of `Coinpurse`, made from it by scripts/make_sync.py. Don't edit."""

{imports}
from coinpurse.client.blocking_operating import Operating
from coinpurse.client.loop import Blocking, OpenHold


class {name}({base}):
    """{doc}"""
'''


def generate(source: str) -> str:
    """The text of the twin of a part."""
    target, base = PARTS[source]
    module = ast.parse((CLIENT / source).read_text("utf-8"))
    purse = next(node for node in module.body if isinstance(node, ast.ClassDef))
    imports = "\n".join(filter(None, map(_import, module.body)))
    doc = (ast.get_docstring(purse, clean=False) or "").replace("async with", "with")
    methods = [node for node in purse.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    public = [m for m in methods if not m.name.startswith("_") and m.name not in OWN]
    head = HEAD.format(imports=imports, name=purse.name, base=base, doc=doc)
    if source == "operating.py":
        head = head.replace("from coinpurse.client.blocking_operating import Operating\n", "")
    return _formatted(head + "\n".join(map(_method, public)), CLIENT / target)


def _import(node: ast.stmt) -> str | None:
    if not isinstance(node, ast.ImportFrom):
        return None
    node.names = [alias for alias in node.names if alias.name not in UNUSED]
    return ast.unparse(node) if node.names else None


def _method(method: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    call = f"self._purse.{method.name}({_passed_on(method.args)})"
    doc = (ast.get_docstring(method, clean=False) or "").replace("async with", "with").replace("await ", "")
    holds = isinstance(method, ast.FunctionDef)
    returns = "OpenHold" if holds else ast.unparse(method.returns or ast.Constant(None))
    body = f"OpenHold.begin({call}, self._run)" if holds else f"self._run({call})"
    return f'''
    def {method.name}({ast.unparse(method.args)}) -> {returns}:
        """{doc}"""
        return {body}
'''


def _passed_on(args: ast.arguments) -> str:
    positional = [arg.arg for arg in args.args if arg.arg != "self"]
    return ", ".join(positional + [f"{arg.arg}={arg.arg}" for arg in args.kwonlyargs])


def _formatted(text: str, target: Path) -> str:
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check", "--fix", "--quiet", "--select=I,F401"], ["format", "--quiet"]):
        result = subprocess.run(
            [*ruff, *command, "--stdin-filename", str(target), "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        )
        text = result.stdout
    return text


if __name__ == "__main__":
    for source, (target, _) in PARTS.items():
        (CLIENT / target).write_text(generate(source), "utf-8")
