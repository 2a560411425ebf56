"""results.json on a terminal: rich renderables, and the same as plain text. Server text is never read as markup."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from reports import findings, legible, phrases, waived

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
_GROUPS = 3


def renderable(results: Mapping[str, Any]) -> RenderableType:
    """What a run prints at its end: verdict, what was run, counts, then every broken requirement with its effect."""
    rows = phrases.worst_first(results["requirements"])
    parts: list[RenderableType] = [_verdict(results), Text(), _counts(results), Text(), _facts(results)]
    parts += [
        Text(f"\nharness fault: {legible.line(fault)}", "magenta") for fault in results.get("harness_faults") or []
    ]
    broken = [row for row in rows if row["outcome"] == "fail"]
    for row in broken:
        parts += [Text(), _broken(row)]
    parts += _again(broken)
    if told := waived.rows(results):
        parts += [Text(), Text(f"Waivers ({len(told)})", "bold"), _waivers(told)]
    unasked = [row for row in rows if row.get("reason") == phrases.NOT_SELECTED]
    for title, outcome in GAPS.items():
        chosen = [row for row in rows if row["outcome"] == outcome and row not in unasked]
        if chosen:
            parts += [Text(), Text(f"{title} ({len(chosen)})", "bold"), _reasons(chosen)]
    return Group(*parts)


def last_line(results: Mapping[str, Any], *, named: bool = False) -> Text:
    """The verdict once more, for who sees only the end of a long page. `named`: with its contract before it."""
    words, meaning = phrases.verdict(results)
    text = Text(f"{results['contract']['name']}: " if named else "\n")
    return text.append(f"{words}. ", STYLES.get(results["verdict"], "bold")).append(legible.line(meaning, 300))


def show(results: Mapping[str, Any], console: Console) -> None:
    """Print the run on a console that the caller owns."""
    console.print(renderable(results), crop=False)  # a command to copy may be longer than a line


def render(results: Mapping[str, Any]) -> str:
    """The same as plain text, 100 columns wide, without colour or escape sequences."""
    return plain(renderable(results))


def plain(content: RenderableType, width: int = 100) -> str:
    """Any renderable as text; trailing blanks are taken off so that the output is the same everywhere."""
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, force_terminal=False, legacy_windows=False).print(
        content, crop=False
    )
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _verdict(results: Mapping[str, Any]) -> Text:
    text = Text.assemble((legible.line(phrases.headline(results)), STYLES.get(results["verdict"], "bold")))
    text.append("\n" + phrases.verdict(results)[1])
    if results["target"].get("test_roots"):
        text.append("\n" + phrases.TEST_ROOTS_MEANING, "yellow")
    return text


def _facts(results: Mapping[str, Any]) -> Table:
    """Only what tells this run from another: digests, times and the command line are in every file of the run."""
    known = dict(phrases.facts(results))
    seed, spent = f"seed {known['Seed']}", known["Spent"]
    shown = {
        **{name.lower(): known.get(name) for name in ("Target", "Model", "Contract", "Suites", "Only")},
        "run": f"{known['Run']} · {known['Profile']} · {seed} · {known['Duration']}",
        "offers": known["Capabilities"],
        "reached": known.get("Reached"),
        "fuzzed": known.get("Fuzzed"),
        "spent": f"{spent} (planned: {known['Estimated']})" if "Estimated" in known else spent,
    }
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in shown.items():
        if value:
            grid.add_row(label, Text(legible.line(value)))
    return grid


def _counts(results: Mapping[str, Any]) -> Table:
    """Outcomes by level; a level that no requirement has gets no column."""
    levels = [level for level in phrases.LEVELS if any(row["level"] == level for row in results["requirements"])]
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for head in ("", *levels, "all"):
        grid.add_column(head, justify="right" if head else "left")
    for name, count in phrases.tally(results).items():
        seen = [row["level"] for row in results["requirements"] if row["outcome"] == name]
        cells = [str(seen.count(level) or "") for level in levels]
        grid.add_row(
            Text(f"{phrases.MARKS.get(name, '?')} {legible.line(name)}", STYLES.get(name, "")), *cells, str(count)
        )
    return grid


def _broken(row: Mapping[str, Any]) -> RenderableType:
    title = Text(f"{phrases.MARKS.get(row['outcome'], '?')} ", STYLES.get(row["outcome"], ""))
    title.append(legible.line(f"{row['id']} {row['level']}"), "bold").append("  " + legible.line(row["title"]))
    body: list[RenderableType] = [Text(legible.line(row["effect"]), "italic")]
    if row.get("reason"):
        body.append(Text(legible.line(f"reason: {row['reason']}")))
    groups = findings.grouped(row["findings"])
    body += [_finding(group) for group in groups[:_GROUPS]]
    if len(groups) > _GROUPS:
        body.append(Text(f"and {len(groups) - _GROUPS} more kinds of finding in results.json", "dim"))
    return Group(title, Padding(Group(*body), (0, 0, 0, 2)))


def _finding(group: findings.Group) -> Table:
    first = group.first
    times = f" (seen {group.times} times)" if group.times > 1 else ""
    lines = [f"{legible.line(first['message'])}{times}"]
    lines += [f"{key}: {legible.line(str(first[key]))}" for key in ("expected", "observed") if first.get(key)]
    grid = Table.grid(padding=(0, 1))
    grid.add_row("-", Text("\n".join(lines), overflow="fold"))
    return grid


def _again(broken: list[dict[str, Any]]) -> list[RenderableType]:
    """The line that shows the first breach again. It is never wrapped: it is there to be copied."""
    lines = [text for row in broken for finding in row["findings"][:1] for _, text in findings.reproduce(finding)[:1]]
    if not lines:
        return []
    others = "" if len(broken) == 1 else " (the others likewise, by their ids)"
    line = Text(f"  {legible.line(lines[0], 2000)}", no_wrap=True, overflow="ignore")
    return [Text(f"\nTo see it again{others}; curl lines are in the report:", "dim"), line]


def _waivers(told: list[tuple[str, ...]]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for requirement, state, until, owner, reason, link, said in told:
        words = Text(legible.line(state), "bold red" if state.isupper() else "")
        words.append(" " + legible.line(f"until {until} by {owner}: {reason} ({link})"), "dim")
        grid.add_row(legible.line(requirement), words.append("\n" + legible.line(said)))
    return grid


def _reasons(rows: list[dict[str, Any]]) -> Table:
    """Each reason once, beside the requirements it holds for: a target that is down gives hundreds the same one."""
    ids_of: dict[str, list[str]] = {}
    for row in rows:
        level = "" if row["level"] == "MUST" else f" ({row['level']})"
        ids_of.setdefault(row.get("reason") or row["title"], []).append(legible.line(f"{row['id']}{level}"))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for reason, ids in ids_of.items():
        told = Text(legible.line(reason))
        if len(ids) == 1:
            grid.add_row(ids[0], told)
        else:
            grid.add_row(f"{len(ids)} of them", told.append("\n" + ", ".join(ids), "dim"))
    return grid
