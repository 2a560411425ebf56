"""A results dict as a real run would leave it, with text in it that a hostile server might have sent."""

from __future__ import annotations

import copy
from typing import Any

HOSTILE = (
    "</pre><script>alert('x')</script> \"onmouseover=alert(1) x=\" ]]> \x00\x1b[31m \u202e <!-- {{ 7*7 }} &lt; `|` @all"
)

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
    ("OC-110", "SHOULD", "waived", "seed is honoured", "accepted until 2027-01-01 by ops, ticket 4711", "contract"),
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
        "exchanges": {"x-0007": _refusal(), "x-0042": _stream(), "x-0051": _hostile()},
        "load": _load(),
        "fuzz": {
            "cases": {"createChatCompletion negative": 420, "createChatCompletion positive": 46},
            "statuses": {"createChatCompletion": {"200": 48, "400": 417, "500": 1}},
            "out_of_time": True,
        },
        "coverage": _coverage(),
        "billing": bill(),
        "attestation": evidence(),
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
    return rows


def _excerpt(identifier: str, probe: str, status: int | None, body: str, **more: Any) -> dict[str, Any]:
    return {
        "id": identifier,
        "probe": probe,
        "method": "POST",
        "url": "http://127.0.0.1:8080/v1/chat/completions",
        "status": status,
        "request_headers": [["authorization", "Bearer <secret main>"], ["content-type", "application/json"]],
        "request_body": '{"model":"deepseek-ai/DeepSeek-V3","messages":[{"role":"user","content":"Say ok."}]}',
        "response_headers": [["content-type", "application/json"], ["x-ratelimit-limit", "1000"]],
        "response_body": body,
        "truncated": False,
        "events": [],
        "duration_ms": 42.7,
        "error": None,
        "operation": "createChatCompletion",
    } | more


def _refusal() -> dict[str, Any]:
    body = (
        '{"id":"chatcmpl-1","object":"chat.completion","model":"deepseek-ai/DeepSeek-V3","choices":[{"index":0,'
        '"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,'
        '"completion_tokens":1,"total_tokens":10}}'
    )
    return _excerpt("x-0007", "non_confidential_chat", 200, body)


def _stream() -> dict[str, Any]:
    head = '{"id":"chatcmpl-2","object":"chat.completion.chunk","choices":[{"index":0,"delta":'
    words = ["The", " sky", " is", " blue", " today"]
    times = [81.2, 101.4, 121.3, 141.9, 194.0]
    events = [
        {"at_ms": at, "data": f'{head}{{"content":"{word}"}}}}]}}'} for at, word in zip(times, words, strict=True)
    ]
    events += [
        {"at_ms": 214.6, "data": head + '{},"finish_reason":"stop"}]}'},
        {"at_ms": 214.8, "data": "[DONE]"},
        {"at_ms": 215.1, "data": '{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14}}'},
    ]
    headers = [["content-type", "text/event-stream"], ["cache-control", "no-cache"]]
    return _excerpt("x-0042", "streamed_chat", 200, "", events=events, duration_ms=216.0, response_headers=headers)


def _hostile() -> dict[str, Any]:
    events = [{"at_ms": 1.0, "data": HOSTILE}]
    headers = [["x-evil", HOSTILE], [HOSTILE, "name"]]
    more = {"events": events, "response_headers": headers, "error": HOSTILE, "url": f"http://127.0.0.1/{HOSTILE}"}
    return _excerpt("x-0051", HOSTILE, None, HOSTILE * 100, truncated=True, **more)


def _load() -> dict[str, Any]:
    """In the shape that harness.load writes; half way through, the server stalls for three slots."""
    stalled = range(14, 17)
    series = [
        {
            "at_s": float(2 * n),
            "requests": 106,
            "answered_per_s": 20.0 if n in stalled else 53.0,
            "failed": 9 if n in stalled else 0,
            "in_flight": 64 if n > 2 else 20 * n,
            "ttft_p50_ms": 640.0 if n in stalled else 200.0 + n % 5,
            "ttft_p99_ms": 2900.0 if n in stalled else 260.0 + 7 * (n % 3),
            "itl_p50_ms": 20.0,
            "itl_p99_ms": 96.2 if n in stalled else 31.0,
        }
        for n in range(30)
    ]
    steps = [(5, 5.0, 5.0), (10, 10.0, 10.0), (20, 20.0, 19.5), (40, 39.6, 33.0), (80, 53.1, 12.0), (160, 53.4, 0.0)]
    return {
        "users": 64,
        "requests": 3180,
        "in_flight_max": 64,
        "outcomes": {"answered": 3153, "status 503": 27},
        "streams_per_s": 52.6,
        "tokens_per_s": 631.0,
        "goodput_per_s": 50.1,
        "ttft_ms": {
            "count": 3153,
            "mean": 214.9,
            "p50": 201.4,
            "p90": 212.0,
            "p99": 260.8,
            "p99.9": 402.0,
            "max": 411.0,
        },
        "itl_ms": {"count": 37836, "mean": 20.9, "p50": 20.1, "p90": 22.8, "p99": 31.7, "p99.9": 80.1, "max": 96.2},
        "e2e_ms": {"count": 3153, "mean": 1199.1, "p50": 1182.0, "p90": 1240.1, "p99": 1502.2, "max": 2210.9},
        "slos": [
            {"slo": "ttft_p99=500ms", "measured": 260.8, "met": True},
            {"slo": "errors=0.1%", "measured": 0.849, "met": False},
        ],
        "trends": {
            "ttft_p50": {
                "unit": "ms/min",
                "slope": 3.1,
                "low": 2.9,
                "high": 3.3,
                "start": 200.0,
                "end": 203.1,
                "points": 30,
                "said": "ttft p50 grows by 3.1 ms a minute (95 %: 2.9 to 3.3)",
            },
            "ttft_p99": None,
        },
        "generator": {"lag_ms": {"p50": 0.2, "p99": 1.4, "max": 2.0}, "bottleneck": []},
        "series": series,
        "sweep": [
            {"rate": rate, "streams_per_s": out, "goodput_per_s": good, "failures": 0} for rate, out, good in steps
        ],
    }


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


def bill() -> dict[str, Any]:
    """A reconciliation in which streams are charged twice, and one call has no entry."""
    row = {
        "request_id": "req_1",
        "outcome": "completed",
        "model": "Qwen/Qwen3-32B-TEE",
        "at": "2026-11-20T12:00:01Z",
        "due_nano": 12395,
        "charged_nano": 24790,
        "charges": 1,
        "prompt_tokens": 9,
        "completion_tokens": 5,
    }
    cause = {
        "cause": "charged-double",
        "says": "the whole charge was doubled in one entry",
        "ids": 1,
        "sum_nano": 12395,
    }
    none: dict[str, Any] = {"ids": 0, "due_nano": 0, "charged_nano": 0, "rows": []}
    counts = dict.fromkeys(("calls", "matched", "exact", "differing", "missing", "unknown"), 1)
    return {
        "schema_version": "1.0",
        "tool": {"name": "assay", "version": "0.1.0"},
        "inputs": {
            "exchanges": "the run",
            "ledger": "the ledger",
            "format": "assay",
            "paired_by": "request id",
            "prices": "the model lists of the run",
            "window": None,
            "tolerance_nano": 0,
        },
        "verdict": "differs",
        "exit_code": 1,
        "totals": {
            "due_nano": 24790,
            "charged_nano": 37185,
            "difference_nano": 12395,
            "explained_nano": 12395,
            "unexplained_nano": 0,
            "tolerated_nano": 0,
            "not_judged_nano": 0,
            "left_held_nano": 0,
        },
        "counts": counts | dict.fromkeys(("charged_again", "nothing_due", "not_judged"), 0),
        "outcomes": [
            {"outcome": "completed", "ids": 2, "due_nano": 24790, "charged_nano": 37185, "difference_nano": 12395}
            | {"not_judged": 0, "not_judged_nano": 0}
        ],
        "findings": [cause | {"also_consistent_with": [], "examples": [row]}],
        "unexplained": {"ids": 0, "sum_nano": 0, "examples": []},
        "unmatched": {"calls": none | {"ids": 1, "rows": [row | {"charged_nano": None}]}, "entries": none},
        "notices": [],
    }


def evidence(*codes: str) -> dict[str, Any]:
    """The verdict on evidence of a TDX machine with one GPU; rejected for the codes that are given."""
    claims = {
        "kind": "quote",
        "status": "UpToDate",
        "fmspc": "A55A7E570000",
        "root_key_id": "9309bbae" * 12,
        "engine": "dcap-qvl 0.7.0",
        "policy": "field",
        "unpinned": ["mr_td"],
        "platform": {"ppid": "db145c68c5a4cff6f9dd71e3dc5f0b2e"},
        "collateral": {"tcb_info": "2026-11-20T00:00:00Z to 2026-12-20T00:00:00Z"},
        "measurements": {"mr_td": "18c4b2b9" * 12, "rt_mr3": "25a6863f" * 12},
        "notes": [],
        "format": "dstack",
        "binding": "dstack-ecdsa",
        "tie": {"is": "shared nonce", "reason": "1 GPU reports answer the challenge that the quote holds"},
        "channel": "not bound",
        "proven": [] if codes else ["The trust domain runs the firmware that its quote measures."],
        "claimed": ["app_name: inference"],
        "unknowable": ["Which weights the model runs: no register measures them."],
        "gpus": {
            "kind": "gpus",
            "devices": [{"is": "gpu", "model": "GH100", "pdi": "5a81c050a7ef8b3b"}],
            "proven": ["1 GPU"],
        },
    }
    return {
        "exchange": "x-0003",
        "verdict": "rejected" if codes else "accepted",
        "code": codes[0] if codes else "accepted",
        "status": "UpToDate",
        "test_roots": True,
        "problems": [{"code": code, "reason": f"because of {code}"} for code in codes],
        "unjudged": [],
        "claims": claims,
        "others": [],
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
