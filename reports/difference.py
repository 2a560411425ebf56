"""Two runs of the same contract held against each other, requirement by requirement. It judges no run again.

Nothing counts as better that is only no longer seen: from fail to not-observed is other evidence, not an improvement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reports import phrases

Row = Mapping[str, Any]
KINDS = {
    "regressed": "Worse than before, or seen before and not any more.",
    "improved": "Better than before, and seen.",
    "added": "Only in the second run.",
    "removed": "Only in the first run.",
    "changed": "The same outcome on other evidence, or a change that is neither better nor worse.",
}
SEEN = {"pass": 0, "warn": 1, "fail": 2}  # what was observed, best first
UNSEEN = {"not-observed", "error"}
LEFT_OUT = {"excluded", "not-applicable"}
ALTERED = ("verdict", "code", "status")  # of the evidence
_NUMBERS = re.compile(r"[0-9a-f]{8,}|\d+(\.\d+)?")
DIFFERS, CONFORMS, INCOMPLETE = 1, 0, 4


def between(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The difference as one document: a list of rows for each kind, and what tells the two runs apart."""
    before, after = ({row["id"]: row for row in run["requirements"]} for run in (old, new))
    rows: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    compared = 0
    for identifier in sorted(before.keys() | after.keys()):
        was, now = before.get(identifier), after.get(identifier)
        if any(row is not None and row.get("reason") == phrases.NOT_SELECTED for row in (was, now)):
            continue  # nobody asked: that says nothing of the deployment
        compared += 1
        if (kind := kind_of(was, now)) is not None:
            rows[kind].append(_row(was, now))
    for found in rows.values():
        found.sort(key=lambda row: phrases.badness(row["to"] or row["from"]))
    document = {
        "from": _run(old),
        "to": _run(new),
        "compared": compared,
        "same": compared - sum(map(len, rows.values())),
        "apart": list(_apart(old, new)),
        "evidence": list(_evidence(old.get("attestation") or {}, new.get("attestation") or {})),
        **rows,
    }
    return {**document, "exit_code": exit_code(document)}


def kind_of(was: Row | None, now: Row | None) -> str | None:
    """Which kind of change it is; None where nothing changed."""
    if was is None:
        return "added"
    if now is None:
        return "removed"
    old, new = was["outcome"], now["outcome"]
    if old == new:
        return "changed" if _traces(was) != _traces(now) else None
    if new in SEEN and (old in UNSEEN or old in SEEN):
        worse = SEEN[new] > SEEN.get(old, 0)
        return "regressed" if worse else "improved"
    if old in {"pass", "warn"} and new in UNSEEN:
        return "regressed"
    if (old in LEFT_OUT and new in {"fail", "warn"}) or (old, new) == ("waived", "fail"):
        return "regressed"  # broken, and nobody had seen or accepted it so
    return "changed"


def exit_code(found: Mapping[str, Any]) -> int:
    """1 where something is broken that was not, or that is new; 4 where something is only no longer seen; else 0."""
    outcomes = [row["to"] for row in (*found["regressed"], *found["added"])]
    if any(outcome in {"fail", "warn"} for outcome in outcomes):
        return DIFFERS
    return INCOMPLETE if any(outcome in UNSEEN for outcome in outcomes) else CONFORMS


def _traces(row: Row) -> tuple[object, ...]:
    """What an outcome rests on, without the numbers that differ from run to run."""
    reason = _NUMBERS.sub("#", row.get("reason") or "") if row["outcome"] != "pass" else ""
    signatures = frozenset(finding["signature"] for finding in row["findings"])
    return signatures, frozenset(check["id"] for check in row["checks"]), reason


def _row(was: Row | None, now: Row | None) -> dict[str, Any]:
    stated = now or was
    assert stated is not None
    before, after = _findings(was), _findings(now)
    return {
        **{name: stated[name] for name in ("id", "level", "title", "effect")},
        "from": was["outcome"] if was else None,
        "to": now["outcome"] if now else None,
        "reason": (now or {}).get("reason"),
        "appeared": [message for signature, message in after.items() if signature not in before],
        "gone": [message for signature, message in before.items() if signature not in after],
        "checks": _checks(was, now),
    }


def _findings(row: Row | None) -> dict[str, str]:
    return {finding["signature"]: finding["message"] for finding in (row["findings"] if row else ())}


def _checks(was: Row | None, now: Row | None) -> list[str]:
    """Checks that only one of the runs has made, with a sign that says which."""
    if was is None or now is None:
        return []
    before, after = ({check["id"] for check in row["checks"]} for row in (was, now))
    return [f"+ {name}" for name in sorted(after - before)] + [f"- {name}" for name in sorted(before - after)]


def _run(run: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": run["run"]["id"],
        "started": run["run"]["started"],
        "target": run["target"]["name"],
        "contract": f"{run['contract']['name']} {run['contract']['version']}",
        "verdict": run["verdict"],
        "test_roots": bool(run["target"]["test_roots"]),
        "counts": phrases.tally(run),
    }


def _apart(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """What was run differently: whoever compares must know that it was not the same."""
    facts = [dict(phrases.facts(run)) for run in (old, new)]
    names = (
        "Target",
        "Model",
        "Contract",
        "Contract digest",
        "Profile",
        "Seed",
        "Suites",
        "Only",
        "Capabilities",
        "Tool",
    )
    for name in names:
        was, now = (known.get(name, "none") for known in facts)
        if was != now:
            yield {"what": name, "from": was, "to": now}
    if old["target"]["test_roots"] != new["target"]["test_roots"]:
        yield {"what": "Test roots", **{k: str(run["target"]["test_roots"]) for k, run in (("from", old), ("to", new))}}


def _evidence(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Measurements and verdicts of the attestation that are others now."""
    if not old or not new:
        return
    tables = [{name: _told(found.get(name)) for name in ALTERED} | _measured(found) for found in (old, new)]
    for name in sorted(tables[0].keys() | tables[1].keys()):
        was, now = (table.get(name, "none") for table in tables)
        if was != now and name != "report_data":  # which holds our nonce
            yield {"what": name, "from": was, "to": now}


def _measured(found: Mapping[str, Any]) -> dict[str, str]:
    claims = found.get("claims") or {}
    shown = {name: _told(claims.get(name)) for name in ("fmspc", "format", "binding", "channel", "policy")}
    return {**shown, **(claims.get("measurements") or {})}


def _told(value: object) -> str:
    return "none" if value is None else str(value)
