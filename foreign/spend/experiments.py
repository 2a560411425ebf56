"""The experiments: what goes wrong, what the proxy books for it, and whether a defect reported of others shows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from foreign.spend.lab import LONG, Lab, Untold
from foreign.spend.prices import CACHED, MODEL, SPARE, charged, cost, near


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


def _counts(rows: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(row["prompt_tokens"], row["completion_tokens"]) for row in rows]


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
    return _without_usage(lab, stream=False)


@experiment("gap", "a stream whose provider reports no usage is free")
def missing_in_stream(lab: Lab) -> tuple[bool | None, str]:
    return _without_usage(lab, stream=True)


def _without_usage(lab: Lab, *, stream: bool) -> tuple[bool | None, str]:
    lab.fault("omit_usage")
    lab.ask(max_tokens=30, stream=stream)
    rows = lab.booked()
    return charged(rows) == 0, f"booked {_counts(rows)}, {charged(rows)} USD"


@experiment("B46", "cached tokens are charged at the full price and at the cache's")
def cached(lab: Lab) -> tuple[bool | None, str]:
    told = []
    for stream in (False, True):
        rows, usage = lab.faulty("cached_usage", max_tokens=9, stream=stream)
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
    rows, told = lab.faulty("cumulative_usage", max_tokens=30, stream=True)
    due = cost(told["prompt_tokens"], told["completion_tokens"])
    return charged(rows) > due + Decimal("1e-9"), f"due {due:f} USD, booked {charged(rows)}"


@experiment("B20", "an event that is split over packets loses its usage")
def split(lab: Lab) -> tuple[bool | None, str]:
    rows, told = lab.faulty("split_frames", max_tokens=30, stream=True)
    booked = _counts(rows)[-1]
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


def _refused(lab: Lab, times: int) -> tuple[httpx.Response, list[dict[str, Any]], list[dict[str, Any]]]:
    """The answer to a request that the provider refuses so many times, the rows, and the tries."""
    lab.calls()
    lab.fault("refuse", status=503, times=times)
    answer = lab.ask(max_tokens=9)
    lab.provider.delete("/upstream/faults")
    return answer, lab.booked(), lab.calls()


@experiment("B68", "requests that fail are charged")
def failing(lab: Lab) -> tuple[bool | None, str]:
    answer, rows, calls = _refused(lab, times=20)
    events = [row["event"] for row in rows]
    return charged(rows) > 0, f"answered {answer.status_code} after {len(calls)} tries, rows {events}"


@experiment("B37", "a retry inside the gateway is charged for each try")
def retried(lab: Lab) -> tuple[bool | None, str]:
    answer, rows, calls = _refused(lab, times=1)
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


def findings(lab: Lab) -> Iterator[Finding]:
    for defect, what, run in EXPERIMENTS:
        try:
            seen, told = run(lab)
        except Untold as problem:
            seen, told = None, str(problem)
        except (httpx.HTTPError, KeyError, ValueError) as problem:
            seen, told = None, f"{type(problem).__name__}: {problem}"
        lab.provider.delete("/upstream/faults")
        lab.booked(0)
        yield Finding(defect, what, seen, told)


def over_budget(lab: Lab) -> Finding:
    """Under a budget that the first answer exceeds."""
    statuses = []
    for _ in range(4):
        statuses.append(lab.ask(max_tokens=20).status_code)
        lab.booked()
    what = "a budget of the whole proxy is not enforced (without a database)"
    return Finding("B29", what, statuses[-1] == 200, f"budget of a nano-dollar, answers {statuses}")
