"""The examples in the README and in docs/ are executed, and what they print is compared.

- `python` blocks run from top to bottom of a page, with `await` allowed at the top as in `python -m asyncio`.
  A comment `# → …` says what is printed.
- In `console` blocks, lines with `$ coinpurse` or `$ curl` run; the lines after them are what they print,
  where `…` stands for anything.
- `toml` blocks are catalogs.
"""

import ast
import asyncio
import contextlib
import inspect
import io
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coinpurse import Coinpurse
from coinpurse.cli import main
from coinpurse.domain.catalog import Catalog
from serving import answer, invoke, serving

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRINTED = re.compile(r"# → (.*)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s#]*)(#[^)]*)?\)")
ADDRESSES = re.compile(r"https://credits\.example\.com|http://127\.0\.0\.1:8080(?=/v1)")
KEY = re.compile(r"cp_test_…(?=\")")


@dataclass
class Example:
    """A block of a page."""

    page: Path
    line: int
    language: str
    text: str


def name_of(page: Path) -> str:
    """How a page is called."""
    return page.name


def examples(page: Path) -> list[Example]:
    """The blocks of a page."""
    text = page.read_text("utf-8")
    return [Example(page, text.count("\n", 0, m.start()) + 2, m[1], m[2]) for m in BLOCK.finditer(text)]


@pytest.fixture(scope="module")
def server_and_key(module_database_url: str) -> Iterator[tuple[str, str]]:
    """What `https://credits.example.com` and `cp_test_…` stand for."""
    scopes = ("--scope", "spend", "--scope", "grant", "--test")
    key = answer("keys", "create", *scopes, COINPURSE_DATABASE_URL=module_database_url)["key"]
    with serving(COINPURSE_DATABASE_URL=module_database_url) as url:
        yield url, key


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_examples(
    page: Path,
    database_url: str,
    server_and_key: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Every example on the page does what the page says."""
    monkeypatch.setenv("COINPURSE_DATABASE_URL", database_url)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "example"}
    with asyncio.Runner() as runner:
        for example in examples(page):
            text = KEY.sub(server_and_key[1], ADDRESSES.sub(server_and_key[0], example.text))
            if example.language == "python":
                run_python(example, text, names, runner)
            elif example.language == "console":
                run_console(example, text, database_url)
            elif example.language == "toml":
                Catalog.parse(text)


def run_python(example: Example, text: str, names: dict[str, Any], runner: asyncio.Runner) -> None:
    """Run a block; its lines keep their numbers in tracebacks."""
    code = compile(
        "\n" * (example.line - 1) + text, str(example.page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    )
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        if code.co_flags & inspect.CO_COROUTINE:
            runner.run(eval(code, names))
        else:
            exec(code, names)
    assert out.getvalue().splitlines() == PRINTED.findall(text), f"{example.page.name}:{example.line}"


def run_console(example: Example, text: str, database_url: str) -> None:
    """Run the block's commands."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        words = shlex.split(command)
        if words[0] == "coinpurse":
            printed = invoke(*words[1:], COINPURSE_DATABASE_URL=database_url).output
        elif words[0] == "curl":
            printed = subprocess.run(words, capture_output=True, text=True, check=True).stdout + "\n"
        else:
            continue
        pattern = ".*?".join(map(re.escape, expected.split("…")))
        assert re.fullmatch(pattern, printed, re.DOTALL), f"{example.page.name}: {command}\n{printed}"


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "docs" / "adr").glob("*.md"))], ids=name_of)
def test_links(page: Path) -> None:
    """Every link within the repository leads somewhere."""
    targets = [m[1] for m in LINK.finditer(page.read_text("utf-8")) if m[1] and "://" not in m[1]]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_public_call_is_in_the_librarys_page() -> None:
    """Each method of `Coinpurse` is named in docs/library.md or docs/quickstart.md."""
    text = "".join((ROOT / "docs" / name).read_text("utf-8") for name in ("library.md", "quickstart.md"))
    calls = [name for name, _ in inspect.getmembers(Coinpurse, inspect.isfunction) if name[0] != "_"]
    assert [name for name in calls if not re.search(rf"\b{name}\b\(|`{name}`", text)] == []


def test_every_command_is_in_the_command_lines_page() -> None:
    """Each command is named in docs/cli.md."""
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    assert [name for name in main.commands if not re.search(rf"\b{name}\b", text)] == []
