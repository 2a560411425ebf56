"""Which levels a run holds (specs/levels.yaml). Pure: the rows of results.json in, claims out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import specs
from harness.running.checks import checks_by_requirement

MET = frozenset({"pass", "warn", "waived"})  # a MUST that warns is one that the document does not state itself
LEFT_OUT = frozenset({"excluded", "not-applicable"})


@dataclass(frozen=True)
class Claim:
    """`held` None: the contract promises nothing of it. `unmet` says why a level is not held."""

    name: str
    held: bool | None
    musts: int = 0
    unmet: tuple[str, ...] = ()
    waived: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {**self.__dict__, "unmet": list(self.unmet), "waived": list(self.waived)}


def claims(results: Mapping[str, Any]) -> list[Claim]:
    """A claim for each level, in their order."""
    made: dict[str, Claim] = {}
    for level in specs.levels():
        made[level["name"]] = _claim(level, results, made)
    return list(made.values())


def _claim(level: Mapping[str, Any], results: Mapping[str, Any], before: Mapping[str, Claim]) -> Claim:
    rows = [row for row in results["requirements"] if _is_of(row, level)]
    if not rows:
        return Claim(level["name"], None)
    unmet = [f"{row['id']} is {row['outcome']}" for row in rows if row["outcome"] not in MET]
    unmet += [f"{name} is not held" for name in level.get("needs", ()) if before[name].held is not True]
    if level.get("genuine_roots") and results["target"]["test_roots"]:
        unmet.append("evidence was judged by a laboratory's roots of trust")
    if results["run"]["interrupted"]:
        unmet.append("the run was interrupted")
    waived = tuple(row["id"] for row in rows if row["outcome"] == "waived")
    return Claim(level["name"], not unmet, len(rows), tuple(unmet), waived)


def _is_of(row: Mapping[str, Any], level: Mapping[str, Any]) -> bool:
    """Whether the level rests on the row: a MUST that applies, checked by one of its suites."""
    if row["level"] != "MUST" or row["outcome"] in LEFT_OUT:
        return False
    suites = set(_suites(row))
    if "suites" in level:
        return bool(suites & set(level["suites"]))
    return not suites or bool(suites - set(level["all_suites_but"]))


def _suites(row: Mapping[str, Any]) -> Iterable[str]:
    """Of the checks that ran, or that would have run."""
    ran = [check["id"] for check in row["checks"] if check["id"].startswith("suites/")]
    known = ran or checks_by_requirement().get(row["id"], [])
    return {name.split("/")[1] for name in known}
