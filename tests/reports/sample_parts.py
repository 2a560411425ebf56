"""Parts of the sample that have pages of their own: load, a bill, a verdict on evidence."""

from __future__ import annotations

from typing import Any


def load() -> dict[str, Any]:
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


NONE_OF = ("tolerated", "charged_again", "nothing_due", "not_judged", "seen_again", "late", "left_held")


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
    unmatched = {name: row[name] for name in ("request_id", "outcome", "model", "at", "due_nano")}
    unmatched |= {"account": None, "charged_nano": 0}
    counts = dict.fromkeys(("calls", "matched", "exact", "differing", "missing", "unknown", "by_ledger_counts"), 1)
    return {
        "schema_version": "1.0",
        "tool": {"name": "assay", "version": "0.1.0"},
        "inputs": {
            "exchanges": "the run",
            "ledger": "the ledger",
            "format": "assay",
            "paired_by": "request id",
            "prices": "the model lists of the run",
            "listed_prices": 1,
            "contract": "voltagegpu-confidential",
            "late_s": 0,
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
        "counts": counts | dict.fromkeys(NONE_OF, 0),
        "outcomes": [
            {"outcome": "completed", "ids": 2, "due_nano": 24790, "charged_nano": 37185, "difference_nano": 12395}
            | {"not_judged": 0, "not_judged_nano": 0}
        ],
        "findings": [cause | {"also_consistent_with": [], "examples": [row]}],
        "unexplained": {"ids": 0, "sum_nano": 0, "examples": []},
        "unmatched": {"calls": none | {"ids": 1, "rows": [unmatched]}, "entries": none},
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
