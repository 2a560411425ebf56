"""A reconciliation in words, on a terminal or as a self-contained HTML page. It decides nothing and rounds nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from reports import legible, page

VERDICTS = {
    "reconciles": ("Reconciles", "Every call that was seen was charged exactly what was due.", "conforms"),
    "differs": ("Does not reconcile", "The ledger does not charge what was due.", "does-not-conform"),
    "vacuous": (
        "Nothing matched",
        "No call could be held against an entry of the ledger. That is a failure, never a pass.",
        "does-not-conform",
    ),
    "incomplete": (
        "Incomplete",
        "Whatever could be judged is charged right, but some calls could not be judged.",
        "incomplete",
    ),
}
COUNTS = {
    "calls": "calls seen",
    "matched": "matched by id",
    "exact": "charged exactly",
    "differing": "ids that differ",
    "missing": "not in the ledger",
    "unknown": "charged, not seen",
    "charged_again": "charged more than once",
    "nothing_due": "owed nothing",
    "not_judged": "not judged",
}
WIDTH, BAR, GAP, LEFT = 1000, 26, 14, 330  # of the waterfall, in units of its drawing


def usd(nano: int | None) -> str:
    """Nano-USD as USD with all nine places; a difference that is not there is a plain zero."""
    return "not known" if nano is None else f"{Decimal(nano).scaleb(-9):,.9f} USD"


def signed(nano: int) -> str:
    return f"+{usd(nano)}" if nano > 0 else usd(nano)


@dataclass(frozen=True)
class Step:
    """One bar of the waterfall: what it stands for, and from where to where it reaches, in units of the drawing."""

    label: str
    nano: int
    x: float
    width: float
    y: int
    tone: str  # class of the bar: total, more or less


def steps(found: Mapping[str, Any]) -> list[Step]:
    """From what was due, cause by cause, to what was charged. The bars meet: nothing is left between them."""
    totals = found["totals"]
    changes = [(f"consistent with {row['cause']}", row["sum_nano"]) for row in found["findings"]]
    changes += [("unexplained", totals["unexplained_nano"])] if totals["unexplained_nano"] else []
    changes += [("within the tolerance", totals["tolerated_nano"])] if totals["tolerated_nano"] else []
    levels = [totals["due_nano"]]
    for _, change in changes:
        levels.append(levels[-1] + change)
    least, most = min(0, *levels), max(1, *levels)
    bars = [("due", 0, levels[0], "total")]
    bars += [(name, levels[n], levels[n + 1], "more" if by > 0 else "less") for n, (name, by) in enumerate(changes)]
    bars.append(("charged", 0, levels[-1], "total"))
    return [_step(n, *bar, (least, most)) for n, bar in enumerate(bars)]


def _step(number: int, label: str, begins: int, ends: int, tone: str, span: tuple[int, int]) -> Step:
    scale = (WIDTH - LEFT) / (span[1] - span[0])
    low, high = min(begins, ends), max(begins, ends)
    x, width = LEFT + (low - span[0]) * scale, max((high - low) * scale, 1.5)
    return Step(label, ends - begins, round(x, 2), round(width, 2), number * (BAR + GAP), tone)


def render(found: Mapping[str, Any]) -> str:
    """The page. The same reconciliation always gives the same bytes."""
    words, meaning, tone = VERDICTS[found["verdict"]]
    return page.fill("reconciliation.html.j2", found=found, words=words, meaning=meaning, tone=tone, **parts(found))


def parts(found: Mapping[str, Any]) -> dict[str, Any]:
    """What the template of a bill needs: the waterfall, the counts and how money is written."""
    drawn = steps(found)
    return {
        "bill_counts": [(label, found["counts"][name]) for name, label in COUNTS.items()],
        "steps": drawn,
        "height": len(drawn) * (BAR + GAP),
        "frame": {"width": WIDTH, "bar": BAR},
        "money": usd,
        "signed": signed,
    }


def text(found: Mapping[str, Any]) -> str:
    """The same for a terminal, in plain lines."""
    return "\n".join(legible.visible(line) for line in _lines(found)) + "\n"


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    words, meaning, _ = VERDICTS[found["verdict"]]
    totals, inputs = found["totals"], found["inputs"]
    yield f"{words}. {meaning}"
    yield f"{inputs['exchanges']} against {inputs['ledger']} ({inputs['format']}), paired by {inputs['paired_by']}"
    if inputs["window"]:
        yield f"window {inputs['window']}, its end not included"
    yield ""
    yield f"due        {usd(totals['due_nano'])}"
    yield f"charged    {usd(totals['charged_nano'])}"
    yield f"difference {signed(totals['difference_nano'])}"
    yield "  ".join(f"{found['counts'][name]} {label}" for name, label in COUNTS.items() if found["counts"][name])
    for finding in found["findings"]:
        yield from _finding(finding)
    if found["unexplained"]["ids"]:
        yield f"\nunexplained: {_ids(found['unexplained'])}"
        yield from map(_example, found["unexplained"]["examples"])
    for notice in found["notices"]:
        yield f"\nnote: {notice}"


def _finding(finding: Mapping[str, Any]) -> Iterator[str]:
    yield f"\nconsistent with {finding['cause']}: {finding['says']}"
    yield f"  {_ids(finding)}"
    if finding["also_consistent_with"]:
        yield f"  also consistent with {', '.join(finding['also_consistent_with'])}"
    yield from map(_example, finding["examples"])


def _ids(row: Mapping[str, Any]) -> str:
    return f"{row['ids']} {'id' if row['ids'] == 1 else 'ids'}, {signed(row['sum_nano'])}"


def _example(row: Mapping[str, Any]) -> str:
    named = legible.line(f"{row['request_id']} ({row['outcome'] or 'not seen'}, {row['model'] or 'no model'})")
    return f"    {named}: due {usd(row['due_nano'])}, charged {usd(row['charged_nano'])}"
