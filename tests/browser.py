"""A real headless browser for tests of pages: the system's Chromium."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SERIOUS = {"serious", "critical"}


@contextlib.contextmanager
def page(
    path: Path,
    width: int = 1280,
    height: int = 900,
    scheme: Literal["light", "dark"] = "light",
    *,
    fragment: str = "",
    scripts: bool = True,
    own_policy: bool = False,
    inside: Path | None = None,
) -> Iterator[Any]:
    """The page of a file, opened; after the block nothing may have gone wrong or left the folder.

    Where there is no Chromium the test is skipped, but under CI it fails.

    Args:
        path: of the file.
        width, height: of the window, px.
        scheme: of colours.
        fragment: of the address, with its "#".
        scripts: whether scripts run.
        own_policy: whether the page's own policy of content holds.
        inside: folder that nothing may leave; that of the file by default.
    """
    program = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if program is None:
        text = "needs Chromium: apt-get install chromium, or put any chromium on PATH"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(text)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        tab = browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            bypass_csp=not own_policy,
            java_script_enabled=scripts,
        )
        wrong: list[str] = []
        tab.on("console", lambda message: wrong.append(f"console: {message.text}"))
        tab.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        folder = (inside or path.parent).resolve().as_uri()
        tab.on("request", lambda request: _check_request(request.url, folder, wrong))
        tab.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        tab.goto(path.resolve().as_uri() + fragment)
        yield tab
        browser.close()
    assert not wrong, wrong


def _check_request(url: str, folder: str, wrong: list[str]) -> None:
    if not url.startswith((folder, "data:", "blob:")):
        wrong.append(f"request: {url}")


def serious_violations(tab: Any) -> list[str]:
    """What axe-core finds serious or worse on an opened page: rule, and where."""
    source = (resources.files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
    tab.evaluate(source)
    found = tab.evaluate("axe.run()")["violations"]
    return [
        f"{rule['id']}: {rule['nodes'][0]['html'][:120]}"
        for rule in found
        if rule["impact"] in _SERIOUS
    ]
