"""What results.json says beside the outcomes of its rows, held against all else that a bundle has of the same run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from harness import results
from harness.certificate.attested import laboratory
from harness.certificate.problem import Code, Problem
from harness.model import CheckRow, Outcome, RequirementRow
from harness.record.deployment import SavedTarget
from harness.wire.exchange import Exchange
from harness.wire.journal import judged

# What a row repeats from its contract: levels are held by it, and people read it.
FROM_THE_CONTRACT = ("level", "inferred", "title", "text", "source", "effect", "decision", "at")
IDLE = timedelta(hours=1)  # between a run's first or last exchange and its start or end
SKEW = timedelta(seconds=5)  # the clock that dates exchanges may be set while a run goes on


def contradictions(
    was: Mapping[str, Any], again: Mapping[str, Any], target: SavedTarget, exchanges: Sequence[Exchange]
) -> Iterator[Problem]:
    """What of results.json the run that was played again, its deployment or its exchanges contradict."""
    for name, said in (
        ("contract", _contract(was, again)),
        ("requirements", _rows(was["requirements"], again["requirements"])),
        ("target", _target(was["target"], again["target"], target, exchanges)),
        ("verdict", _verdict(was, again)),
        ("waivers", _waivers(was, again)),
        ("run", _time(was["run"], again["started"], exchanges)),
    ):
        if said is not None:
            yield Problem(Code.CONTRADICTED, f"{name} of results.json: {said}", f"results.json/{name}")


def _contract(was: Mapping[str, Any], again: Mapping[str, Any]) -> str | None:
    return _other(was["contract"], again["contract"], again["contract"])


def _rows(was: Iterable[Mapping[str, Any]], again: Iterable[Mapping[str, Any]]) -> str | None:
    due, found = {row["id"]: row for row in again}, Counter(row["id"] for row in was)
    if twice := [name for name, count in found.items() if count > 1]:
        return f"{twice[0]} stands there twice"
    if missing := [name for name in due if name not in found]:
        return f"{missing[0]} is left out, and the contract has it"
    for row in was:
        if row["id"] in due and (said := _other(row, due[row["id"]], FROM_THE_CONTRACT)) is not None:
            return f"{row['id']}: {said}"
    return None


def _target(
    was: Mapping[str, Any], again: Mapping[str, Any], target: SavedTarget, exchanges: Iterable[Exchange]
) -> str | None:
    here = _origin(target.base_url)
    if elsewhere := next((x for x in exchanges if judged(x) and _origin(x.request.url) != here), None):
        return f"base_url is {target.base_url}, and {elsewhere.id} was asked of {'://'.join(_origin(elsewhere.request.url))}"
    if laboratory(target.evidence) and not was["test_roots"]:
        return "evidence was judged by a laboratory's roots of trust, and test_roots is false"
    return _other(was, again, again)


def _origin(url: str) -> tuple[str, str]:
    scheme, place = urlsplit(url)[:2]
    return scheme.lower(), place.lower()  # a host is the same in capitals


def _other(was: Mapping[str, Any], due: Mapping[str, Any], names: Iterable[str]) -> str | None:
    for name in names:
        if was.get(name) != due[name]:
            return f"{name} is {str(was.get(name))[:100]}, and it should be {str(due[name])[:100]}"
    return None


def _verdict(was: Mapping[str, Any], again: Mapping[str, Any]) -> str | None:
    """The verdict follows from the rows; which of them were chosen, and their levels, are those of the run played."""
    rows = [RequirementRow(row["id"], Outcome(row["outcome"]), checks=_checks(row)) for row in was["requirements"]]
    if (counts := dict(Counter(row.outcome.value for row in rows))) != was["counts"]:
        return f"counts are {was['counts']}, and its rows come to {dict(sorted(counts.items()))}"
    selected, levels = set(again["selected"]), {row["id"]: row["level"] for row in again["requirements"]}
    due = results.concluded(
        [row for row in rows if row.id in levels and (row.id in selected or row.checks)],
        levels,
        faults=len(was["harness_faults"]),
        red=any(state["red"] for state in was.get("waivers", ())),
        interrupted=was["run"]["interrupted"],
    )
    if (was["verdict"], was["exit_code"]) == (due.name, int(due.exit)):
        return None
    return f"it is {was['verdict']} ({was['exit_code']}), and its rows come to {due.name} ({int(due.exit)})"


def _checks(row: Mapping[str, Any]) -> tuple[CheckRow, ...]:
    return tuple(CheckRow(c["id"], Outcome(c["outcome"]), c["reason"], c["duration_s"]) for c in row["checks"])


def _waivers(was: Mapping[str, Any], again: Mapping[str, Any]) -> str | None:
    """Those of waivers.yaml. What became of one whose row nobody can judge again is the signer's word, as the row."""
    unseen = {row["id"] for row in again["requirements"] if row["outcome"] == "not-observed"}
    stated, due = was.get("waivers", []), again["waivers"]
    if len(stated) != len(due):
        return f"there are {len(stated)}, and the run had {len(due)} that concern it"
    for said, found in zip(stated, due, strict=True):
        left_out = {"state", "red", "said"} if found["requirement"] in unseen else set()
        if any(said.get(name) != found.get(name) for name in (said.keys() | found.keys()) - left_out):
            return f"that of {found['requirement']} is {found['state']}: {found['said']}"
    return None


def _time(run: Mapping[str, Any], started: str, exchanges: Sequence[Exchange]) -> str | None:
    """When it was made is what policies bound the age of evidence by."""
    if run["started"] != started:
        return f"started is {run['started']}, and the run noted {started} when it began"
    begin, end = _moment(started), _moment(run["finished"])
    asked = [(_moment(x.started), x) for x in exchanges]
    if not asked:
        return None
    first, last = min(at for at, _ in asked), max(at + timedelta(microseconds=x.end_ns / 1000) for at, x in asked)
    if not begin - SKEW <= first <= begin + IDLE:
        return f"started is {started}, and the first exchange began at {first.isoformat()}"
    if not last - SKEW <= end <= last + IDLE:
        return f"finished is {run['finished']}, and the last exchange ended at {last.isoformat()}"
    return None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
