"""What somebody demands of a certificate, as data, held against a statement. Pure but for the reading of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import specs
from harness.certificate.problem import Code, Problem
from harness.running.session import PROFILES

Demand = Callable[[Any, Mapping[str, Any], datetime], str | None]


def load(path: Path) -> dict[str, Any]:
    """The policy of a file, its keys as paths. Raises SpecError."""
    found = specs.certificate_policy(path)
    there = [level["name"] for level in specs.levels()]
    if unknown := [name for name in found.get("levels", ()) if name not in there]:
        raise specs.SpecError(f"{path}: levels: there is no {unknown[0]}; there are {', '.join(there)}")
    return {**found, "keys": [str(path.parent / name) for name in found.get("keys", ())]}


def unmet(policy: Mapping[str, Any], ours: Mapping[str, Any], at: datetime) -> Iterator[Problem]:
    """The demands that a statement does not meet."""
    for name, demand in DEMANDS.items():
        if name in policy and (said := demand(policy[name], ours, at)) is not None:
            yield Problem(Code.TOO_OLD if name == "max_age_days" else Code.POLICY, said, name)


def _same(*path: str) -> Demand:
    def demand(wanted: Any, ours: Mapping[str, Any], _at: datetime) -> str | None:
        found: Any = ours
        for name in path:
            found = found[name]
        return None if found == wanted else f"{' '.join(path)} is {found}, and {wanted} is demanded"

    return demand


def _levels(wanted: list[str], ours: Mapping[str, Any], _at: datetime) -> str | None:
    held = {level["name"] for level in ours["levels"] if level["held"]}
    return f"not held: {', '.join(sorted(set(wanted) - held))}" if set(wanted) - held else None


def _profile(wanted: str, ours: Mapping[str, Any], _at: datetime) -> str | None:
    found = ours["run"]["profile"]
    less = PROFILES.index(found) < PROFILES.index(wanted) or ours["run"]["only"] or ours["run"]["suites"]
    return f"profile {found} of a part was run, and all of {wanted} is demanded" if less else None


def _age(days: int, ours: Mapping[str, Any], at: datetime) -> str | None:
    ended = datetime.fromisoformat(ours["run"]["finished"])
    return f"the run ended {ended:%Y-%m-%d}, more than {days} days ago" if at - ended > timedelta(days) else None


def _roots(allowed: bool, ours: Mapping[str, Any], _at: datetime) -> str | None:
    test = ours["deployment"]["test_roots"] or (ours["attestation"] or {}).get("test_roots", False)
    return "evidence was judged by a laboratory's roots of trust" if test and not allowed else None


def _measured(wanted: Mapping[str, list[str]], ours: Mapping[str, Any], _at: datetime) -> str | None:
    sets = (ours["attestation"] or {}).get("measurements", [])
    if not sets:
        return "no accepted evidence measured anything"
    other = sorted({name for one in sets for name, taken in wanted.items() if one.get(name) not in taken})
    return f"{', '.join(other)} measured something else" if other else None


def _tls(wanted: list[str], ours: Mapping[str, Any], _at: datetime) -> str | None:
    seen = set(ours["tls_keys"])
    if not seen:
        return "no TLS key was seen"
    return f"the connections also showed {', '.join(sorted(seen - set(wanted)))}" if seen - set(wanted) else None


def _waived(most: int, ours: Mapping[str, Any], _at: datetime) -> str | None:
    count = sum(outcome == "waived" for outcome in ours["rows"].values())
    return f"{count} requirements are waived, and {most} are taken" if count > most else None


def _on_word(most: int, ours: Mapping[str, Any], _at: datetime) -> str | None:
    count = len(ours["judged_again"]["otherwise"])
    return f"{count} rows rest on the signer's word, and {most} are taken" if count > most else None


def _proof(wanted: bool, ours: Mapping[str, Any], _at: datetime) -> str | None:
    score = (ours["proof"] or {}).get("score", {})
    proven = (
        bool(score)
        and 0 < score["defects"] == score["killed"]  # nothing that was seeded proves nothing
        and score["must_proven"] == score["must_checked"]
    )
    return "no proof is with it in which every defect was killed" if wanted and not proven else None


DEMANDS: Mapping[str, Demand] = {
    "contract": _same("contract", "name"),
    "contract_digest": _same("contract", "digest"),
    "base_url": _same("deployment", "base_url"),
    "verdict": _same("verdict"),
    "levels": _levels,
    "profile": _profile,
    "max_age_days": _age,
    "test_roots": _roots,
    "measurements": _measured,
    "tls_keys": _tls,
    "max_waived": _waived,
    "max_on_word": _on_word,
    "proof": _proof,
}
