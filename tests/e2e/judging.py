"""What people who can't see, or can't use a mouse, would stumble over."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page

AXE = Path(__file__).parent / "axe" / "node_modules" / "axe-core" / "axe.min.js"


def offences(page: Page) -> list[str]:
    """What axe-core finds to be serious or worse."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm ci --prefix tests/e2e/axe")
    if not page.evaluate("!!window.axe"):
        page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{rule['id']}: {json.dumps([node['html'][:120] for node in rule['nodes']])}"
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
    ]


def wide(page: Page) -> bool:
    """Whether something sticks out of the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))
