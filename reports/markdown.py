"""results.json as Markdown for a job summary or a pull request. Server text is never read as markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reports import findings, legible, phrases, waived
from reports.sections import LIMIT, Section, fit, fits

_GROUPS = (5, 1)  # kinds of finding of one requirement: where the page is too long for five, one of each
_REST = "results.json"
_CUT = f"This page is cut to the length of a comment: {{}} of its entries are only in {_REST}."
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~@&!])")


def render(results: Mapping[str, Any]) -> str:
    """The page: verdict, what was run, counts, what is broken, what was not seen, what was left out.

    At most `sections.LIMIT` characters; where that is too few, it says how much is only in results.json.
    """
    opening, closing = _verdict(results), _summary(results)
    room = LIMIT - sum(len(part) + 2 for part in (*opening, *closing, _CUT)) - 10
    for groups in _GROUPS:
        found = _sections(results, groups)
        if fits(found, room):
            break
    texts, left = fit(found, room, _REST)
    return "\n\n".join([*opening, *([_CUT.format(left)] if left else []), *closing, *texts]) + "\n"


def _verdict(results: Mapping[str, Any]) -> list[str]:
    roots = f"> **{phrases.TEST_ROOTS}**: {phrases.TEST_ROOTS_MEANING}"
    words = [f"# {plain(phrases.headline(results))}", plain(phrases.verdict(results)[1])]
    return [word for word in (*words, roots if results["target"].get("test_roots") else "") if word]


def _summary(results: Mapping[str, Any]) -> list[str]:
    facts = [(plain(label), cell(value)) for label, value in phrases.facts(results)]
    return [_counts(results), table(("", "What was run"), facts)]


def _sections(results: Mapping[str, Any], groups: int) -> list[Section]:
    rows = phrases.worst_first(results["requirements"])
    broken = [row for row in rows if row["outcome"] == "fail"]
    waivers = [tuple(cell(text) for text in row) for row in waived.rows(results)]
    made = [
        Section("## Faults of the harness", [fence(fault) for fault in results.get("harness_faults") or []]),
        Section(f"## What is broken ({len(broken)})", [_broken(row, groups) for row in broken]),
        _listing("Could not be carried out", rows, ("error",)),
        _listing("Warnings", rows, ("warn",)),
        _listing("Not observed", rows, ("not-observed",)),
        listing("Waivers", waived.HEAD, waivers),
        _listing("Left out, with the reason", rows, ("excluded", "not-applicable", "waived")),
    ]
    return [section for section in made if section.entries]


def plain(text: str) -> str:
    """Text as text: nothing in it is read as Markdown, HTML, a mention or a table border."""
    return _SPECIAL.sub(r"\\\1", legible.line(text, 600)).replace("\\&", "&amp;").replace("\\<", "&lt;")


def code(text: str, limit: int = 300) -> str:
    """A code span that its own content cannot close."""
    shown = legible.line(text, limit)
    if not shown:
        return ""
    ticks = "`" * (_longest_ticks(shown) + 1)
    pad = " " if "`" in shown else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def cell(text: str) -> str:
    """A code span for a table, where a bar would end the cell even inside code."""
    return code(text).replace("|", "\\|")


def fence(text: str, limit: int = 2000) -> str:
    """A code block with a fence longer than any run of backticks inside it."""
    shown = legible.clip(legible.visible(text), limit)
    ticks = "`" * max(3, _longest_ticks(shown) + 1)
    return f"{ticks}text\n{shown}\n{ticks}"


def _longest_ticks(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A pipe table. Cells are already escaped by whoever made them."""
    return "\n".join(map(_line, (head, ["---"] * len(head), *rows)))


def listing(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Section:
    """A table under a heading that counts its rows, and that can be cut between them."""
    return Section(f"## {title} ({len(rows)})", [_line(cells) for cells in rows], head=table(head, ()))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _counts(results: Mapping[str, Any]) -> str:
    cells = [(f"{phrases.MARKS.get(name, '?')} {name}", str(count)) for name, count in phrases.tally(results).items()]
    return table(("Outcome", "Requirements"), cells)


def _broken(row: Mapping[str, Any], most: int) -> str:
    groups = findings.grouped(row["findings"])
    mark = phrases.MARKS.get(row["outcome"], "?")
    parts = [
        f"### {mark} {plain(row['id'])} {plain(row['title'])}",
        f"**{plain(row['level'])}** {plain(row['text'])}\n\n*Effect:* {plain(row['effect'])}",
        *([f"*Reason:* {code(row['reason'])}"] if row.get("reason") else []),
        *[_finding(group) for group in groups[:most]],
    ]
    if len(groups) > most:
        parts.append(f"{len(groups) - most} more kinds of finding are in {_REST}.")
    return "\n\n".join(parts)


def _finding(group: findings.Group) -> str:
    first = group.first
    lines = [f"{code(first['message'], 600)}" + (f" (seen {group.times} times)" if group.times > 1 else "")]
    lines += [f"- {key}: {code(first[key])}" for key in ("expected", "observed") if first.get(key)]
    shown = [fence(text) for _, text in findings.reproduce(first)]
    return "\n".join(lines) + "".join("\n\n" + block for block in shown)


def _listing(title: str, rows: list[dict[str, Any]], outcomes: tuple[str, ...]) -> Section:
    chosen = [row for row in rows if row["outcome"] in outcomes]
    cells = [(*(plain(row[name]) for name in ("id", "level", "outcome", "title")), _why(row)) for row in chosen]
    return listing(title, ("Id", "Level", "Outcome", "Title", "Reason"), cells)


def _why(row: Mapping[str, Any]) -> str:
    said = row.get("reason") or next((finding["message"] for finding in row["findings"]), "")
    return cell(said)
