"""A Markdown page fits into a comment whatever a run found, is whole Markdown, and says what it leaves out."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import reports
from reports import comparison, difference, sections
from tests.reports import sample
from tests.reports.sample_exchanges import HOSTILE

COMMENT = 65_536  # characters that GitHub takes
LETTERS = [
    "a",
    "`",
    "```",
    "~~~",
    "|",
    "\\",
    "&",
    "<",
    "#",
    "- ",
    "\n",
    "\r",
    "\t",
    "\x00",
    "\u202e",
    "é",
    "漢",
    "😀",
    "\ud800",
    " ",
]
OUTCOMES = ["fail", "error", "warn", "not-observed", "excluded", "waived", "pass"]


def words(chance: random.Random) -> str:
    if chance.random() < 0.1:
        return HOSTILE
    return "".join(chance.choices(LETTERS, k=int(chance.paretovariate(0.7)) % 5000))


def odd(seed: int, findings: int, rows: int) -> dict[str, Any]:
    """A run of so many rows that share so many findings, all of odd lengths and characters."""
    chance, made = random.Random(seed), sample.results()
    row = made["requirements"][0]
    made["requirements"] = [
        row
        | {"id": f"XX-{number:04d}", "outcome": chance.choice(OUTCOMES), "findings": [], "reason": words(chance)}
        | {name: words(chance) for name in ("title", "text", "effect")}
        for number in range(rows)
    ]
    for number in range(findings):
        found = sample.finding("XX", words(chance), expected=words(chance), observed=words(chance))
        found["signature"] = f"{number % 97}"
        found["reproduce"]["curl"] = words(chance)
        chance.choice(made["requirements"])["findings"].append(found)
    made["harness_faults"] = [words(chance) for _ in range(chance.choice([0, 0, 3, 200]))]
    return made


def whole(page: str) -> list[str]:
    """Its headings, once it is known that nothing in it is cut in the middle."""
    tokens = MarkdownIt("commonmark").enable("table").parse(page)
    lines = page.split("\n")
    for token in tokens:
        if token.type == "fence":
            assert lines[(token.map or [0])[-1] - 1] == token.markup, "a fence that nothing closes"
        if token.type == "tr_open":
            assert lines[(token.map or [0])[0]].endswith(" |"), "a row that is cut"
    return [tokens[number + 1].content for number, token in enumerate(tokens) if token.type == "heading_open"]


def counted(page: str) -> int:
    return sum(int(number) for number in re.findall(r"^(\d+) (?:more )?are in ", page, re.MULTILINE))


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1, 40, 700]), st.sampled_from([0, 60, 5000]))
def test_any_run_fits_into_a_comment(seed: int, rows: int, findings: int) -> None:
    results = odd(seed, findings, rows)
    page = reports.render(results, "markdown")
    assert len(page) < COMMENT
    headings = whole(page)
    assert headings[0].startswith("TEST ROOTS · Does not conform")
    shown = sum(" XX-" in heading for heading in headings) + len(re.findall(r"^\| XX-", page, re.MULTILINE))
    shown += len(re.findall(r"^```+text$", page.split("\n## What is broken")[0], re.MULTILINE))  # faults
    told = sum(row["outcome"] != "pass" for row in results["requirements"]) + len(results["harness_faults"])
    assert shown + counted(page) == told + len(results["waivers"]) - page.count("| `OC-110`")
    cut = re.search(r"^This page is cut to the length of a comment: (\d+) of its entries", page, re.MULTILINE)
    assert (int(cut[1]) if cut else 0) == counted(page)


def test_what_is_broken_is_shown_before_what_was_only_left_out() -> None:
    page = reports.render(odd(7, 5000, 700), "markdown")
    shown = " ".join(whole(page))
    assert "What is broken" in shown
    assert "Left out, with the reason" in shown, "a long section hides no other"
    assert "✗ XX-" in page
    assert len(page) > 0.9 * sections.LIMIT, "what there is room for is shown"


def test_a_short_run_is_shown_whole() -> None:
    page = reports.render(sample.results(), "markdown")
    assert "results.json" not in page
    assert counted(page) == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_a_difference_fits_too(seed: int) -> None:
    page = comparison.markdown(difference.between(sample.results(), odd(seed, 5000, 5000)))
    assert len(page) < COMMENT
    assert "5000 added" in whole(page)[0]
    assert "are in the results.json of the two runs." in page
