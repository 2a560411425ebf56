"""results.json on a terminal: rich renderables, and the same as plain text. Server text is never read as markup."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from reports import findings, legible, phrases

STYLES = {
    "fail": "bold red",
    "error": "bold magenta",
    "warn": "yellow",
    "pass": "green",
    "conforms": "bold green",
    "does-not-conform": "bold red",
    "incomplete": "bold yellow",
    "harness-fault": "bold magenta",
}
GAPS = {"Could not be carried out": "error", "Warnings": "warn", "Not observed": "not-observed"}
NOT_SELECTED = "not selected"  # the harness's own reason where the caller asked for less than everything
_GROUPS = 3


def renderable(results: Mapping[str, Any]) -> RenderableType:
    """What a run prints at its end: verdict, what was run, counts, then every broken requirement with its effect."""
    rows = phrases.worst_first(results["requirements"])
    parts: list[RenderableType] = [_verdict(results), Text(), _facts(results), Text(), _counts(results)]
    parts += [
        Text(f"\nharness fault: {legible.line(fault)}", "magenta") for fault in results.get("harness_faults") or []
    ]
    for row in rows:
        if row["outcome"] == "fail":
            parts += [Text(), _broken(row)]
    unasked = [row for row in rows if row.get("reason") == NOT_SELECTED]
    for title, outcome in GAPS.items():
        chosen = [row for row in rows if row["outcome"] == outcome and row not in unasked]
        if chosen:
            parts += [Text(), Text(f"{title} ({len(chosen)})", "bold"), _reasons(chosen)]
    if unasked:
        parts += [Text(), Text(f"{len(unasked)} requirements were not selected for this run.", "dim")]
    return Group(*parts)


def show(results: Mapping[str, Any], console: Console) -> None:
    """Print the run on a console that the caller owns."""
    console.print(renderable(results))


def render(results: Mapping[str, Any]) -> str:
    """The same as plain text, 100 columns wide, without colour or escape sequences."""
    return plain(renderable(results))


def plain(content: RenderableType, width: int = 100) -> str:
    """Any renderable as text; trailing blanks are taken off so that the output is the same everywhere."""
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, force_terminal=False, legacy_windows=False).print(content)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _verdict(results: Mapping[str, Any]) -> Text:
    text = Text(legible.line(phrases.headline(results)), STYLES.get(results["verdict"], "bold"))
    text.append("\n" + phrases.verdict(results)[1], "default")
    if results["target"].get("test_roots"):
        text.append("\n" + phrases.TEST_ROOTS_MEANING, "yellow")
    return text


def _facts(results: Mapping[str, Any]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in phrases.facts(results):
        grid.add_row(label, Text(legible.line(value)))
    return grid


def _counts(results: Mapping[str, Any]) -> Table:
    """Outcomes by level."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2), header_style="dim")
    for head in ("", *phrases.LEVELS, "all"):
        grid.add_column(head, justify="right" if head else "left")
    for name, count in phrases.tally(results).items():
        seen = [row["level"] for row in results["requirements"] if row["outcome"] == name]
        cells = [str(seen.count(level) or "") for level in phrases.LEVELS]
        grid.add_row(
            Text(f"{phrases.MARKS.get(name, '?')} {legible.line(name)}", STYLES.get(name, "")), *cells, str(count)
        )
    return grid


def _broken(row: Mapping[str, Any]) -> RenderableType:
    title = Text(f"{phrases.MARKS.get(row['outcome'], '?')} ", STYLES.get(row["outcome"], ""))
    title.append(legible.line(f"{row['id']} {row['level']}"), "bold").append("  " + legible.line(row["title"]))
    body: list[RenderableType] = [Text(legible.line(f"loses: {row['effect']}"), "italic")]
    if row.get("reason"):
        body.append(Text(legible.line(f"reason: {row['reason']}")))
    groups = findings.grouped(row["findings"])
    for group in groups[:_GROUPS]:
        body += [Text(text) for text in _finding(group)]
    if len(groups) > _GROUPS:
        body.append(Text(f"and {len(groups) - _GROUPS} more kinds of finding in results.json", "dim"))
    return Group(title, Padding(Group(*body), (0, 0, 0, 2)))


def _finding(group: findings.Group) -> list[str]:
    first = group.first
    times = f" (seen {group.times} times)" if group.times > 1 else ""
    lines = [f"- {legible.line(first['message'])}{times}"]
    lines += [f"  {key}: {legible.line(str(first[key]))}" for key in ("expected", "observed") if first.get(key)]
    for kind, text in findings.reproduce(first)[:1]:  # one line is enough here; the other is in the HTML report
        lines.append(f"  {'again' if kind == 'assay' else kind}: {legible.line(text, 600)}")
    return lines


def _reasons(rows: list[dict[str, Any]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for row in rows:
        grid.add_row(
            Text(legible.line(row["id"])), Text(row["level"]), Text(legible.line(row.get("reason") or row["title"]))
        )
    return grid
