"""The report as a reader meets it: pages, filters, links and charts work, nobody is shut out, and it opens at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

import reports
from reports import comparison, difference, overview, reconciliation
from tests.browser import chromium, opened
from tests.reports import sample, sample_parts

VIEWS = ("summary", "requirements", "attestation", "bill", "load", "fuzz", "operations")
MOST_ELEMENTS = 40_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(reports.render(sample.results(), "html"), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_the_report_shuts_nobody_out(browser: Browser, report: str, scheme: str) -> None:
    with opened(browser, report, color_scheme=scheme) as seen:
        for view in VIEWS:
            seen.page.click(f".views a[href='#{view}']")
            assert [each.get_attribute("id") for each in seen.page.query_selector_all(".view:not([hidden])")] == [view]
            assert seen.barriers() == []
            seen.picture(f"report-{view}-{scheme}")


def shown(page: Page) -> int:
    page.wait_for_timeout(150)  # the filter waits for the end of a word
    return len(page.query_selector_all(".row:not([hidden])"))


def test_filters_narrow_and_a_link_reaches_what_they_hide(browser: Browser, report: str) -> None:
    with opened(browser, report) as seen:
        page = seen.page
        page.keyboard.press("/")
        page.keyboard.type("usage chunk before")
        assert shown(page) == 1
        page.select_option("[name=outcome]", "pass")
        assert shown(page) == 0
        assert page.is_visible(".none")
        page.click(".views a[href='#summary']")
        page.click(".losses a[href='#r-VT-091']")
        assert page.is_visible("#r-VT-091 .finding")
        page.click(".views a[href='#summary']")
        page.click(".areas a[data-suite=billing]")
        assert page.input_value("[name=suite]") == "billing"
        assert shown(page) == len(page.query_selector_all(".row[data-suites~=billing]"))


def test_charts_are_drawn_and_follow_the_colours(browser: Browser, report: str) -> None:
    with opened(browser, f"{report}#load", color_scheme="light") as seen:
        figures = seen.page.query_selector_all("[data-chart]")
        for figure in figures:
            figure.scroll_into_view_if_needed()
        seen.page.wait_for_selector("[data-chart]:last-child canvas")
        assert len(seen.page.query_selector_all("[data-chart] canvas")) == len(figures) == 5
        before = figures[0].screenshot()
        seen.page.emulate_media(color_scheme="dark")
        seen.page.wait_for_timeout(200)
        assert figures[0].screenshot() != before


def test_what_is_printed_holds_every_page(browser: Browser, report: str, tmp_path: Path) -> None:
    with opened(browser, report) as seen:
        seen.page.emulate_media(media="print")
        assert all(each.is_visible() for each in seen.page.query_selector_all(".view"))
        assert seen.page.pdf(path=str(tmp_path / "report.pdf")).startswith(b"%PDF")


def test_all_is_reached_by_keyboard(browser: Browser, report: str) -> None:
    with opened(browser, report) as seen:
        reached = []
        for _ in range(9):
            seen.page.keyboard.press("Tab")
            reached.append(seen.page.evaluate("() => document.activeElement.getAttribute('href')"))
        assert reached[:8] == ["#content", *(f"#{view}" for view in VIEWS)]
        seen.page.keyboard.press("Shift+Tab")
        seen.page.keyboard.press("Enter")
        assert seen.page.is_visible("#operations")


def test_five_thousand_findings_open_at_once(browser: Browser, tmp_path: Path) -> None:
    results = sample.results()
    for number in range(5000):
        row = results["requirements"][number % 20]
        found = sample.finding(row["id"], f"breach {number}", exchanges=[f"x-{number}"], signature=f"{number:016x}")
        row["findings"].append(found)
        row["outcome"] = "fail"
        results["exchanges"][f"x-{number}"] = results["exchanges"]["x-0042"] | {"id": f"x-{number}"}
    path = tmp_path / "report.html"
    path.write_text(reports.render(results, "html"), encoding="utf-8")
    with opened(browser, "about:blank") as seen:
        seen.page.goto(path.as_uri())
        seen.page.click(".views a[href='#requirements']")
        assert seen.page.is_visible(".row:first-child .finding")
        # Opening it takes as long as there are elements to lay out: a count does not depend on how busy a machine is.
        assert seen.page.evaluate("() => document.querySelectorAll('*').length") < MOST_ELEMENTS


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_difference_and_overview_shut_nobody_out(browser: Browser, tmp_path: Path, scheme: str) -> None:
    old, new = sample.results(), sample.results()
    new["requirements"][5]["outcome"] = "fail"
    pages = {
        "difference": comparison.html(difference.between(old, new)),
        "overview": overview.render([old, new, old]),
        "reconciliation": reconciliation.render(sample_parts.bill()),
    }
    for name, text in pages.items():
        (tmp_path / f"{name}.html").write_text(text, encoding="utf-8")
        with opened(browser, (tmp_path / f"{name}.html").as_uri(), color_scheme=scheme) as seen:
            assert seen.barriers() == []
            seen.picture(f"{name}-{scheme}")
