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
    "differing": "charged otherwise",
    "missing": "not in the ledger",
    "unknown": "charged, not seen",
    "charged_again": "charged more than once",
    "nothing_due": "owed nothing",
    "not_judged": "not judged",
}
ALWAYS = ("calls", "matched", "exact", "differing")  # told even where they are none
BAD = tuple(COUNTS[name] for name in ("differing", "missing", "unknown", "charged_again"))
SMALL = 0.25  # of the whole: changes below it are seen only on an axis that does not begin at zero
CUT = 0.12  # of the drawing, that such an axis leaves to what it does not show


def usd(nano: int | None) -> str:
    """Nano-USD as USD with all nine places; nothing is a plain zero, so that an amount stands out."""
    if nano == 0:
        return "0 USD"
    return "not known" if nano is None else f"{Decimal(nano).scaleb(-9):,.9f} USD"


def signed(nano: int) -> str:
    return f"+{usd(nano)}" if nano > 0 else usd(nano)


@dataclass(frozen=True)
class Step:
    """One bar of the waterfall: what it stands for, and from where to where it reaches, in percent of the drawing."""

    label: str
    nano: int
    x: float
    width: float
    tone: str  # class of the bar: total, over or under


@dataclass(frozen=True)
class Axis:
    """Nano-USD to percent. Where `begins` is not zero, bars from zero are cut, and the page says so."""

    begins: int
    ends: int

    def at(self, nano: int) -> float:
        left = 100 * CUT if self.begins else 0
        return left + (100 - left) * (nano - self.begins) / (self.ends - self.begins) if nano or not self.begins else 0


def axis(levels: list[int]) -> Axis:
    """From zero, unless all that changes would then be too small to be seen."""
    low, high = min(levels), max(1, *levels)
    if low > 0 and high - low < SMALL * high and high > low:
        return Axis(low - (high - low) // 4 - 1, high)
    return Axis(min(0, low), high)


def steps(found: Mapping[str, Any]) -> list[Step]:
    """From what was due, cause by cause, to what was charged. The bars meet: nothing is left between them."""
    totals = found["totals"]
    changes = [(row["says"], row["sum_nano"]) for row in found["findings"]]
    changes += [("unexplained", totals["unexplained_nano"])] if totals["unexplained_nano"] else []
    changes += [("within the tolerance", totals["tolerated_nano"])] if totals["tolerated_nano"] else []
    levels = _levels(found)
    on = axis(levels)
    bars = [("due", 0, levels[0], "total")]
    bars += [(name, levels[n], levels[n + 1], "over" if by > 0 else "under") for n, (name, by) in enumerate(changes)]
    bars.append(("charged", 0, levels[-1], "total"))
    return [_step(on, *bar) for bar in bars]


def _levels(found: Mapping[str, Any]) -> list[int]:
    """What would have been charged after each cause, from what was due on."""
    totals = found["totals"]
    changes = [*(row["sum_nano"] for row in found["findings"]), totals["unexplained_nano"], totals["tolerated_nano"]]
    levels = [totals["due_nano"]]
    for number, change in enumerate(changes):
        if change or number < len(found["findings"]):
            levels.append(levels[-1] + change)
    return levels


def _step(on: Axis, label: str, begins: int, ends: int, tone: str) -> Step:
    low, high = sorted((on.at(begins), on.at(ends)))
    return Step(label, ends - begins, round(low, 2), round(max(high - low, 0.2), 2), tone)


def render(found: Mapping[str, Any]) -> str:
    """The page. The same reconciliation always gives the same bytes."""
    words, meaning, tone = VERDICTS[found["verdict"]]
    return page.fill("reconciliation.html.j2", found=found, words=words, meaning=meaning, tone=tone, **parts(found))


def parts(found: Mapping[str, Any]) -> dict[str, Any]:
    """What the template of a bill needs: the waterfall, the counts worth telling and how money is written."""
    counts = found["counts"]
    return {
        "bill_counts": [(label, counts[name]) for name, label in COUNTS.items() if counts[name] or name in ALWAYS],
        "steps": steps(found),
        "cut": axis(_levels(found)).begins > 0,
        "bad": BAD,
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
