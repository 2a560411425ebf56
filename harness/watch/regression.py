"""What became worse between two runs of one contract. Pure: two results in, an alert out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BROKEN = frozenset({"fail", "error"})


def alert(before: Mapping[str, Any] | None, after: Mapping[str, Any], only: frozenset[str]) -> dict[str, Any] | None:
    """An alert where something that was kept is broken now, or cannot be told any more; None where nothing is worse.

    Without an earlier run of this target everything that is broken is news. `only` names themes; empty means all
    requirements.
    """
    if before is not None and before["target"]["name"] != after["target"]["name"]:
        before = None  # a folder may have been another target's
    known = {row["id"]: row["outcome"] for row in before["requirements"]} if before else {}
    worse = [_change(row, known.get(row["id"])) for row in after["requirements"] if _is_worse(row, known, only)]
    if not worse:
        return None
    run = after["run"]
    return {
        "type": "assay.regression",
        "contract": {"name": after["contract"]["name"], "digest": after["contract"]["digest"]},
        "target": {"name": after["target"]["name"], "base_url": after["target"]["base_url"]},
        "run": {"id": run["id"], "finished": run["finished"], "verdict": after["verdict"]},
        "previous": {"id": before["run"]["id"], "verdict": before["verdict"]} if before else None,
        "worse": worse,
    }


def lost(before: Mapping[str, Any], code: int) -> dict[str, Any]:
    """An alert where a run could not be made at all, after one that could."""
    return {
        "type": "assay.no_results",
        "contract": {"name": before["contract"]["name"], "digest": before["contract"]["digest"]},
        "target": {"name": before["target"]["name"], "base_url": before["target"]["base_url"]},
        "previous": {"id": before["run"]["id"], "verdict": before["verdict"]},
        "exit_code": code,
    }


def theme_of(row: Mapping[str, Any]) -> str:
    """attestation, bill or other, by the checks that decide a requirement and by its id."""
    suites = {str(check["id"]).split("/")[1] for check in row["checks"] if "/" in check["id"]}
    if "attestation" in suites or row["id"].startswith("AT-"):
        return "attestation"
    return "bill" if "billing" in suites or row["id"].startswith("BL-") else "other"


def _is_worse(row: Mapping[str, Any], known: Mapping[str, str], only: frozenset[str]) -> bool:
    if only and theme_of(row) not in only:
        return False
    was, now = known.get(row["id"]), row["outcome"]
    lost = was == "pass" and now == "not-observed" and row["level"] == "MUST"
    return (now in BROKEN and was not in BROKEN) or lost


def _change(row: Mapping[str, Any], was: str | None) -> dict[str, Any]:
    said = row["findings"][0]["message"] if row["findings"] else row.get("reason")
    shown = {key: row[key] for key in ("id", "level", "title", "effect")}
    return {**shown, "theme": theme_of(row), "was": was, "is": row["outcome"], "said": said}
