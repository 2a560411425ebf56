"""`vllm bench serve` without its engine: vLLM's own code measures and decides; what it imports of the engine is empty.

Run by the interpreter that vllm is installed for: URL USERS REQUESTS OUT.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import ssl
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

REAL = ("vllm.benchmarks.serve", "vllm.benchmarks.lib")


class Empty(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Every module of vllm that is not the bench client itself has any name, and does nothing."""

    def find_spec(self, name: str, _path: Sequence[str] | None = None, _target: Any = None) -> Any:
        if name.split(".")[0] != "vllm" or name.startswith(REAL):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        made = MagicMock(name=spec.name)
        made.__path__ = [str(Path(p, *spec.name.split(".")[1:])) for p in _installed()]
        made.__spec__ = spec
        return made

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def _installed() -> list[str]:
    return [str(Path(each) / "vllm") for each in sys.path if (Path(each) / "vllm").is_dir()]


async def measure(url: str, users: int, requests: int) -> dict[str, Any]:
    serve = importlib.import_module("vllm.benchmarks.serve")  # its package is an empty one of ours

    request = {"prompt": "Say fifty words.", "prompt_len": 4, "expected_output_len": 50}
    empty = dict.fromkeys(("multi_modal_data", "request_id", "lora_request", "chat_messages", "request_overrides"))
    asked = [SimpleNamespace(**request, **empty) for _ in range(requests)]
    given: dict[str, Any] = {
        "task_type": serve.TaskType.GENERATION,
        "endpoint_type": "openai-chat",
        "api_url": f"{url}/v1/chat/completions",
        "base_url": url,
        "model_id": "truth",
        "model_name": "truth",
        "tokenizer": None,
        "input_requests": asked,
        "logprobs": None,
        "request_rate": float("inf"),
        "burstiness": 1.0,
        "disable_tqdm": True,
        "num_warmups": 0,
        "profile": False,
        "selected_percentile_metrics": ["ttft", "itl"],
        "selected_percentiles": [50.0, 99.0],
        "ignore_eos": False,
        "goodput_config_dict": {},
        "max_concurrency": users,
        "lora_modules": None,
        "extra_headers": None,
        "extra_body": None,
        "ready_check_timeout_sec": 0,
    }
    if url.startswith("https:"):
        given["ssl_context"] = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    return dict(await serve.benchmark(**given))


def main(url: str, users: str, requests: str, out: str) -> None:
    sys.meta_path.insert(0, Empty())
    found = asyncio.run(measure(url, int(users), int(requests)))
    rows = zip(found["start_times"], found["ttfts"], found["itls"], strict=True)
    Path(out).write_text(json.dumps([(s * 1e3, t * 1e3, [g * 1e3 for g in gaps]) for s, t, gaps in rows if gaps]))


if __name__ == "__main__":
    main(*sys.argv[1:])
