"""results.json as Markdown for a job summary or a pull request. Server text is never read as markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reports import findings, legible, phrases, waived

_ROWS = 60  # a pull request comment holds 65,536 characters
_GROUPS = 5
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~@&!])")


def render(results: Mapping[str, Any]) -> str:
    """The whole page: verdict, what was run, counts, what is broken, what was not seen, what was left out."""
    rows = phrases.worst_first(results["requirements"])
    parts = [
        f"# {plain(phrases.headline(results))}",
        plain(phrases.verdict(results)[1]),
        *([f"> **{phrases.TEST_ROOTS}**: {phrases.TEST_ROOTS_MEANING}"] if results["target"].get("test_roots") else []),
        _counts(results),
        table(("", "What was run"), [(plain(label), cell(value)) for label, value in phrases.facts(results)]),
        *_faults(results),
        *_broken(rows),
        *_listing("Could not be carried out", rows, ("error",)),
        *_listing("Warnings", rows, ("warn",)),
        *_listing("Not observed", rows, ("not-observed",)),
        *_waivers(results),
        *_listing("Left out, with the reason", rows, ("excluded", "not-applicable", "waived")),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


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
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _counts(results: Mapping[str, Any]) -> str:
    cells = [(f"{phrases.MARKS.get(name, '?')} {name}", str(count)) for name, count in phrases.tally(results).items()]
    return table(("Outcome", "Requirements"), cells)


def _faults(results: Mapping[str, Any]) -> list[str]:
    faults = results.get("harness_faults") or []
    return ["## Faults of the harness", *[fence(fault) for fault in faults]] if faults else []


def _broken(rows: list[dict[str, Any]]) -> list[str]:
    broken = [row for row in rows if row["outcome"] == "fail"]
    if not broken:
        return []
    parts = [f"## What is broken ({len(broken)})"]
    for row in broken[:_ROWS]:
        parts += _section(row)
    if len(broken) > _ROWS:
        parts.append(f"{len(broken) - _ROWS} more are in results.json.")
    return parts


def _section(row: Mapping[str, Any]) -> list[str]:
    groups = findings.grouped(row["findings"])
    mark = phrases.MARKS.get(row["outcome"], "?")
    parts = [
        f"### {mark} {plain(row['id'])} {plain(row['title'])}",
        f"**{plain(row['level'])}** {plain(row['text'])}\n\n*Effect:* {plain(row['effect'])}",
        *([f"*Reason:* {code(row['reason'])}"] if row.get("reason") else []),
        *[_finding(group) for group in groups[:_GROUPS]],
    ]
    if len(groups) > _GROUPS:
        parts.append(f"{len(groups) - _GROUPS} more kinds of finding are in results.json.")
    return parts


def _finding(group: findings.Group) -> str:
    first = group.first
    lines = [f"{code(first['message'], 600)}" + (f" (seen {group.times} times)" if group.times > 1 else "")]
    lines += [f"- {key}: {code(first[key])}" for key in ("expected", "observed") if first.get(key)]
    shown = [fence(text) for _, text in findings.reproduce(first)]
    return "\n".join(lines) + "".join("\n\n" + block for block in shown)


def _waivers(results: Mapping[str, Any]) -> list[str]:
    found = [tuple(cell(text) for text in row) for row in waived.rows(results)]
    return [f"## Waivers ({len(found)})", table(waived.HEAD, found)] if found else []


def _listing(title: str, rows: list[dict[str, Any]], outcomes: tuple[str, ...]) -> list[str]:
    chosen = [row for row in rows if row["outcome"] in outcomes]
    if not chosen:
        return []
    cells = [(plain(row["id"]), row["level"], row["outcome"], plain(row["title"]), _why(row)) for row in chosen]
    return [f"## {title} ({len(chosen)})", table(("Id", "Level", "Outcome", "Title", "Reason"), cells)]


def _why(row: Mapping[str, Any]) -> str:
    said = row.get("reason") or next((finding["message"] for finding in row["findings"]), "")
    return cell(said)
