"""Ctrl-C and a new start: everything is as it was."""

from pathlib import Path

from playwright.sync_api import Browser

import serving
from e2e.studio import Studio


def test_everything_is_kept(chromium: Browser, home: Path) -> None:
    """Credits, the clock and the pictures are there again, and nobody moves in twice."""
    seen: list[tuple[int, str, list[str]]] = []
    for _ in range(2):
        with serving.serving("demo", COINPURSE_HOME=str(home)) as url:
            context = chromium.new_context(base_url=url)
            studio = Studio(context.new_page()).enter("mia")
            if not seen:
                studio.make("before the restart")
                assert "Done." in studio.said
                studio.page.reload()
            now = studio.page.locator("#now").inner_text()
            seen.append((studio.credits, now, studio.works()))
            context.close()
    assert seen[0] == seen[1]
    assert seen[1][2][0] == "before the restart"


def test_a_taken_port(home: Path) -> None:
    """A second demo on the same port says so, in words, with exit code 1."""
    with serving.serving("demo", COINPURSE_HOME=str(home)) as url:
        port = url.rpartition(":")[2]
        done = serving.coinpurse("demo", "--port", port, COINPURSE_HOME=str(home))
    assert done.returncode == 1
    assert f"port {port} can't be used" in done.stdout + done.stderr
