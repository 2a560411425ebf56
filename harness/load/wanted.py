"""What a command line asks of a load, read once: the scenario of a target, and what it can cost at most."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from harness.asking.ask import Ask
from harness.load.arrivals import Arrivals, expected
from harness.load.parent import Size, scenario_of
from harness.load.scenario import LONGEST_S, Scenario
from harness.load.slo import parse
from harness.load.sweep import sweep_of
from harness.load.workload import Workload, continued, lengths
from harness.record.playback import Player
from harness.wire.budget import BudgetExceeded, Price, Reservation

LETTERS = 4  # of a token, about: an answer of so many becomes part of the next turn
FASTEST = 200  # answers a second that one user of a closed loop may get: five milliseconds each
FREE = (Decimal(0), Decimal(0))
SPARE = 1.5  # random arrivals may be more than the rate makes due on average

_NUMBER, _PAIR = re.compile("[0-9]{1,9}"), re.compile("[0-9]{1,9}(:[0-9]{1,9})?")


@dataclass(frozen=True)
class Wanted:
    """The options of `assay load`, as they were typed."""

    users: int | None = None
    rate: float | None = None
    trace: Path | None = None
    sweep: str | None = None
    arrivals: str = "poisson"
    ramp_s: float = 0.0
    seconds: float = 60.0
    warm_up_s: float = 0.0
    requests: int | None = None
    slos: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    prompt: str = "32"
    output: str = "64"
    prompts: Path | None = None
    turns: int = 1
    shared: str | None = None
    aborts: float = 0.0
    unstreamed: float = 0.0
    tools: float = 0.0
    keys: tuple[str, ...] = ("main",)
    judged: str = "200"
    max_in_flight: int = 10_000
    kernel_times: bool = True
    seed: int = 1

    def checked(self) -> Wanted:
        """This request. Raises ValueError that says what to give instead."""
        given = [name for name in ("users", "rate", "trace", "sweep") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give one of --users, --rate, --trace and --sweep")
        if self.judged != "all" and not _NUMBER.fullmatch(self.judged):
            raise ValueError(f"--judge {self.judged}: expected a number of answers, or all")
        if self.shared is not None and not _PAIR.fullmatch(self.shared):
            raise ValueError(f"--shared-prefixes {self.shared}: expected N:WORDS")
        self._check_times()
        if self.sweep is not None and not self.slos:
            raise ValueError("--sweep looks for the highest rate that meets a service level: give one with --slo")
        for text in self.slos:
            parse(text)
        return self

    def _check_times(self) -> None:
        """Not a number fails every comparison, and is refused with what is too small or too large."""
        if not 0 < self.seconds < LONGEST_S:
            raise ValueError(f"--for: expected more than 0 and less than {LONGEST_S} seconds")
        if not 0 <= self.warm_up_s < self.seconds:
            raise ValueError("--warm-up: expected less than --for, and not less than 0")
        if not 0 <= self.ramp_s < LONGEST_S:
            raise ValueError("--ramp: expected seconds, and not less than 0")
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise ValueError("--rate: expected more than 0 requests a second")

    def scenario(self, ask: Ask) -> Scenario:
        """For the target of `ask`. Raises ValueError, OSError, TargetFault."""
        rows = _rows(self.trace or self.prompts)
        made = scenario_of(ask, (), Size(self.users or 0, self.seconds, 0), seed=self.seed, sample=self._sample)
        return replace(
            made,
            workload=self._workload(ask, rows),
            requests=self.requests,
            arrivals=self._arrivals(rows),
            ramp_s=self.ramp_s if self.users else 0.0,
            warm_up_s=self.warm_up_s,
            slos=self.slos,
            keep_all=self.judged == "all",
            max_in_flight=self.max_in_flight,
            kernel_times=self.kernel_times,
            credential=_key(ask, self.keys[0]),
            more_credentials=tuple(_key(ask, name) for name in self.keys[1:]),
        )

    def at_rate(self, scenario: Scenario, rate: float) -> Scenario:
        """The same load at another rate."""
        return replace(scenario, arrivals=_at(self.arrivals, rate, 0.0), users=0)

    @property
    def _sample(self) -> int:
        return 0 if self.judged == "all" else int(self.judged)

    def _arrivals(self, rows: list[dict[str, Any]]) -> Arrivals | None:
        if self.trace is not None:
            return Arrivals("trace", times_s=_times(rows, self.trace))
        if self.sweep is not None:
            return _at(self.arrivals, sweep_of(self.sweep).low, 0.0)
        return None if self.rate is None else _at(self.arrivals, self.rate, self.ramp_s)

    def _workload(self, ask: Ask, rows: list[dict[str, Any]]) -> Workload:
        prefixes, _, words = (self.shared or "0:0").partition(":")
        return Workload(
            models=tuple(map(_weighted, self.models)) or ((ask.default_model, 1.0),),
            prompt=lengths(self.prompt),
            output=lengths(self.output),
            streamed=1 - self.unstreamed,
            aborted=self.aborts,
            tools=self.tools,
            turns=self.turns,
            prefixes=int(prefixes),
            prefix_words=int(words or 0),
            prompts=tuple(rows),
        )


def afforded(ask: Ask, scenario: Scenario) -> tuple[Scenario, Reservation]:
    """As much of the load as the spend cap allows, with that set aside. Raises BudgetExceeded when that is nothing.

    Every request is priced at the most it can cost, as it will be asked; an open loop that does not fit is refused,
    because fewer requests would be another load. Where all models are free, nothing has to be priced, nor where a saved
    run is played, which was afforded when it was made.
    """
    budget, left = ask.client.budget, ask.client.budget.cap - ask.client.budget.spent - ask.client.budget.reserved
    usd, count, price = Decimal(0), 0, FREE
    wanted = _most(scenario)
    prices = _prices(ask, scenario)
    if wanted and prices and (prices == {FREE} or isinstance(ask.client, Player)):
        return replace(scenario, requests=wanted), budget.set_aside(max(prices), usd, wanted * scenario.turns)
    for bounds in _bounds(ask, scenario, wanted):
        more = sum((each for _, each in bounds), Decimal(0))
        if usd + more > left:
            break
        usd, count, price = usd + more, count + 1, max(price, *(p for p, _ in bounds))
    if not count or (scenario.arrivals is not None and count < wanted):
        raise BudgetExceeded(
            f"{wanted} requests may cost more than the {left:f} USD that the cap leaves: raise it "
            "by --cap or by [spend] cap_usd in the target file, or ask for less"
        )
    calls = count * scenario.turns
    return replace(scenario, requests=count), budget.set_aside(price, usd, calls)


def _prices(ask: Ask, scenario: Scenario) -> set[Price]:
    """Of the models of a workload; a price is that of a model, whatever it is asked."""
    load = scenario.workload
    if load is None:
        return set()
    models = {model for model, _ in load.models} | {str(row["model"]) for row in load.prompts if "model" in row}
    return {ask.client.budget.bound(json.dumps({"model": model}).encode())[0] for model in models}


def _most(scenario: Scenario) -> int:
    """Conversations that the load can have."""
    if scenario.arrivals is None:
        return scenario.requests or round(scenario.users * (scenario.seconds * FASTEST + 1))
    due = expected(scenario.arrivals, scenario.seconds)
    most = round(due) if scenario.arrivals.kind != "poisson" else round(due * SPARE) + 10
    return min(most, scenario.requests or most)


def _bounds(ask: Ask, scenario: Scenario, count: int) -> Iterator[list[tuple[Any, Decimal]]]:
    """The dearest that each conversation can be, turn by turn."""
    for number in range(count):
        found, history = [], list[Mapping[str, Any]]()
        for turn in range(scenario.turns):
            body = scenario.asked(number, turn, [dict(message) for message in history]).body
            found.append(ask.client.budget.bound(body))
            if turn + 1 == scenario.turns:
                break
            said = json.loads(body).get("max_tokens", 0) * LETTERS
            history = list(continued(body, "x" * said))
        yield found


def _at(kind: str, rate: float, ramp_s: float) -> Arrivals:
    return Arrivals(kind, ((0.0, 0.0), (ramp_s, rate)) if ramp_s else ((0.0, rate),))


def _key(ask: Ask, name: str) -> str:
    if name not in ask.target.keys:
        raise ValueError(f"--key {name}: the target names {', '.join(sorted(ask.target.keys)) or 'no key'}")
    return ask.target.keys[name].name


def _weighted(text: str) -> tuple[str, float]:
    model, _, weight = text.partition("=")
    try:
        return model, float(weight or 1)
    except ValueError:
        raise ValueError(f"--model {text}: expected a model, or MODEL=WEIGHT") from None


def _rows(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        return []
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not ({"prompt", "messages"} & row.keys() or "at" in row):
            raise ValueError(f"{path}:{number}: expected a JSON object with prompt or messages")
        found.append(row)
    if not found:
        raise ValueError(f"{path}: it holds no request")
    return found


def _times(rows: list[dict[str, Any]], path: Path) -> tuple[float, ...]:
    """Seconds from the first request: `at` is a number of seconds or a time in ISO 8601."""
    try:
        found = [
            at if isinstance(at := row["at"], int | float) else datetime.fromisoformat(at).timestamp() for row in rows
        ]
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{path}: expected `at` in every line, in seconds or as a time in ISO 8601") from None
    return tuple(at - found[0] for at in found)
