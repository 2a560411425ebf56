"""The table of the fuzz bench in Markdown, with confidence intervals where a sample stands for the catalogue. Pure."""

from __future__ import annotations

import math
import statistics
from typing import Any

Row = dict[str, Any]
NAMES = {"schemathesis": "`st run` at its defaults", "ours": "`assay run --suite fuzz`"}
Z = 1.96  # of 95 %


def interval(found: int, of: int, whole: int) -> tuple[float, float]:
    """Wilson's interval of a share at 95 %, narrower the larger a part of the whole the sample is."""
    if of == 0:
        return 0.0, 1.0
    share = found / of
    left = 1.0 if whole <= 1 else (whole - of) / (whole - 1)
    z2 = Z * Z * left  # a sample without return of a finite catalogue
    if z2 == 0:
        return share, share
    middle, half = share + z2 / (2 * of), math.sqrt(z2 * (share * (1 - share) / of + z2 / (4 * of * of)))
    return (middle - half) / (1 + z2 / of), (middle + half) / (1 + z2 / of)


def written(rows: list[Row], head: dict[str, Any], about: dict[str, Any]) -> str:
    """The whole table, with what it was measured with."""
    budget, whole = head["budget"], about["of"]
    lines = [
        f"{len(rows)} of the {whole} API-shaped defects of `{about['contract']}`"
        + (", drawn at random" if len(rows) < whole else "")
        + f"; equal bill: {budget['billed']} billed answers, equal time: {budget['seconds']:.1f} s.",
        "",
        "| | in all | at an equal bill | at equal time | seconds | calls | billed answers |",
        "|---|---|---|---|---|---|---|",
    ]
    for tool, name in NAMES.items():
        cells = [_count(rows, tool, how, whole) for how in ("found", "at_equal_bill", "at_equal_time")]
        clean = head["clean"][tool]
        cells += [f"{statistics.median(run[what] for run in clean):.0f}" for what in ("seconds", "calls", "billed")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    theirs = [row for row in rows if row["schemathesis"]["at_equal_bill"] and not row["ours"]["at_equal_bill"]]
    errors = sum("error" in row[tool] for row in rows for tool in NAMES)
    seen = {tool: max(run["findings"] for run in runs) for tool, runs in head["clean"].items()}
    load = " to ".join(f"{each:.1f}" for each in about["load"])
    controls = (
        f"Without a defect: {len(head['clean_findings']['schemathesis'])} findings of schemathesis in "
        f"{len(head['clean']['schemathesis'])} runs, {seen['ours']} of ours. Found by schemathesis alone at an equal "
        f"bill: {', '.join(row['defect'] for row in theirs) or 'none'}. Trials that failed: {errors}."
    )
    circumstances = (
        f"schemathesis {about['schemathesis']}, hypothesis {about['hypothesis']}, Python {about['python']}; "
        f"{about['machine']}, load {load}, {about['minutes']:.0f} minutes."
    )
    lines += ["", controls, circumstances, ""]
    return "\n".join(lines)


def _count(rows: list[Row], tool: str, how: str, whole: int) -> str:
    found = sum(row[tool][how] for row in rows)
    if not rows or len(rows) == whole:
        return str(found)
    low, high = interval(found, len(rows), whole)
    return f"{found} ({low:.0%} to {high:.0%})"
