"""results.json in the Common Test Report Format (ctrf.io), one test for each requirement and check."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from reports import cases, legible, phrases

SPEC_VERSION = "0.0.0"
# Neither a warning nor a missing prerequisite is a pass or a failure of the target: the format calls that other.
STATUS = {"pass": "passed", "fail": "failed", "error": "other", "warn": "other"}
STATUSES = ("passed", "failed", "skipped", "pending", "other")


def render(results: Mapping[str, Any]) -> str:
    """The document as JSON."""
    run, target = results["run"], results["target"]
    tests = [_test(case) for case in cases.of(results)]
    counted = Counter(test["status"] for test in tests)
    times = {"start": _millis(run["started"]), "stop": _millis(run["finished"])}
    document = {
        "reportFormat": "CTRF",
        "specVersion": SPEC_VERSION,
        "timestamp": run["finished"],
        "generatedBy": f"{run['tool']['name']} {run['tool']['version']}",
        "results": {
            "tool": {"name": run["tool"]["name"], "version": run["tool"]["version"]},
            "summary": {"tests": len(tests), **{name: counted[name] for name in STATUSES}, **times},
            "tests": tests,
            "environment": {
                "appName": legible.line(f"{target['name']} {target['base_url']}"),
                "testEnvironment": results["contract"]["name"],
                "extra": {label: legible.line(value) for label, value in phrases.facts(results)},
            },
            "extra": {"verdict": results["verdict"], "testRoots": bool(target["test_roots"])},
        },
    }
    return json.dumps(document, indent=1) + "\n"


def _test(case: cases.Case) -> dict[str, Any]:
    told = {} if case.outcome == "pass" else {"message": legible.line(case.reason), "trace": legible.visible(case.body)}
    return {
        "name": legible.line(case.name),
        "status": STATUS.get(case.outcome, "skipped"),
        "duration": round(case.duration_s * 1000),
        "suite": [legible.line(case.suite)],
        "rawStatus": case.outcome,
        "tags": [tag for tag in (case.requirement, case.level) if tag],
        **told,
    }


def _millis(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)
