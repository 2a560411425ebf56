"""results.json as SARIF 2.1.0: a rule for each requirement, a result for each kind of breach.

Each result points at the line that states the requirement, and at the operation that was called. What could not be
seen is told as a notification of the run: it is neither a finding nor a pass.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reports import findings, legible, phrases, waived

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {"fail": "error", "warn": "warning", "waived": "note"}
BODY_LIMIT = 4000
_ROOT = "%SRCROOT%"


def render(results: Mapping[str, Any]) -> str:
    """The log with its one run, as JSON."""
    rows = results["requirements"]
    index = {row["id"]: number for number, row in enumerate(rows)}
    found = [result for row in rows if row["outcome"] in LEVELS for result in _results(row, index, results)]
    run = {
        "tool": {"driver": _driver(results)},
        "automationDetails": {"id": _text(f"assay/{results['contract']['name']}/{results['target']['name']}/")},
        "invocations": [_invocation(results, index)],
        "originalUriBaseIds": {_ROOT: {"description": _message("The root of a checkout of Assay.")}},
        "results": found,
        "columnKind": "unicodeCodePoints",
        "properties": {"verdict": results["verdict"], "testRoots": bool(results["target"]["test_roots"])},
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _text(value: object, limit: int = 1000) -> str:
    return legible.clip(legible.visible(str(value)), limit)


def _message(value: object) -> dict[str, str]:
    return {"text": _text(value) or "nothing was said"}


def _driver(results: Mapping[str, Any]) -> dict[str, Any]:
    tool = results["run"]["tool"]
    return {"name": tool["name"], "version": tool["version"], "rules": [_rule(row) for row in results["requirements"]]}


def _rule(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "shortDescription": _message(row["title"]),
        "fullDescription": _message(row["text"]),
        "help": _message(f"{row['level']}: {row['text']}\n\nEffect: {row['effect']}\n\nSource: {row['source']}"),
        "defaultConfiguration": {"level": "error" if row["level"] == "MUST" and not row["inferred"] else "warning"},
        "properties": {"level": row["level"], "tags": phrases.suites(row)},
    }


def _results(row: Mapping[str, Any], index: Mapping[str, int], results: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One for each kind of finding; a breach that has none in the file is told with its reason."""
    groups = findings.grouped(row["findings"])
    told = {"message": row.get("reason") or row["title"], "exchanges": []}
    accepted = {} if row["outcome"] == "waived" else waived.holding(results)  # the reason of the row tells as much
    for group in groups or [findings.Group(first=told, times=1)]:
        made = {**_result(row, group, results), "ruleIndex": index[row["id"]]}
        why = accepted.get((row["id"], group.first.get("signature", "")))
        yield made if why is None else {**made, **_suppressed(why)}


def _result(row: Mapping[str, Any], group: findings.Group, results: Mapping[str, Any]) -> dict[str, Any]:
    first = group.first
    lines = [first["message"], *(f"{name}: {first[name]}" for name in ("expected", "observed") if first.get(name))]
    lines += [text for _, text in findings.reproduce(first)[:1]]
    shown = [results["exchanges"][i] for i in first["exchanges"] if i in results["exchanges"]]
    made: dict[str, Any] = {
        "ruleId": row["id"],
        "level": LEVELS[row["outcome"]],
        "message": _message("\n".join(lines)),
        "locations": [_location(*_stated(row, results))],
        "occurrenceCount": group.times,
        **_web(shown),
    }
    if called := _called(shown, results):
        made["relatedLocations"] = called
    if first.get("signature"):
        made["partialFingerprints"] = {"assay/v1": f"{row['id']}:{first['signature']}"}
    if row["outcome"] == "waived":
        made |= _suppressed(row.get("reason") or "waived")
    return made


def _suppressed(why: str) -> dict[str, Any]:
    """A finding that somebody has accepted for a time."""
    return {"level": "note", "suppressions": [{"kind": "external", "justification": _text(why)}]}


def _stated(row: Mapping[str, Any], results: Mapping[str, Any]) -> tuple[str, int | None]:
    at = row.get("at")
    return (at["file"], at["line"]) if at else (f"specs/{results['contract']['name']}/requirements.yaml", None)


def _called(shown: Sequence[Mapping[str, Any]], results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The operations that the exchanges of a finding called, each once."""
    lines = {row["operation"]: row["line"] for row in (results.get("coverage") or {}).get("operations") or ()}
    names = [name for name in dict.fromkeys(x.get("operation") for x in shown) if lines.get(name)]
    file = f"specs/{results['contract']['name']}/openapi.yaml"
    return [
        {"id": n, **_location(file, lines[name]), "message": _message(f"operation {name}")}
        for n, name in enumerate(names, start=1)
    ]


def _location(file: str, line: int | None) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": file, "uriBaseId": _ROOT}}
    return {"physicalLocation": place if line is None else {**place, "region": {"startLine": line}}}


def _web(shown: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The first exchange, redacted as the file holds it."""
    if not shown:
        return {}
    x = shown[0]
    sent = {"method": _text(x["method"]), "target": _text(x["url"]), "headers": _headers(x["request_headers"])}
    request = {"protocol": "HTTP", "version": "1.1", **sent, "body": {"text": _text(x["request_body"], BODY_LIMIT)}}
    if x["status"] is None:
        return {"webRequest": request, "webResponse": {"noResponseReceived": True}}
    body = x["response_body"] or "\n\n".join(f"data: {event['data']}" for event in x["events"])
    answer = {"statusCode": x["status"], "headers": _headers(x["response_headers"])}
    return {"webRequest": request, "webResponse": {**answer, "body": {"text": _text(body, BODY_LIMIT)}}}


def _headers(pairs: Sequence[Sequence[str]]) -> dict[str, str]:
    return {_text(name, 200): _text(value) for name, value in pairs}


def _invocation(results: Mapping[str, Any], index: Mapping[str, int]) -> dict[str, Any]:
    run, faults = results["run"], results.get("harness_faults") or []
    gaps = [row for row in results["requirements"] if row["outcome"] in {"error", "not-observed"}]
    return {
        "commandLine": _text(run["command"], 4000),
        "startTimeUtc": run["started"],
        "endTimeUtc": run["finished"],
        "executionSuccessful": not faults and not run["interrupted"],
        "exitCode": results["exit_code"],
        "toolExecutionNotifications": [
            *({"level": "error", "message": _message(f"fault of the harness: {fault}")} for fault in faults),
            *({"level": "error", "message": _message(said)} for said in map(_waiver, waived.red(results))),
            *(_gap(row, index) for row in gaps),
        ],
    }


def _waiver(waiver: Mapping[str, Any]) -> str:
    """One that does not hold: the run fails for it, and no result shows that."""
    return f"waiver of {waiver['requirement']} by {waiver['owner']} {waiver['state']}: {waiver['said']}"


def _gap(row: Mapping[str, Any], index: Mapping[str, int]) -> dict[str, Any]:
    return {
        "level": "warning" if row["level"] == "MUST" else "note",
        "message": _message(f"{row['id']} {row['outcome']}: {row.get('reason') or row['title']}"),
        "associatedRule": {"id": row["id"], "index": index[row["id"]]},
    }
