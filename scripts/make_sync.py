"""Writes the blocking twin of the library (`coinpurse.client.blocking`) from the async one.

Run it after each change of `Coinpurse`'s methods: `python scripts/make_sync.py`. A test compares.
"""

import ast
import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).parents[1] / "src" / "coinpurse" / "client"
SOURCE = CLIENT / "purse.py"
TARGET = CLIENT / "blocking.py"
#: What the twin's base class has, or what only the async one needs.
OWN = {"open", "close"}
UNUSED = {"operations", "Local", "Remote", "Holding", "Path", "TracebackType", "Self", "MOST_IN_BATCH"}

HEAD = '''"""The blocking twin of `Coinpurse`, made from it by scripts/make_sync.py. Don't edit."""

{imports}
from coinpurse.client.loop import Blocking, OpenHold


class Coinpurse(Blocking):
    """{doc}"""
'''


def generate() -> str:
    """The text of the twin."""
    module = ast.parse(SOURCE.read_text("utf-8"))
    purse = next(node for node in module.body if isinstance(node, ast.ClassDef))
    imports = "\n".join(filter(None, map(_import, module.body)))
    doc = (ast.get_docstring(purse, clean=False) or "").replace("async with", "with")
    methods = [node for node in purse.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    public = [m for m in methods if not m.name.startswith("_") and m.name not in OWN]
    return _formatted(HEAD.format(imports=imports, doc=doc) + "\n".join(map(_method, public)))


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


def _formatted(text: str) -> str:
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check", "--fix", "--quiet", "--select=I,F401"], ["format", "--quiet"]):
        result = subprocess.run(
            [*ruff, *command, "--stdin-filename", str(TARGET), "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        )
        text = result.stdout
    return text


if __name__ == "__main__":
    TARGET.write_text(generate(), "utf-8")
