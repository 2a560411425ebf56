"""Chromium without a window: pages are opened as a reader would, and every word on its console is a fault."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}


@dataclass
class Seen:
    """A page and what its console said."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def barriers(self) -> list[str]:
        """What axe finds: rule, and the first element that breaks it."""
        found = Axe().run(self.page, options=RULES).response["violations"]
        return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]

    def picture(self, name: str) -> None:
        """Keep a screenshot where CI collects them, if it says where."""
        if folder := os.environ.get("ASSAY_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))


@contextmanager
def chromium() -> Iterator[Browser]:
    """Skips where there is no Chromium; CHROMIUM names another one."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install Debian's `chromium`, or name one by CHROMIUM")
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, url: str, **how: object) -> Iterator[Seen]:
    """A fresh context on the page. At the end its console must have been silent."""
    context = browser.new_context(bypass_csp=False, **how)  # type: ignore[arg-type]
    seen = Seen(context.new_page())

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            seen.complaints.append(message.text)

    seen.page.on("console", note)
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    try:
        seen.page.goto(url)
        yield seen
        assert seen.complaints == []
    finally:
        context.close()
