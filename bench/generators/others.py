"""Load generators for models that others make, each started as its documentation says, on its closed loop."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from generators import Cell, Seen, tokenizer, trusting

QUIET = {"DO_NOT_TRACK": "1", "NO_COLOR": "1"}


class Other:
    name = peer = note = ""

    def environment(self, cell: Cell) -> Mapping[str, str]:
        return {**QUIET, **trusting(cell.ca)}


def _only(cell: Cell, pattern: str) -> Path:
    """The file of that name below `out`. Raises OSError."""
    for found in (cell.folder / "out").rglob(pattern):
        return found
    raise FileNotFoundError(f"it wrote no {pattern}")


class Vllm(Other):
    name, peer = "vLLM bench serve", "vllm"
    note = "its own client and figures; what it imports of the engine is left empty"

    def command(self, cell: Cell, bin_folder: Path) -> list[str]:
        script, out = str(Path(__file__).with_name("vllm_client.py")), str(cell.folder / "seen.json")
        return [str(bin_folder / "python"), script, cell.url, str(cell.users), str(cell.requests), out]

    def seen(self, cell: Cell) -> list[Seen]:
        return [Seen(*row) for row in json.loads((cell.folder / "seen.json").read_text())]


class AiPerf(Other):
    name, peer = "AIPerf", "aiperf"

    def command(self, cell: Cell, bin_folder: Path) -> list[str]:
        words = str(tokenizer.write(cell.folder / "tokenizer"))
        return [
            *(str(bin_folder / "aiperf"), "profile", "--model", "truth", "--url", cell.url),
            *("--endpoint-type", "chat", "--streaming", "--tokenizer", words, "--ui", "none"),
            *("--concurrency", str(cell.users), "--request-count", str(cell.requests)),
            *("--isl", "16", "--osl", "50", "--num-dataset-entries", "10"),
            *("--output-artifact-dir", str(cell.folder / "out"), "--export-level", "records"),
        ]

    def seen(self, cell: Cell) -> list[Seen]:
        lines = _only(cell, "profile_export.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        return [_of_aiperf(row) for row in rows if "time_to_first_token" in row["metrics"]]


def _of_aiperf(row: dict[str, Any]) -> Seen:
    told, found = row["metadata"], row["metrics"]
    gaps = found.get("inter_chunk_latency") or found["inter_token_latency"]
    values = gaps["value"] if isinstance(gaps["value"], list) else [gaps["value"]]
    return Seen(told["request_start_ns"] / 1e6, found["time_to_first_token"]["value"], values)


class GuideLlm(Other):
    name, peer = "GuideLLM", "guidellm"
    note = "its ITL is a mean of each stream, which hides what varies"

    def command(self, cell: Cell, bin_folder: Path) -> list[str]:
        words = json.dumps({"kind": "huggingface_auto", "model": str(tokenizer.write(cell.folder / "tokenizer"))})
        backend = {"kind": "openai_http", "target": cell.url, "model": "truth", "timeout": 120}
        data = {"kind": "synthetic_text", "prompt_tokens": 16, "output_tokens": 50}
        output = {"kind": "json", "path": str(cell.folder / "out.json")}
        return [
            *(str(bin_folder / "guidellm"), "run", "--disable-console", "--backend", json.dumps(backend)),
            *("--profile", json.dumps({"kind": "concurrent", "streams": cell.users}), "--tokenizer", words),
            *("--constraint", json.dumps({"kind": "max_requests", "count": cell.requests})),
            *("--data", json.dumps(data), "--output", json.dumps(output)),
        ]

    def seen(self, cell: Cell) -> list[Seen]:
        found = json.loads((cell.folder / "out.json").read_text())
        rows = found["benchmarks"][0]["requests"]["successful"]
        return [
            Seen(r["request_start_time"] * 1e3, r["time_to_first_token_ms"], [r["inter_token_latency_ms"]])
            for r in rows
            if r["time_to_first_token_ms"] is not None
        ]


class InferencePerf(Other):
    name, peer = "inference-perf", "inference-perf"

    def command(self, cell: Cell, bin_folder: Path) -> list[str]:
        fields = {"request": False, "response": False, "response_chunks": False, "computed_metrics": True}
        stage = {"num_requests": cell.requests, "concurrency_level": cell.users}
        config = {
            "api": {"type": "chat", "streaming": True},
            "data": {"type": "mock"},
            "load": {"type": "concurrent", "num_workers": 1, "worker_max_concurrency": cell.users, "stages": [stage]},
            "server": {"type": "vllm", "model_name": "truth", "base_url": cell.url, "ignore_eos": False},
            "tokenizer": {"pretrained_model_name_or_path": str(tokenizer.write(cell.folder / "tokenizer"))},
            "report": {"request_lifecycle": {"per_request": True, "per_request_fields": fields}, "prometheus": None},
            "storage": {"local_storage": {"path": str(cell.folder / "out")}},
        }
        written = cell.folder / "config.yml"
        written.write_text(json.dumps(config))  # JSON is YAML
        return [str(bin_folder / "inference-perf"), "--config_file", str(written)]

    def seen(self, cell: Cell) -> list[Seen]:
        rows = json.loads(_only(cell, "per_request*.json").read_text())
        return [_of_inference_perf(row) for row in rows if not row.get("error")]


def _of_inference_perf(row: dict[str, Any]) -> Seen:
    times = row["info"]["response_metrics"]["output_token_times"]
    gaps = [(b - a) * 1e3 for a, b in itertools.pairwise(times)]
    return Seen(row["start_time"] * 1e3, (times[0] - row["start_time"]) * 1e3, gaps)


OTHERS = (Vllm(), AiPerf(), GuideLlm(), InferencePerf())
