"""A results dict as a real run would leave it, with text in it that a hostile server might have sent."""

from __future__ import annotations

import copy
from typing import Any

from tests.reports import sample_exchanges as exchanges
from tests.reports.sample_exchanges import HOSTILE
from tests.reports.sample_parts import bill, evidence, load

_FAILS: dict[str, tuple[str, str, str, str]] = {
    "VT-013": (
        "MUST",
        "A model without the flag is refused",
        "A chat request for a model without the confidential flag is refused with 400 model_not_confidential.",
        "A prompt meant for an enclave reaches a machine whose operator can read it.",
    ),
    "VT-065": (
        "MUST",
        "The usage chunk comes before [DONE]",
        "A stream carries exactly one usage chunk, and it arrives before the [DONE] event.",
        "The client stops reading at [DONE] and books the call at zero tokens.",
    ),
    "VT-091": (
        "MUST",
        "The charge is listed price times usage",
        "The balance falls by prompt tokens times prompt price plus completion tokens times completion price.",
        "The customer pays for tokens that were never produced and cannot prove it.",
    ),
}
_PASSES = [
    ("VT-002", "attestation", "The quote is fresh and verifies"),
    ("VT-015", "contract", "A plain client needs no special header"),
    ("VT-016", "contract", "Every row of the catalogue carries the flag"),
    ("VT-030", "contract", "The catalogue follows a flip of the flag"),
    ("VT-040", "contract", "A missing key is refused with 401"),
    ("VT-050", "contract", "The answer is a chat.completion object"),
    ("VT-060", "stream", "The stream is text/event-stream"),
    ("VT-061", "stream", "include_usage is asked of the upstream"),
    ("VT-070", "limits", "Limit headers are on every answer"),
    ("VT-077", "billing", "An empty balance answers 402"),
    ("VT-090", "billing", "The listed price holds the markup"),
    ("VT-097", "billing", "The stream is settled when it closes"),
    ("OC-001", "contract", "A successful answer is one JSON object"),
    ("OC-007", "contract", "choices is filled and indexed from zero"),
    ("OC-054", "stream", "[DONE] is last and sent once"),
    ("OC-094", "stream", "Usage adds up"),
    ("OC-120", "fuzz", "A malformed body never ends in a 5xx"),
]
_OTHERS = [
    ("VT-036", "SHOULD", "warn", "Prices are plain decimals", "prompt price is written 1.5e-1", "contract"),
    ("VT-078", "MUST", "not-observed", "Over the limit answers 429", "needs control, which the target lacks", "limits"),
    (
        "VT-095",
        "MUST",
        "error",
        "A stream without usage is still billed",
        "key exhausted is not set: EXHAUSTED_KEY",
        "billing",
    ),
    ("VT-005", "MUST", "excluded", "Memory is encrypted in hardware", "a property no client can observe", None),
    ("VT-039", "MUST", "excluded", "Clients read the catalogue daily", "a duty of clients, not of the service", None),
    ("VT-096", "MAY", "not-applicable", "Audio models are priced by the second", "the contract has no audio", None),
    ("OC-110", "SHOULD", "waived", "seed is honoured", "waived until 2027-01-01 by ops, ticket 4711", "contract"),
]


def results(*, test_roots: bool = True) -> dict[str, Any]:
    """A run that does not conform, with every outcome, a streamed exchange, load, fuzz and attestation."""
    requirements = [*_failing(), *_passing(), *_remaining()]
    outcomes = [row["outcome"] for row in requirements]
    return {
        "schema_version": "1.1",
        "run": {
            "id": "20261120T120000Z-7f3a",
            "started": "2026-11-20T12:00:00Z",
            "finished": "2026-11-20T12:01:34Z",
            "duration_s": 94.2,
            "tool": {"name": "assay", "version": "0.1.0", "python": "3.11.2"},
            "seed": 20261120,
            "profile": "full",
            "interrupted": False,
            "suites": ["contract", "stream", "limits", "billing", "attestation", "fuzz", "load"],
            "only": [],
            "workers": 2,
            "command": "assay run target.toml --profile full",
        },
        "contract": {
            "name": "voltagegpu-confidential",
            "version": "1.0.0",
            "title": "VoltageGPU confidential inference",
            "digest": "9b1c5d0c4f1e8a7769d2d6b1f7be1f0d3c33a1f4f5ae1f9a2f06b7d4a6e0c1d2",
            "extends": ["openai-core"],
        },
        "target": {
            "name": "staging",
            "base_url": "http://127.0.0.1:8080/v1",
            "capabilities": ["control", "balance", "evidence"],
            "model": "Qwen/Qwen3-32B-TEE",
            "test_roots": test_roots,
        },
        "verdict": "does-not-conform",
        "exit_code": 1,
        "counts": {name: outcomes.count(name) for name in sorted(set(outcomes))},
        "spend": {
            "usd": "0.018204700",
            "cap_usd": "0.50",
            "calls": 143,
            "estimated_usd": "0.0213",
            "estimated_calls": 150,
        },
        "requirements": requirements,
        "exchanges": {"x-0007": exchanges.refusal(), "x-0042": exchanges.stream(), "x-0051": exchanges.hostile()},
        "load": load(),
        "fuzz": {
            "cases": {"createChatCompletion negative": 420, "createChatCompletion positive": 46},
            "statuses": {"createChatCompletion": {"200": 48, "400": 417, "500": 1}},
            "out_of_time": True,
        },
        "coverage": _coverage(),
        "billing": bill(),
        "attestation": evidence(),
        "waivers": [waiver()],
        "harness_faults": [],
    }


def _row(identifier: str, level: str, title: str, outcome: str, suite: str | None, **more: Any) -> dict[str, Any]:
    test = "test_" + title.lower().replace(" ", "_").replace("[", "").replace("]", "")
    check = {
        "id": f"suites/{suite}/test_{identifier[:2].lower()}.py::{test}",
        "outcome": outcome,
        "reason": more.get("reason"),
        "duration_s": 0.213,
    }
    row = {
        "id": identifier,
        "at": {"file": "specs/voltagegpu-confidential/requirements.yaml", "line": 12},
        "level": level,
        "title": title,
        "text": f"{title}, on every call and in both modes.",
        "source": "voltagegpu-confidential.txt:49",
        "effect": "The bill cannot be reconciled with what was asked for.",
        "outcome": outcome,
        "reason": None,
        "inferred": False,
        "decision": None,
        "checks": [check] if suite else [],
        "findings": [],
    }
    return row | more


def finding(requirement: str, message: str, **more: Any) -> dict[str, Any]:
    """One finding with everything it may have."""
    return {
        "requirement": requirement,
        "message": message,
        "expected": None,
        "observed": None,
        "exchanges": [],
        "check": None,
        "signature": f"{sum(map(ord, requirement + message)):016x}",
        "reproduce": {
            "curl": 'curl -sS http://127.0.0.1:8080/v1/models -H "Authorization: Bearer $ASSAY_API_KEY"',
            "assay": f"assay run target.toml --only {requirement} --seed 20261120",
        },
    } | more


def waiver(**more: Any) -> dict[str, Any]:
    """The waiver of OC-110, which holds."""
    return {
        "requirement": "OC-110",
        "signatures": [finding("OC-110", "the same seed gave two answers")["signature"]],
        "owner": "ops@example.org",
        "reason": "the engine has no seed before release 9",
        "expires": "2027-01-01",
        "link": "https://tracker.example/4711",
        "state": "applied",
        "red": False,
        "said": "OC-110 fails as it says, and that is accepted until 2027-01-01",
    } | more


def _failing() -> list[dict[str, Any]]:
    found = {
        "VT-013": [
            finding(
                "VT-013",
                "a model without the flag was served",
                expected="400 with code model_not_confidential",
                observed="200 with a completion",
                exchanges=["x-0007"],
            ),
            finding("VT-013", f"error text: {HOSTILE}", observed=HOSTILE, exchanges=["x-0051", "x-gone"]),
        ],
        "VT-065": [
            finding(
                "VT-065",
                "the usage chunk arrived after [DONE]",
                expected="usage, then [DONE]",
                observed="[DONE] as event 7 at 214.8 ms, usage as event 8 at 215.1 ms",
                exchanges=["x-0042"],
            )
        ],
        "VT-091": [
            finding(
                "VT-091",
                "charged 0.000012500 USD for a call worth 0.000012395 USD",
                expected="0.000012395",
                observed="0.000012500",
                exchanges=["x-0007", "x-0042"],
            )
        ]
        * 12,
    }
    suites = {"VT-013": "contract", "VT-065": "stream", "VT-091": "billing"}
    return [
        _row(key, level, title, "fail", suites[key], text=text, effect=effect, findings=copy.deepcopy(found[key]))
        | {"decision": "G10: choices [] and total_tokens; the literal sample is a warning" if key == "VT-065" else None}
        for key, (level, title, text, effect) in _FAILS.items()
    ]


def _passing() -> list[dict[str, Any]]:
    return [_row(identifier, "MUST", title, "pass", suite) for identifier, suite, title in _PASSES]


def _remaining() -> list[dict[str, Any]]:
    rows = [_row(key, level, title, outcome, suite, reason=why) for key, level, outcome, title, why, suite in _OTHERS]
    rows[0]["inferred"] = True
    (check,) = rows[-1]["checks"]
    rows[-1]["findings"] = [finding("OC-110", "the same seed gave two answers", check=check["id"])]
    check["outcome"] = "fail"  # a waiver changes what a breach means, not what a check saw
    return rows


def _coverage() -> dict[str, Any]:
    chat = {"operation": "createChatCompletion", "method": "POST", "path": "/v1/chat/completions", "line": 26}
    models = {"operation": "listModels", "method": "GET", "path": "/v1/models", "line": 200}
    return {
        "operations": [
            chat
            | {"calls": 140, "statuses": {"200": 120, "400": 19, "500": 1}, "unseen": ["429"]}
            | {"undocumented": ["500"]},
            models | {"calls": 3, "statuses": {"200": 3}, "unseen": ["401"], "undocumented": []},
        ],
        "reached": 2,
        "of": 2,
        "statuses_seen": 3,
        "statuses_documented": 5,
    }


def proof() -> dict[str, Any]:
    """One defect that was killed and one that survived."""
    row = {
        "defect": "downgrades-silently",
        "summary": "A model without the flag is served.",
        "breaks": ["VT-013"],
        "also": ["VT-012"],
        "seen": ["C32"],
        "outcome": "killed",
        "killed_by": ["suites/contract/test_vt.py::test_non_confidential_model_is_refused"],
        "also_failed": ["VT-012"],
        "unlisted": [],
        "duration_s": 3.2,
    }
    survivor = {"defect": "usage-after-done", "summary": "Usage comes late | after [DONE].", "breaks": ["VT-065"]}
    rest = {"also": [], "seen": [], "outcome": "survived", "killed_by": [], "also_failed": [], "unlisted": ["VT-062"]}
    rest["note"] = "the stream ended early"
    return {
        "schema_version": "1.0",
        "contract": {"name": "voltagegpu-confidential", "version": "1.0.0", "digest": "9b1c" * 16},
        "started": "2026-11-20T12:00:00Z",
        "duration_s": 7.5,
        "tool": {"name": "assay", "version": "0.1.0", "python": "3.11.2"},
        "clean": {"counts": {"pass": 27}},
        "rows": [row, row | survivor | rest],
        "unproven": ["VT-065"],
        "excluded_from_proof": [{"id": "VT-005", "reason": "a property no client can observe"}],
        "score": {"defects": 2, "killed": 1, "must_checked": 2, "must_proven": 1},
    }
