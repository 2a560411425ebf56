"""proof.json as Markdown and for the terminal: which defect was killed by which check, and what is still unproven."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from reports import legible, phrases, terminal
from reports.markdown import cell, plain, table

MARKS = {"killed": "✓", "survived": "✗", "error": "!", "not-clean": "▲"}
RULE = (
    "Each defect makes the reference mock do one thing wrong. It counts as killed only when the requirement passes "
    "on the clean mock and fails on the defect."
)
STYLES = {"killed": "green", "survived": "bold red", "error": "bold magenta", "not-clean": "yellow"}


def headline(proof: Mapping[str, Any]) -> str:
    """The score as one line, counted from the rows; the MUSTs come from the file because only it knows the contract."""
    killed = sum(row["outcome"] == "killed" for row in proof["rows"])
    score = proof["score"]
    musts = f"{score['must_proven']} of {score['must_checked']} checked MUSTs proven"
    if elsewhere := proof.get("elsewhere"):
        musts += f" ({len(elsewhere)} requirements by {', '.join(sorted(set(elsewhere.values())))})"
    return f"{killed} of {len(proof['rows'])} defects killed, {musts}"


def _contract(proof: Mapping[str, Any]) -> str:
    return f"{proof['contract']['name']} {proof['contract']['version']}"


def worst_first(proof: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Survivors first; the rest by name."""
    order = ["survived", "not-clean", "error", "killed"]
    return sorted(proof["rows"], key=lambda row: (_place(order, row["outcome"]), row["defect"]))


def _place(order: list[str], outcome: str) -> int:
    return order.index(outcome) if outcome in order else -1


def markdown(proof: Mapping[str, Any]) -> str:
    """The whole proof as a page for the documentation or a job summary."""
    parts = [
        f"# Proof of {plain(_contract(proof))}: {headline(proof)}",
        RULE,
        table(
            ("", "Defect", "What it does wrong", "Breaks", "Killed by", "Fails besides", "Time"),
            map(_cells, worst_first(proof)),
        ),
        *_unproven(proof),
        *_left_out(proof),
    ]
    return "\n\n".join(parts) + "\n"


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        f"{MARKS.get(row['outcome'], '?')} {plain(row['outcome'])}",
        cell(row["defect"]),
        _summary(row),
        plain(", ".join(row["breaks"])),
        "<br>".join(cell(check) for check in row["killed_by"]),
        _besides(row),
        phrases.seconds(row["duration_s"]),
    )


def _summary(row: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (plain(row["summary"]), plain(row.get("note") or ""))))


def _besides(row: Mapping[str, Any]) -> str:
    """What else failed; what the defect does not list is marked, for then a check is not selective."""
    return ", ".join([*map(plain, row["also_failed"]), *(f"**{plain(name)}** (unlisted)" for name in row["unlisted"])])


def _unproven(proof: Mapping[str, Any]) -> list[str]:
    if not proof["unproven"]:
        return []
    ids = ", ".join(plain(identifier) for identifier in proof["unproven"])
    return [f"## Unproven ({len(proof['unproven'])})", f"No defect kills the checks of these requirements: {ids}."]


def _left_out(proof: Mapping[str, Any]) -> list[str]:
    rows = [(plain(row["id"]), plain(row["reason"])) for row in proof["excluded_from_proof"]]
    return ["## Left out of the proof", table(("Id", "Reason"), rows)] if rows else []


def renderable(proof: Mapping[str, Any]) -> RenderableType:
    """The proof on a terminal: every defect that was not killed, then the killed ones, then what is unproven."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2), header_style="dim")
    for head in ("", "defect", "breaks", "killed by"):
        grid.add_column(head, overflow="fold")
    for row in worst_first(proof):
        outcome = Text(
            f"{MARKS.get(row['outcome'], '?')} {legible.line(row['outcome'])}", STYLES.get(row["outcome"], "")
        )
        by = "\n".join(legible.line(check.split("::", 1)[-1]) for check in row["killed_by"])
        grid.add_row(outcome, Text(legible.line(row["defect"])), Text(", ".join(row["breaks"])), Text(by))
    parts: list[RenderableType] = [Text(f"{legible.line(_contract(proof))}: {headline(proof)}", "bold"), Text(), grid]
    notes = [f"{row['defect']}: {row['note']}" for row in worst_first(proof) if row.get("note")]
    parts += [Text(f"\n{legible.line(note)}", "yellow") for note in notes]
    if proof["unproven"]:
        parts.append(Text(f"\nunproven: {', '.join(proof['unproven'])}", "bold red"))
    return Group(*parts)


def text(proof: Mapping[str, Any]) -> str:
    """The same as plain text."""
    return terminal.plain(renderable(proof), width=140)
