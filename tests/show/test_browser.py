"""The live view as a person uses it: a run is started, watched, read and compared. The console is silent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from harness.show.ui import beside
from tests.browser import chromium, opened
from tests.reports import sample, sample_parts

LIMIT_MS = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("runs")
    for name in ("before", "after"):
        (folder / name).mkdir()
        (folder / name / "results.json").write_text(json.dumps(sample.results()))
    (folder / "loaded").mkdir()
    (folder / "loaded" / "load.json").write_text(json.dumps(sample_parts.load() | {"exit_code": 1}))
    with beside(folder) as found:
        yield found


def test_a_run_is_started_watched_and_read(browser: Browser, url: str) -> None:
    with opened(browser, url) as seen:
        page = seen.page
        assert seen.barriers() == []
        seen.picture("live-runs")
        page.select_option("[name=contract]", "openai-core")
        page.fill("[name=only]", "OC-001 OC-082")
        page.click("button.go")
        assert seen.barriers() == []
        expect(page.locator("[data-count=pass]")).not_to_have_text("0", timeout=LIMIT_MS)
        seen.picture("live-run")
        page.wait_for_selector("[data-report]:not([hidden])", timeout=LIMIT_MS)
        assert "Conforms" in page.inner_text("[data-state]")
        assert page.query_selector("[data-stop]") is None
        assert seen.barriers() == []
        page.click("[data-report]")
        assert "Conforms in what was asked" in page.inner_text("#verdict")


def test_a_run_that_cannot_start_says_why(browser: Browser, url: str, tmp_path: Path) -> None:
    target = tmp_path / "target.toml"
    target.write_text("this is no target")
    with opened(browser, url) as seen:
        seen.page.fill("[name=target]", str(target))
        seen.page.click("button.go")
        seen.page.wait_for_selector("[data-said]:not([hidden])", timeout=LIMIT_MS)
        assert "target.toml" in seen.page.inner_text("[data-said]")
        assert seen.page.inner_text("[data-state]") == "Ended without results"


def test_a_run_is_stopped_and_keeps_what_it_saw(browser: Browser, url: str) -> None:
    with opened(browser, url) as seen:
        seen.page.select_option("[name=contract]", "openai-core")
        seen.page.click("button.go")
        expect(seen.page.locator("[data-count=pass]")).not_to_have_text("0", timeout=LIMIT_MS)
        seen.page.click("text=Stop the run")
        seen.page.wait_for_selector("[data-report]:not([hidden])", timeout=LIMIT_MS)
        assert seen.page.inner_text("[data-state]") == "Incomplete"


def test_a_load_is_read_with_its_plots(browser: Browser, url: str) -> None:
    with opened(browser, url) as seen:
        seen.page.click("text=loaded")
        seen.page.wait_for_selector("figure canvas")
        assert seen.barriers() == []
        assert seen.page.locator("figure canvas").count() >= 4
        seen.picture("live-load")


def test_two_runs_are_compared(browser: Browser, url: str) -> None:
    with opened(browser, url) as seen:
        seen.page.check("[name=a][value=before]")
        seen.page.check("[name=b][value=after]")
        seen.page.click("text=Compare the two")
        assert "No worse than before" in seen.page.inner_text("h1")
        seen.page.goto(f"{url}overview")
        assert "Runs beside each other" in seen.page.inner_text("h1")
        assert seen.barriers() == []
