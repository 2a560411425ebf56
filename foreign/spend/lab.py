"""LiteLLM's proxy in front of `assay upstream`, and the rows of spend that it hands to a custom logger."""

from __future__ import annotations

import contextlib
import json
import secrets
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from foreign import install
from foreign.litellm import REQUIREMENTS
from foreign.process import answers, free_port, serving
from foreign.spend.prices import CACHED, MODEL, PRICES, SPARE

LONG = "Count from 1 to 120, separated by spaces."
SETTLED_S = 6.0  # spend is logged after the answer, in batches
LOGGER = """\
import json, os
from litellm.integrations.custom_logger import CustomLogger

KEPT = ("id", "litellm_call_id", "status", "stream", "response_cost", "prompt_tokens", "completion_tokens", "model",
        "model_group", "startTime", "endTime", "error_str")


class Rows(CustomLogger):
    def write(self, kwargs, event):
        row = dict(kwargs.get("standard_logging_object") or {})
        kept = {name: row.get(name) for name in KEPT}
        kept |= {"request_id": row.get("id"), "spend": row.get("response_cost")}
        with open(os.environ["SPEND_FILE"], "a") as out:
            out.write(json.dumps({**kept, "event": event}, default=str) + "\\n")

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        self.write(kwargs, "success")

    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
        self.write(kwargs, "failure")


rows = Rows()
"""


class Untold(RuntimeError):
    """What happened does not tell whether a defect is there."""


@dataclass
class Lab:
    """The proxy, the provider behind it, and the rows that the proxy has booked."""

    proxy: httpx.Client
    provider: httpx.Client
    rows_file: Path
    seen: int = 0  # rows at the last look
    mark: int = 0  # calls at the last look

    def ask(self, model: str = MODEL, **members: Any) -> httpx.Response:
        messages = [{"role": "user", "content": members.pop("content", "Count from 1 to 9")}]
        return self.proxy.post("/v1/chat/completions", json={"model": model, "messages": messages, **members})

    def leave(self, lines: int = 5) -> None:
        """A stream whose client goes away after so many lines."""
        body = {"model": MODEL, "messages": [{"role": "user", "content": LONG}], "stream": True, "max_tokens": 400}
        with self.proxy.stream("POST", "/v1/chat/completions", json=body) as answer:
            for _, _ in zip(range(lines), answer.iter_lines(), strict=False):
                pass

    def fault(self, kind: str, **members: Any) -> None:
        self.provider.post("/upstream/faults", json={"fault": kind, **members}).raise_for_status()

    def booked(self, wanted: int = 1) -> list[dict[str, Any]]:
        """The rows since the last look, once as many as wanted are there or none comes any more."""
        end, rows = time.monotonic() + SETTLED_S, self._rows()
        while len(rows) < wanted and time.monotonic() < end:
            time.sleep(0.2)
            rows = self._rows()
        time.sleep(0.5)  # one more than wanted would be a finding
        rows = self._rows()
        self.seen += len(rows)
        return rows

    def calls(self) -> list[dict[str, Any]]:
        """What the provider was asked since the last look."""
        told = self.provider.get("/upstream/calls", params={"since": self.mark}).json()
        self.mark = told["mark"]
        return list(told["calls"])

    def faulty(self, kind: str, **members: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The rows of one answer with this fault, and the usage that the provider told. Raises Untold."""
        self.calls()
        self.fault(kind)
        self.ask(**members)
        rows, calls = self.booked(), self.calls()
        if not rows or not calls or calls[-1]["usage"] is None:
            raise Untold(f"{len(rows)} rows, {len(calls)} calls at the provider: nothing to compare")
        return rows, calls[-1]["usage"]

    def _rows(self) -> list[dict[str, Any]]:
        if not self.rows_file.exists():
            return []
        lines = self.rows_file.read_text().splitlines()[self.seen :]
        return [json.loads(line, parse_float=Decimal) for line in lines]


def config(budget: float | None = None) -> str:
    """Models with prices a token, a fallback, and our logger; everything else as it comes."""

    def model(name: str, target: str) -> dict[str, Any]:
        prompt, completion = (float(price / 1_000_000) for price in PRICES[target])
        settings = {"model": f"openai/{target}", "api_base": "os.environ/PROVIDER_URL", "api_key": "sk-none"}
        return {
            "model_name": name,
            "litellm_params": {
                **settings,
                "input_cost_per_token": prompt,
                "output_cost_per_token": completion,
                "cache_read_input_token_cost": float(CACHED / 1_000_000),
            },
        }

    models = [model(MODEL, MODEL), model(SPARE, SPARE), model("with-fallback", MODEL)]
    return json.dumps(  # JSON is YAML
        {
            "model_list": models,
            "litellm_settings": {
                "callbacks": "spend_rows.rows",
                "fallbacks": [{"with-fallback": [SPARE]}],
                **({} if budget is None else {"max_budget": budget, "budget_duration": "30d"}),
            },
            "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"},
        }
    )


@contextlib.contextmanager
def laboratory(folder: Path, venv: Path, budget: float | None = None) -> Iterator[Lab]:
    """Provider, proxy and clients. Raises NotInstallable, NotStarted."""
    scripts = install.with_pip(venv, *REQUIREMENTS)
    (folder / "config.yaml").write_text(config(budget))
    (folder / "spend_rows.py").write_text(LOGGER)
    token, key, port, behind = secrets.token_hex(12), f"sk-{secrets.token_hex(12)}", free_port(), free_port()
    source = str(Path(__file__).parents[2])
    line = [sys.executable, "-m", "mockserver.upstream", f"--port={behind}", "--control-token-env=PROVIDER_TOKEN"]
    env = {"PROVIDER_TOKEN": token, "PYTHONPATH": source}
    proxy = [
        str(scripts / "litellm"),
        "--config=config.yaml",
        "--host=127.0.0.1",
        f"--port={port}",
        "--telemetry=False",
    ]
    settings = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # otherwise it fetches a price list from the internet
        "LITELLM_MASTER_KEY": key,
        "PROVIDER_URL": f"http://127.0.0.1:{behind}/v1",
        "SPEND_FILE": str(folder / "spend.jsonl"),
    }
    url = f"http://127.0.0.1:{port}"
    with (
        serving(line, folder / "provider.log", answers(f"http://127.0.0.1:{behind}/v1/models"), env=env),
        serving(proxy, folder / "server.log", answers(f"{url}/health/readiness"), env=settings),
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as asking,
        httpx.Client(
            base_url=f"http://127.0.0.1:{behind}/control/v1", headers={"X-Control-Token": token}, timeout=10
        ) as controlling,
    ):
        yield Lab(asking, controlling, folder / "spend.jsonl")
