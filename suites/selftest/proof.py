"""What the trials of a contract come to: proof.json. Nothing is proven by what the clean mock may have caused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import specs
from harness import __version__
from harness.model import Outcome
from harness.running.checks import checks_by_requirement
from specs import Contract
from suites.selftest.trial import Ending
from suites.selftest.trials import Job, provable


def row(job: Job, ending: Ending | str, clean: Ending, promised: Iterable[str]) -> dict[str, Any]:
    """The proof's row of one defect.

    Killed only if every requirement it breaks passed on the clean mock, and fails by a check that passed there too.
    """
    assert job.defect is not None
    defect, known = job.defect, set(promised)
    breaks = [i for i in defect.breaks if i in known]
    made: dict[str, Any] = {
        "defect": defect.name,
        "summary": defect.summary,
        "breaks": breaks,
        "also": [i for i in defect.also if i in known],
        "seen": list(defect.seen),
        "killed_by": [],
        "also_failed": [],
        "unlisted": [],
        "note": None,
        "duration_s": 0.0,
    }
    if isinstance(ending, str):
        return {**made, "outcome": "error", "note": ending}
    killers = {i: [c for c in checks if c in clean.passed] for i, checks in ending.failed_by.items()}
    failed = {i for i, checks in killers.items() if checks}
    made["duration_s"] = ending.duration_s
    made["killed_by"] = sorted({check for i in breaks for check in killers.get(i, ())})
    made["also_failed"] = sorted(failed & set(defect.also))
    made["unlisted"] = sorted(failed - set(defect.breaks) - set(defect.also))
    if unclean := [i for i in breaks if clean.outcomes.get(i) is not Outcome.PASS]:
        return {**made, "outcome": "not-clean", "note": f"not passed on the clean mock: {', '.join(unclean)}"}
    if missed := [i for i in breaks if i not in failed]:
        said = "; ".join(f"{i} {ending.outcomes.get(i, 'not run')}: {ending.reasons.get(i, '')}" for i in missed)
        errors = any(ending.outcomes.get(i) is Outcome.ERROR for i in missed)
        return {**made, "outcome": "error" if errors else "survived", "note": said[:600]}
    return {**made, "outcome": "killed"}


@dataclass
class Proven:
    """What contracts prove in one command. Another one need not prove the same row again."""

    rows: dict[str, tuple[str, specs.Requirement]] = field(default_factory=dict)  # id -> contract, row

    def note(self, contract: Contract, ids: Iterable[str]) -> None:
        for i in ids:
            self.rows.setdefault(i, (contract.name, contract.requirements[i]))

    def by(self, contract: Contract) -> dict[str, str]:
        """The requirements of a contract that another one has proven, in the same words, with that one's name.

        One that only repeats others is proven where all of those are.
        """
        known = self.rows
        found = {i: known[i][0] for i, r in provable(contract).items() if i in known and known[i][1] == r}
        own = checks_by_requirement()
        for i, r in provable(contract).items():
            if r.same_as and i not in own and all(name in found for name in r.same_as):
                found[i] = found[r.same_as[0]]
        return found


def killed(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """The requirements that rows of a proof prove."""
    return {i for made in rows if made["outcome"] == "killed" for i in made["breaks"]}


def document(
    contract: Contract,
    clean: Ending,
    rows: list[dict[str, Any]],
    started: datetime,
    ended: datetime,
    *,
    whole: bool,
    elsewhere: Mapping[str, str],
) -> dict[str, Any]:
    """proof.json as specs/schema/proof.schema.json describes it. `whole`: no defect of the contract was left out.

    `elsewhere` are requirements that other contracts have proven, by whom.
    """
    promised = provable(contract)
    touched = {i for made in rows for i in made["breaks"]}
    own = killed(rows)
    proven = own | elsewhere.keys()
    must = [r.id for r in promised.values() if r.level == "MUST"]
    counts: dict[str, int] = {}
    for outcome in clean.outcomes.values():
        counts[outcome.value] = counts.get(outcome.value, 0) + 1
    return {
        "schema_version": "1.0",
        "contract": {"name": contract.name, "version": contract.version, "digest": contract.digest},
        "started": started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "duration_s": round((ended - started).total_seconds(), 3),
        "tool": {"name": "assay", "version": __version__},
        "clean": {"counts": dict(sorted(counts.items())), "failed": _failed(clean)},
        "rows": sorted(rows, key=lambda made: (made["breaks"], made["defect"])),
        "excluded_from_proof": _excluded(contract),
        "elsewhere": {i: name for i, name in sorted(elsewhere.items()) if i not in own},
        "unproven": [i for i in promised if i not in proven and (whole or i in touched)],
        "score": {
            "defects": len(rows),
            "killed": sum(made["outcome"] == "killed" for made in rows),
            "must_checked": len(must),
            "must_proven": sum(i in proven for i in must),
        },
    }


def _failed(clean: Ending) -> list[dict[str, str]]:
    """What the clean mock does wrong, or a check of ours: also where no defect breaks the requirement."""
    bad = {Outcome.FAIL, Outcome.ERROR, Outcome.WARN}
    found = ((i, outcome, clean.reasons.get(i, "")) for i, outcome in sorted(clean.outcomes.items()) if outcome in bad)
    return [{"id": i, "outcome": outcome.value, "reason": reason} for i, outcome, reason in found]


def _excluded(contract: Contract) -> list[dict[str, str]]:
    promised = provable(contract)
    return [
        {"id": r.id, "reason": r.excluded or f"the contract does not promise {r.when}"}
        for r in contract.requirements.values()
        if r.id not in promised
    ]
