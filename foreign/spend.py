"""What LiteLLM's proxy books for requests that go wrong: `assay upstream` behind it, its own spend rows read.

Its database needs prisma's engines, which are fetched from a host of their own; so the rows are those it hands to a
custom logger, which are the ones that it would write. Each experiment says whether a defect reported of other
versions is seen in this one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from foreign import install
from foreign.deployment import Deployment
from foreign.litellm import REQUIREMENTS, VERSION
from foreign.process import answers, free_port, serving

MODEL, SPARE = "Qwen/Qwen3-32B-TEE", "moonshotai/Kimi-K2.5-TEE"
PRICES = {MODEL: (Decimal("0.148"), Decimal("0.444")), SPARE: (Decimal("0.8325"), Decimal("4.07"))}  # USD a million
CACHED = Decimal("0.0148")  # USD a million cached tokens
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


@dataclass
class Lab:
    """The proxy, the provider behind it, and the rows that the proxy has booked."""

    proxy: httpx.Client
    provider: httpx.Client
    rows_file: Path
    seen: int = 0

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
        told = self.provider.get("/upstream/calls", params={"since": getattr(self, "_mark", 0)}).json()
        self._mark = told["mark"]
        return list(told["calls"])

    def _rows(self) -> list[dict[str, Any]]:
        if not self.rows_file.exists():
            return []
        lines = self.rows_file.read_text().splitlines()[self.seen :]
        return [json.loads(line, parse_float=Decimal) for line in lines]


@dataclass(frozen=True)
class Finding:
    """`seen`: True when the defect shows, False when it does not, None when this cannot be told."""

    defect: str
    what: str
    seen: bool | None
    told: str


Experiment = Callable[[Lab], tuple[bool | None, str]]
EXPERIMENTS: list[tuple[str, str, Experiment]] = []


def experiment(defect: str, what: str) -> Callable[[Experiment], Experiment]:
    def register(run: Experiment) -> Experiment:
        EXPERIMENTS.append((defect, what, run))
        return run

    return register


def cost(prompt: int, completion: int, model: str = MODEL) -> Decimal:
    prices = PRICES[model]
    return (prompt * prices[0] + completion * prices[1]) / 1_000_000


def _counts(rows: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(row["prompt_tokens"], row["completion_tokens"]) for row in rows]


def charged(rows: list[dict[str, Any]]) -> Decimal:
    return sum((Decimal(str(row["response_cost"] or 0)) for row in rows), Decimal(0))


def near(one: Decimal, other: Decimal) -> bool:
    """Within a nano-dollar: the rows hold binary fractions."""
    return abs(one - other) < Decimal("1e-9")


@experiment("B71", "tiny requests are rounded to nothing")
def tiny(lab: Lab) -> tuple[bool | None, str]:
    usage = lab.ask(content="Hi", max_tokens=1).json()["usage"]
    due, rows = cost(usage["prompt_tokens"], usage["completion_tokens"]), lab.booked()
    return not near(charged(rows), due), f"due {due:f} USD, booked {charged(rows)}"


@experiment("B16", "a stream's counts differ from those of the same answer in one piece")
def streamed(lab: Lab) -> tuple[bool | None, str]:
    lab.ask(max_tokens=30, temperature=0)
    lab.ask(max_tokens=30, temperature=0, stream=True)
    rows = lab.booked(2)
    return len(set(_counts(rows))) != 1, f"rows say {_counts(rows)}"


@experiment("B35", "one answer is booked twice")
def twice(lab: Lab) -> tuple[bool | None, str]:
    for stream in (False, True):
        lab.ask(max_tokens=5, stream=stream)
    rows = lab.booked(2)
    return len(rows) > 2, f"2 answers, {len(rows)} rows"


@experiment("B01, B02", "a client that leaves a stream is not charged, and leaves no row")
def left(lab: Lab) -> tuple[bool | None, str]:
    lab.calls()
    lab.leave()
    rows, calls = lab.booked(), lab.calls()
    usage = calls[-1]["usage"] if calls else None
    return not rows or charged(rows) == 0, f"{len(rows)} rows of {charged(rows)} USD; the provider generated {usage}"


@experiment("B04", "a client that leaves pays for the few chunks it got, while the provider generates on")
def drained(lab: Lab) -> tuple[bool | None, str]:
    lab.calls()
    lab.leave(9)
    rows, calls = lab.booked(), lab.calls()
    if not rows or not calls or calls[-1]["usage"] is None:
        return None, f"{len(rows)} rows, {len(calls)} calls at the provider: nothing to compare"
    booked, generated = rows[-1]["completion_tokens"], calls[-1]["usage"]["completion_tokens"]
    return generated > 2 * max(booked, 1), f"booked {booked} completion tokens, the provider generated {generated}"


@experiment("B05", "a usage of zero is taken for a missing one and charged by an estimate")
def zero(lab: Lab) -> tuple[bool | None, str]:
    lab.fault("zero_usage", times=2)
    lab.ask(max_tokens=9)
    lab.ask(max_tokens=9, stream=True)
    rows = lab.booked(2)
    return charged(rows) > 0, f"booked {[str(row['response_cost']) for row in rows]} for an answer and a stream"


@experiment("gap", "an answer in one piece whose provider reports no usage is free")
def missing(lab: Lab) -> tuple[bool | None, str]:
    lab.fault("omit_usage")
    lab.ask(max_tokens=30)
    rows = lab.booked()
    return charged(rows) == 0, f"booked {_counts(rows)}, {charged(rows)} USD"


@experiment("gap", "a stream whose provider reports no usage is free")
def missing_in_stream(lab: Lab) -> tuple[bool | None, str]:
    lab.fault("omit_usage")
    lab.ask(max_tokens=30, stream=True)
    rows = lab.booked()
    return charged(rows) == 0, f"booked {_counts(rows)}, {charged(rows)} USD"


@experiment("B46", "cached tokens are charged at the full price and at the cache's")
def cached(lab: Lab) -> tuple[bool | None, str]:
    told = []
    for stream in (False, True):
        lab.calls()
        lab.fault("cached_usage")
        lab.ask(max_tokens=9, stream=stream)
        rows, calls = lab.booked(), lab.calls()
        if not rows or not calls:
            return None, "no row, or no call"
        usage = calls[-1]["usage"]
        half = usage["prompt_tokens"] // 2
        fresh = cost(usage["prompt_tokens"] - half, usage["completion_tokens"])
        told.append((fresh + half * CACHED / 1_000_000, charged(rows)))
    wrong = any(not near(due, booked) for due, booked in told)
    return wrong, "; ".join(f"due {due:f}, booked {booked}" for due, booked in told)


@experiment("B31", "a budget is said to be exceeded although none is set")
def unbudgeted(lab: Lab) -> tuple[bool | None, str]:
    statuses = {lab.ask(max_tokens=3).status_code for _ in range(5)}
    lab.booked(5)
    return statuses != {200}, f"answered {sorted(statuses)}"


@experiment("B13", "cumulative usage of a stream is added up")
def cumulative(lab: Lab) -> tuple[bool | None, str]:
    lab.calls()
    lab.fault("cumulative_usage")
    lab.ask(max_tokens=30, stream=True)
    rows, calls = lab.booked(), lab.calls()
    if not rows or not calls:
        return None, "no row, or no call"
    told = calls[-1]["usage"]
    due = cost(told["prompt_tokens"], told["completion_tokens"])
    return charged(rows) > due + Decimal("1e-9"), f"due {due:f} USD, booked {charged(rows)}"


@experiment("B20", "an event that is split over packets loses its usage")
def split(lab: Lab) -> tuple[bool | None, str]:
    lab.calls()
    lab.fault("split_frames")
    lab.ask(max_tokens=30, stream=True)
    rows, calls = lab.booked(), lab.calls()
    if not rows or not calls:
        return None, "no row, or no call"
    told, row = calls[-1]["usage"], rows[-1]
    booked = (row["prompt_tokens"], row["completion_tokens"])
    return booked != (told["prompt_tokens"], told["completion_tokens"]), f"provider {told}, booked {booked}"


@experiment("B10", "the text of an error inside a stream is charged")
def error(lab: Lab) -> tuple[bool | None, str]:
    lab.fault("error_in_stream", at=3)
    said = lab.ask(content=LONG, max_tokens=60, stream=True).text
    rows = lab.booked()
    tokens = sum(row["completion_tokens"] or 0 for row in rows)
    return tokens > 6, f"3 tokens delivered, {tokens} booked in {len(rows)} rows; the stream ends {said[-60:]!r}"


@experiment("gap", "a stream that its provider drops is charged in full, or not at all")
def dropped(lab: Lab) -> tuple[bool | None, str]:
    lab.fault("drop_after_chunks", at=8)
    with contextlib.suppress(httpx.HTTPError):
        lab.ask(content=LONG, max_tokens=60, stream=True)
    rows = lab.booked()
    tokens = sum(row["completion_tokens"] or 0 for row in rows)
    events = [row["event"] for row in rows]
    return not 1 <= tokens <= 16, f"8 tokens delivered, {tokens} booked, {charged(rows)} USD, rows {events}"


@experiment("B68", "requests that fail are charged")
def failing(lab: Lab) -> tuple[bool | None, str]:
    lab.calls()
    lab.fault("refuse", status=503, times=20)
    answer = lab.ask(max_tokens=9)
    lab.provider.delete("/upstream/faults")
    rows, calls = lab.booked(), lab.calls()
    events = [row["event"] for row in rows]
    return charged(rows) > 0, f"answered {answer.status_code} after {len(calls)} tries, rows {events}"


@experiment("B37", "a retry inside the gateway is charged for each try")
def retried(lab: Lab) -> tuple[bool | None, str]:
    lab.calls()
    lab.fault("refuse", status=503, times=1)
    answer = lab.ask(max_tokens=9)
    lab.provider.delete("/upstream/faults")
    rows, calls = lab.booked(), lab.calls()
    paid = [row for row in rows if row["response_cost"]]
    return len(paid) > 1, f"answered {answer.status_code} after {len(calls)} tries, {len(paid)} rows with a cost"


@experiment("B62", "a fallback is charged at another model's price")
def fallback(lab: Lab) -> tuple[bool | None, str]:
    lab.fault("refuse", status=503, model=MODEL, times=20)
    answer = lab.ask(model="with-fallback", max_tokens=9)
    lab.provider.delete("/upstream/faults")
    rows = [row for row in lab.booked() if row["response_cost"]]
    if answer.status_code != 200 or not rows:
        return None, f"answered {answer.status_code}, {len(rows)} rows with a cost"
    usage = answer.json()["usage"]
    due = cost(usage["prompt_tokens"], usage["completion_tokens"], SPARE)
    return not near(charged(rows), due), f"due {due:f} USD at the fallback's price, booked {charged(rows)}"


@experiment("B64", "a provider that names another model changes the price")
def renamed(lab: Lab) -> tuple[bool | None, str]:
    lab.fault("wrong_model")
    usage = lab.ask(max_tokens=9).json()["usage"]
    rows = lab.booked()
    due = cost(usage["prompt_tokens"], usage["completion_tokens"])
    return not near(charged(rows), due), f"due {due:f} USD, booked {charged(rows)}"


@experiment("gap", "several choices are charged as one")
def choices(lab: Lab) -> tuple[bool | None, str]:
    usage = lab.ask(content=LONG, n=3, max_tokens=8, temperature=1).json()["usage"]
    rows = lab.booked()
    due = cost(usage["prompt_tokens"], usage["completion_tokens"])
    return not near(
        charged(rows), due
    ), f"usage {usage['completion_tokens']} tokens, due {due:f}, booked {charged(rows)}"


@experiment("B89", "requests that the provider answered are missing in the rows")
def absent(lab: Lab) -> tuple[bool | None, str]:
    lab.calls()
    for n in range(40):
        lab.ask(content=f"Say {n}", max_tokens=3, stream=n % 2 == 0)
    rows, calls = lab.booked(40), lab.calls()
    return len(rows) < len(calls), f"{len(calls)} calls at the provider, {len(rows)} rows"


@experiment("header", "the cost in the header x-litellm-response-cost differs from the row")
def header(lab: Lab) -> tuple[bool | None, str]:
    answer = lab.ask(max_tokens=9)
    stated = answer.headers.get("x-litellm-response-cost")
    rows = lab.booked()
    if stated is None:
        return None, "no such header"
    return not near(Decimal(stated), charged(rows)), f"header {stated}, row {charged(rows)}"


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
    source = str(Path(__file__).parents[1])
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


def findings(lab: Lab) -> Iterator[Finding]:
    for defect, what, run in EXPERIMENTS:
        try:
            seen, told = run(lab)
        except (httpx.HTTPError, KeyError, ValueError) as problem:
            seen, told = None, f"{type(problem).__name__}: {problem}"
        lab.provider.delete("/upstream/faults")
        lab.booked(0)
        yield Finding(defect, what, seen, told)


def reconciled(lab: Lab, folder: Path) -> None:
    """A run of ours through the proxy, held against what it booked meanwhile."""
    run, prices, ledger = folder / "run", folder / "prices.json", folder / "run-spend.jsonl"
    shutil.rmtree(run, ignore_errors=True)
    listed = {model: {"prompt": str(prompt), "completion": str(done)} for model, (prompt, done) in PRICES.items()}
    prices.write_text(json.dumps(listed))
    key = str(lab.proxy.headers["Authorization"]).removeprefix("Bearer ")
    target = Deployment(f"litellm {VERSION}", f"{lab.proxy.base_url}/v1", {"main": key}).write_target(folder)
    line = [sys.executable, "-m", "harness.cli"]
    suites = ["--suite=contract", "--suite=stream"]
    subprocess.call([*line, "run", "openai-core", f"--target={target}", f"--out={run}", *suites])  # noqa: S603 - ours
    rows = lab.booked(10_000)
    ledger.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows))
    files = [f"--exchanges={run}", f"--ledger={ledger}", f"--prices={prices}"]
    subprocess.call([*line, "reconcile", *files, "--format=litellm", "--pair=completion"])  # noqa: S603


def over_budget(lab: Lab) -> Finding:
    """Under a budget that the first answer exceeds."""
    statuses = []
    for _ in range(4):
        statuses.append(lab.ask(max_tokens=20).status_code)
        lab.booked()
    what = "a budget of the whole proxy is not enforced (without a database)"
    return Finding("B29", what, statuses[-1] == 200, f"budget of a nano-dollar, answers {statuses}")


def main(arguments: list[str] | None = None) -> int:
    """0 when every experiment was made, or LiteLLM cannot be installed here; 3 when it does not start."""
    parser = argparse.ArgumentParser(prog="foreign.spend", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/foreign-litellm-spend"))
    parser.add_argument("--prefix", type=Path, default=Path(".nox"))
    chosen = parser.parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "spend.jsonl").unlink(missing_ok=True)
    folder, venv = chosen.out.resolve(), (chosen.prefix / "foreign-litellm").resolve()
    try:
        with laboratory(folder, venv) as lab:
            _say(f"litellm {VERSION}: {len(EXPERIMENTS) + 1} experiments")
            for found in findings(lab):
                _tell(found)
            reconciled(lab, folder)
        (folder / "spend.jsonl").unlink(missing_ok=True)
        with laboratory(folder, venv, budget=1e-9) as lab:
            _tell(over_budget(lab))
    except install.NotInstallable as problem:
        _say(f"litellm: skipped, it could not be installed. {problem}")
    return 0


def _tell(found: Finding) -> None:
    word = {True: "SEEN", False: "not seen", None: "cannot tell"}[found.seen]
    _say(f"{word:11} {found.defect:8} {found.what}: {found.told}")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command prints


if __name__ == "__main__":
    sys.exit(main())
