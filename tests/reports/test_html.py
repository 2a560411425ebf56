"""The HTML page: well-formed, self-contained, the same every time, and safe from what a server sends."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser
from typing import Any

import pytest

import reports
from reports import html, overview, phrases
from tests.reports import sample, sample_exchanges

VOID = {"meta", "input", "br", "link", "img", "hr"}


class Page(HTMLParser):
    """Collects tags, attributes and text, and holds that every tag that opens also closes."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(reports.render(sample.results(), "html"))


def poison(node: Any, key: str = "") -> Any:
    """Every free text of the results replaced by the hostile one; what the schema closes stays."""
    if isinstance(node, dict):
        return {name: poison(value, name) for name, value in node.items()}
    if isinstance(node, list):
        return [poison(value, key) for value in node]
    return (
        sample_exchanges.HOSTILE
        if isinstance(node, str) and key not in ("verdict", "usd", "cap_usd", "estimated_usd")
        else node
    )


def test_page_is_well_formed_and_ids_are_unique(page: Page) -> None:
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_every_link_leads_to_a_place_on_the_page(page: Page) -> None:
    ids = {attrs.get("id") for _, attrs in page.tags}
    links = {attrs["href"] or "" for tag, attrs in page.tags if tag == "a"}
    outside = {"https://tracker.example/4711"}  # the ticket of a waiver
    assert links > outside
    assert {link.removeprefix("#") for link in links - outside} <= ids


def test_page_loads_nothing(page: Page) -> None:
    assert not [tag for tag, attrs in page.tags if attrs.get("src") or tag in ("link", "img", "iframe", "object")]
    assert "url(" not in reports.render(sample.results(), "html")


def test_policy_allows_only_our_own_script(page: Page) -> None:
    policy = next(attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert not [attrs for _, attrs in page.tags if "style" in attrs]


@pytest.mark.parametrize("render", [html.render, lambda results: overview.render([results])])
def test_hostile_text_makes_no_markup(render: Any) -> None:
    poisoned = Page(render(poison(sample.results())))
    assert [tag for tag, _ in poisoned.tags].count("script") == 1
    assert not [name for _, attrs in poisoned.tags for name in attrs if name.startswith("on")]
    assert "</pre><script>alert('x')</script>" in poisoned.text
    assert "{{ 7*7 }}" in poisoned.text


def test_hidden_characters_are_shown() -> None:
    text = reports.render(sample.results(), "html")
    assert "\\x1b[31m" in text
    assert "\\u202e" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", text)


def test_lone_surrogate_can_be_written() -> None:
    results = sample.results()
    results["exchanges"]["x-0007"]["response_body"] = "\ud83d"
    assert b"\\ud83d" in reports.render(results, "html").encode()


def test_test_roots_are_in_the_first_line_of_the_banner(page: Page) -> None:
    plain = reports.render(sample.results(test_roots=False), "html")
    assert "TEST ROOTS Does not conform" in page.text
    assert "TEST ROOTS" not in plain


def test_page_shows_what_a_reader_needs(page: Page) -> None:
    for words in (
        "A prompt meant for an enclave reaches a machine whose operator can read it.",
        "assay run target.toml --only VT-013 --seed 20261120",
        "[DONE] as event 7 at 214.8 ms",
        "+52.1",
        "seen 12 times",
        "needs control, which the target lacks",
        "a property no client can observe",
        "$0.0182047 of at most $0.50, 143 calls",
        "Exchange x-gone is not among the excerpts",
        "260.8",
    ):
        assert words in page.text


def test_an_exchange_is_printed_once(page: Page) -> None:
    assert "Exchange x-0042 is shown at VT-065." in page.text


def test_an_error_is_not_told_as_a_loss(page: Page) -> None:
    losses = page.text.split("What a user loses")[1].split("What was run")[0]
    assert "VT-065" in losses
    assert "VT-095" not in losses


@pytest.mark.parametrize("kind", list(reports.KINDS))
def test_output_is_deterministic(kind: str) -> None:
    assert reports.render(sample.results(), kind) == reports.render(sample.results(), kind)


@pytest.mark.parametrize("kind", list(reports.KINDS))
def test_five_thousand_findings_stay_readable(kind: str) -> None:
    results = sample.results()
    for number in range(5000):
        row = results["requirements"][number % 20]
        identifier = f"x-{number}"
        found = sample.finding(row["id"], f"breach {number}", exchanges=[identifier], signature=f"{number:016x}")
        row["findings"].append(found)
        row["outcome"] = "fail"
        results["exchanges"][identifier] = results["exchanges"]["x-0051"] | {"id": identifier}
    started = time.perf_counter()
    text = reports.render(results, kind)
    assert time.perf_counter() - started < 20
    assert len(text) < 12_000_000


def test_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="html, junit, markdown, sarif, ctrf, badge, text"):
        reports.render(sample.results(), "pdf")


def test_overview_tells_contracts_of_one_target_apart_and_links_their_reports() -> None:
    other = sample.results()
    other["contract"]["name"] = "openai-core"
    page = Page(overview.render([sample.results(), other], ["a/report.html", "b/report.html"]))
    assert [attrs["href"] for tag, attrs in page.tags if tag == "a"][1:] == ["a/report.html", "b/report.html"]
    heads = page.text.split("Level")[-1]
    assert heads.index("voltagegpu-confidential") < heads.index("openai-core")


def test_overview_shows_where_runs_differ() -> None:
    other = sample.results()
    other["requirements"] = [row | {"outcome": "pass"} for row in other["requirements"] if row["id"] != "OC-001"]
    other["target"]["name"] = "production"
    matrix = Page(overview.render([sample.results(), other]))
    differs = [attrs["data-differs"] for _, attrs in matrix.tags if "data-differs" in attrs]
    assert len(differs) == len(sample.results()["requirements"])
    assert differs.count("yes") == 11  # ten outcomes that are not pass, and the requirement one run does not have
    assert "not in this run" in {attrs.get("title") for _, attrs in matrix.tags}


def test_what_a_contract_does_not_have_is_no_difference() -> None:
    """Two runs of one contract, and one of another that shares a requirement with it and has one of its own."""
    first, second, other = sample.results(), sample.results(), sample.results()
    kept = {row["id"]: row for row in other["requirements"]}
    other["contract"]["name"] = "openai-core"
    other["requirements"] = [kept["OC-001"], kept["OC-120"] | {"id": "OC-999"}, kept["OC-094"] | {"outcome": "fail"}]
    second["requirements"] = [row for row in second["requirements"] if row["id"] != "OC-007"]
    rows = re.findall(
        r'data-differs="(\w+)"><th scope="row"><span class="mono">([\w-]+)', overview.render([first, second, other])
    )
    assert {name for _, name in rows} == {*kept, "OC-999"}
    assert sorted(name for differs, name in rows if differs == "yes") == ["OC-007", "OC-094"]


def test_the_overview_has_the_worst_first() -> None:
    shown = Page(overview.render([sample.results()]))
    outcomes = [str(attrs["data-outcome"]) for _, attrs in shown.tags if "data-differs" in attrs]
    assert outcomes == sorted(outcomes, key=phrases.badness)
