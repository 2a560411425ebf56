"""The words and order every report uses for verdicts and outcomes. It decides nothing: verdicts come from the run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from reports import waived

OUTCOMES = ("fail", "error", "warn", "pass", "not-observed", "not-applicable", "excluded", "waived")
LEVELS = ("MUST", "SHOULD", "MAY")
MARKS = {
    "fail": "✗",
    "error": "!",
    "warn": "▲",
    "pass": "✓",
    "not-observed": "○",
    "not-applicable": "–",
    "excluded": "⊘",
    "waived": "≈",
}
MEANINGS = {
    "fail": "The target breaks the requirement.",
    "error": "The check could not be carried out because a prerequisite was missing.",
    "warn": "A recommendation is not followed, or the answer is acceptable but not what the contract says.",
    "pass": "The requirement was observed and holds.",
    "not-observed": "Nothing was seen that could have shown a breach. This is never counted as a pass.",
    "not-applicable": "The contract says that this deployment does not have the feature.",
    "excluded": "No client can check it; the reason is written in the contract.",
    "waived": "A known breach that somebody accepted in writing.",
}
VERDICTS = {
    "conforms": ("Conforms", "No breach was found, and no MUST that applies was left unobserved."),
    "does-not-conform": ("Does not conform", "{fails} of {rows} requirements {are} broken."),
    "incomplete": ("Incomplete", "No breach was found, but {unseen} of {musts} MUSTs could not be checked."),
    "harness-fault": (
        "Harness fault",
        "The harness itself failed, so this run speaks neither for nor against the target.",
    ),
}
BILLS = {
    "reconciles": "The run reconciles: every call that was seen was charged exactly what was due.",
    "differs": "The run does not reconcile: the ledger does not charge what was due.",
    "vacuous": "No call could be held against an entry of the ledger. That is a failure, never a pass.",
    "incomplete": "Whatever could be judged is charged right, but some calls could not be judged.",
}
PARTLY = {"conforms": " in what was asked"}  # a green word must not cover what nobody asked
NOT_SELECTED = "not selected"  # the harness's own reason where the caller asked for less than everything
TEST_ROOTS = "TEST ROOTS"
TEST_ROOTS_MEANING = (
    "Attestation evidence was judged against test roots of trust. "
    "Nothing in this run says anything about real hardware."
)


def verdict(results: Mapping[str, Any]) -> tuple[str, str]:
    """The headline and the sentence below it; an unknown verdict is shown as it is and not explained."""
    name = str(results["verdict"])
    headline, meaning = VERDICTS.get(name, (name, ""))
    counted = _figures(results)
    if name == "does-not-conform" and not counted["fails"] and waived.red(results):
        meaning = "Nothing is broken that nobody accepted, but not every waiver holds."
    sentences = [meaning.format(**counted)]
    rows = results["requirements"]
    if any(row.get("reason") == NOT_SELECTED for row in rows):
        headline += PARTLY.get(name, "")
        sentences.append(f"Only {counted['rows']} of {len(rows)} requirements were selected for this run.")
    if count := sum(row["outcome"] == "waived" for row in results["requirements"]):
        sentences.append(f"Waived and not counted: {count}.")
    if wrong := waived.red(results):
        told = "; ".join(f"{waiver['requirement']} {waiver['state']}: {waiver['said']}" for waiver in wrong)
        sentences.append(f"Waivers that do not hold: {told}.")
    if results["run"].get("interrupted"):
        sentences.append("The run was interrupted before its end.")
    return headline, " ".join(filter(None, sentences))


def _figures(results: Mapping[str, Any]) -> dict[str, Any]:
    """What the sentence below the verdict counts; requirements that nobody could, or wanted to, check are left out."""
    beside = {"excluded", "not-applicable"}
    rows = [r for r in results["requirements"] if r["outcome"] not in beside and r.get("reason") != NOT_SELECTED]
    musts = [row["outcome"] for row in rows if row["level"] == "MUST"]
    fails = sum(row["outcome"] == "fail" for row in rows)
    unseen = sum(outcome in {"error", "not-observed"} for outcome in musts)
    are = "is" if fails == 1 else "are"
    return {"fails": fails, "rows": len(rows), "are": are, "unseen": unseen, "musts": len(musts)}


def headline(results: Mapping[str, Any]) -> str:
    """The first line of every report: a run on test roots says so before it says anything else."""
    words = verdict(results)[0]
    return f"{TEST_ROOTS} · {words}" if results["target"].get("test_roots") else words


def badness(outcome: str) -> int:
    """Worst first; an outcome nobody knows sorts before all others so that it is seen."""
    return OUTCOMES.index(outcome) if outcome in OUTCOMES else -1


def worst_first(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Requirements by outcome, then level, then id."""
    return sorted(rows, key=lambda row: (badness(row["outcome"]), _rank(row["level"]), row["id"]))


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else len(LEVELS)


def tally(results: Mapping[str, Any]) -> dict[str, int]:
    """How many requirements have each outcome, counted from the rows and not from what the file claims."""
    seen = [row["outcome"] for row in results["requirements"]]
    names = [*OUTCOMES, *sorted(set(seen) - set(OUTCOMES))]
    return {name: seen.count(name) for name in names if name in seen}


def suite(check_id: str) -> str:
    """The folder under suites/ that a pytest node id lies in, which is the theme of the check."""
    parts = check_id.split("::", 1)[0].split("/")
    if parts == ["sweep"]:  # what the harness found in answers that no check had looked at
        return "sweep"
    if "suites" in parts[:-1] and parts.index("suites") + 2 < len(parts):
        return parts[parts.index("suites") + 1]
    return parts[-2] if len(parts) > 1 else "other"


def suites(row: Mapping[str, Any]) -> list[str]:
    return sorted({suite(check["id"]) for check in row["checks"]})


def seconds(value: float) -> str:
    """A duration for people: 850 ms, 12.4 s, 3 min 05 s."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    return f"{int(value) // 60} min {int(value) % 60:02d} s"


def number(value: object) -> str:
    """A count or a rate for people: 12,118, 26.0, 1.27; what is no number stays."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 or value == int(value) else f"{value:.3g}"


def with_unit(value: object, level: str) -> str:
    """What was measured, in the unit of its service level such as ttft_p99=500ms."""
    unit = re.search(r"[^0-9.]*$", level.partition("=")[2])
    return f"{number(value)} {unit[0] if unit else ''}".rstrip()


def still(trends: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is said of the figures of a load that nothing tells from standing still."""
    return [row["said"] for row in trends if row["low"] <= 0 <= row["high"]]


def usd(value: object) -> str:
    """A decimal string with at least two places and no trailing zeros after them; text that is no number stays."""
    try:
        amount = Decimal(str(value))
    except ArithmeticError:
        return str(value)
    whole, _, part = f"{amount:f}".partition(".")
    return f"${whole}.{part.rstrip('0').ljust(2, '0')}"


def moment(value: object) -> str:
    """A time of results.json as people read it, to the second."""
    return f"{str(value)[:19].replace('T', ' ')} UTC"


def _spent(spend: Mapping[str, Any]) -> str:
    cap = "without a cap" if spend["cap_usd"] is None else f"of at most {usd(spend['cap_usd'])}"
    return f"{usd(spend['usd'])} {cap}, {number(spend['calls'])} calls"


def _estimated(spend: Mapping[str, Any]) -> str | None:
    """Nothing where the plan had no price or no count; half an estimate shows the half there is."""
    cost = None if spend["estimated_usd"] is None else usd(spend["estimated_usd"])
    calls = None if spend["estimated_calls"] is None else f"{number(spend['estimated_calls'])} calls"
    return ", ".join(filter(None, (cost, calls))) or None


def reached(results: Mapping[str, Any]) -> str | None:
    """Operations and documented status codes that were seen, in words; None in a file of an older version."""
    found = results.get("coverage")
    if not found:
        return None
    statuses = f"{found['statuses_seen']} of {found['statuses_documented']} documented status codes"
    return f"{found['reached']} of {found['of']} operations, {statuses}"


def fuzzed(results: Mapping[str, Any]) -> str | None:
    """What generated requests reached, in words; None where none were made."""
    found = results.get("fuzz") or {}
    if not (reach := found.get("reach")):
        return None
    asked = sum(found["cases"].values())
    bounds = f"{reach['bounds_reached']} of {reach['bounds']} bounds of parameters"
    return f"{number(asked)} requests, {bounds}, {reach['kinds_of_answers']} kinds of answers"


def facts(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was run, as label and value, in the order every report shows them."""
    run, contract, target, spend = (results[key] for key in ("run", "contract", "target", "spend"))
    tool = run["tool"]
    pairs = [
        ("Target", f"{target['name']} ({target['base_url']})"),
        ("Model", target.get("model")),
        ("Contract", f"{contract['name']} {contract['version']}"),
        ("Contract digest", contract.get("digest")),
        ("Extends", ", ".join(contract.get("extends") or [])),
        ("Profile", run["profile"]),
        ("Seed", run["seed"]),
        ("Suites", ", ".join(run.get("suites") or [])),
        ("Only", ", ".join(run.get("only") or [])),
        ("Capabilities", ", ".join(target.get("capabilities") or []) or "none"),
        ("Reached", reached(results)),
        ("Fuzzed", fuzzed(results)),
        ("Spent", _spent(spend)),
        ("Estimated", _estimated(spend)),
        ("Started", moment(run["started"])),
        ("Duration", seconds(run["duration_s"])),
        ("Tool", f"{tool['name']} {tool['version']}, Python {tool['python']}"),
        ("Run", run["id"]),
        ("Command", run.get("command")),
    ]
    return [(label, str(value)) for label, value in pairs if value not in (None, "")]
