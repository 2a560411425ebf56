"""One load serves every check of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.asking.ask import Ask
from harness.asking.control import Key
from harness.asking.probe import Cost, probe
from harness.load.arrivals import Arrivals
from harness.load.parent import LoadResult, Size, run_load
from harness.load.scenario import Scenario
from harness.model import NotObserved
from harness.running.session import Session
from harness.wire.exchange import Exchange
from specs import Contract
from suites.load import lab
from suites.load.crowd import MAX_TOKENS, Crowd, markers, request

SIZES = {"quick": Size(8, 1, 24), "standard": Size(16, 2, 64), "full": Size(64, 20, 640)}
COSTS = {
    name: Cost(size.requests + 1, 45 * (size.requests + 1), MAX_TOKENS * (size.requests + 1))
    for name, size in SIZES.items()
}


def size_of(profile: str, contract: Contract) -> Size:
    """The load of a profile, within a quarter of the rate limit: the checks that come after it need the rest."""
    size, limit = SIZES[profile], contract.trait("limits.requests_per_minute", None)
    return size if limit is None else replace(size, requests=min(size.requests, limit // 4))


@probe(calls=65, prompt_tokens=65 * 45, completion_tokens=65 * MAX_TOKENS, costs=COSTS)
def loaded(ask: Ask, assay_session: Session) -> Crowd:
    """One stream alone, then as many at once as the profile says."""
    options = assay_session.options
    size = size_of(options.profile, assay_session.contract)
    own, *others = markers(size.requests + 1, options.seed)
    alone = ask.send("POST", "/chat/completions", json=request(ask.default_model, own))
    if alone.status != 200:
        raise NotObserved(f"a single stream is answered {alone.status}: many at once would tell nothing more")
    bodies = [json.dumps(request(ask.default_model, marker)).encode() for marker in others]
    found = run_load(ask, bodies, size, seed=options.seed)
    assay_session.figures["load"] = {**assay_session.figures.get("load", {}), **told(found.figures)}
    return Crowd(alone, found.exchanges, found.figures["in_flight_max"], tuple(others)).observed()


# --- Laboratories ----------------------------------------------------------------------------------------------

MANY = {"quick": Size(12, 20, 240), "standard": Size(24, 60, 1_400), "full": Size(64, 300, 12_000)}
MANY_COSTS = {name: Cost(size.requests, 60 * size.requests, 32 * size.requests) for name, size in MANY.items()}
EDGE = 40  # requests a minute of a key that is flooded
FLOOD = Size(24, 20, 160)
WATCHED = Size(12, 3, 120)
LONG = 300  # tokens
COUNT = "Count from 1 to 120, separated by spaces."
DESERTED = Size(12, 20, 48)
LOOKS = 6
FLIPPED = Size(4, 3, 6_000)
SETTLED_S = 0.4
CLOCKS_S = 0.005  # by which the clocks of two processes of one machine may differ


@probe(calls=1_400, costs=MANY_COSTS)
def many(ask: Ask, assay_session: Session) -> lab.Lab:
    """A large mixed load of two accounts, with everything that money and provider tell of it."""
    keys, size = lab.issue(ask, 2), MANY[assay_session.options.profile]
    found = lab.accounted(ask, lab.scenario(ask, keys, size, lab.mixed(ask)), keys)
    assay_session.figures["load"] = {**assay_session.figures.get("load", {}), "many": told(found.result.figures)}
    if found.result.figures["in_flight_max"] < 2:
        raise NotObserved("no two requests were in flight at once")
    return found


@probe(calls=DESERTED.requests, prompt_tokens=40 * DESERTED.requests, completion_tokens=LONG * DESERTED.requests)
def deserted(ask: Ask) -> lab.Lab:
    """Long streams at once, each left by its client near its beginning."""
    keys, row = lab.issue(ask), {"prompt": COUNT, "max_tokens": LONG}
    workload = lab.mixed(ask, "40", streamed=1.0, aborted=1.0, prompts=(row,))
    return lab.accounted(ask, lab.scenario(ask, keys, DESERTED, workload), keys)


@probe(calls=8, prompt_tokens=8 * 20, completion_tokens=8 * 16)
def afterwards(ask: Ask, many: lab.Lab, deserted: lab.Lab) -> list[Exchange]:
    """As many requests at once as the target allows, when the large load is over and its clients have left."""
    key = ask.control.issue_key(balance_usd=lab.PURSE_USD)
    return ask.parallel([lambda: ask.chat(key=key, stream=True)] * 8)


@probe(calls=FLOOD.requests, completion_tokens=16 * FLOOD.requests)
def flood(ask: Ask) -> lab.Lab:
    """Two keys of a small limit, each asked twice what it may, over many connections at once."""
    keys = lab.issue(ask, 2, EDGE)
    return lab.Lab(lab.run(ask, flooding(ask, keys), keys), keys)


@probe(calls=FLOOD.requests, completion_tokens=16 * FLOOD.requests)
def next_flood(ask: Ask, flood: lab.Lab) -> lab.Lab:
    """The same keys again, a window later."""
    ask.control.advance(61)
    try:
        return lab.Lab(lab.run(ask, flooding(ask, flood.keys), flood.keys), flood.keys)
    finally:
        ask.control.set_clock(None)


def flooding(ask: Ask, keys: tuple[Key, ...]) -> Scenario:
    workload = lab.mixed(ask, "16", streamed=1.0, aborted=0.0)
    return lab.scenario(ask, keys, FLOOD, workload, sample=FLOOD.requests)


@probe(calls=WATCHED.requests + LOOKS, prompt_tokens=60 * WATCHED.requests, completion_tokens=LONG * WATCHED.requests)
def watched(ask: Ask) -> tuple[Exchange, list[Exchange]]:
    """Evidence at rest, and evidence while long streams run."""

    def look() -> Exchange:
        return ask.evidence.fetch(ask.default_model, ask.draw(32))

    resting, seen = look(), list[Exchange]()
    with lab.underway(ask, lambda out: streaming(ask, WATCHED, out)) as load:
        load.wait_until_it_answers()
        while load.goes_on and len(seen) < LOOKS:
            seen.append(look())
            time.sleep(0.1)
    if not seen:
        raise NotObserved("the load was over before evidence could be asked for")
    return resting, seen


@dataclass(frozen=True)
class Flipped:
    """A load of one model that lost its flag and got it back; times of our clock when each change was done."""

    model: str
    rows: tuple[lab.Row, ...]
    noted: dict[str, datetime]

    def between(self, since: str, until: str | None = None) -> list[lab.Row]:
        """Requests that were sent after one change was done and before another was begun."""
        end = self.noted[until] if until else datetime.max.replace(tzinfo=UTC)
        return [row for row in self.rows if self.noted[since] < lab.sent(row) < end]


@probe(calls=FLIPPED.requests, prompt_tokens=40 * FLIPPED.requests, completion_tokens=2 * FLIPPED.requests)
def flipped(ask: Ask, spares: Callable[[int], str]) -> Flipped:
    """A model that is flipped off its enclave and back while it is loaded."""
    keys, spare = lab.issue(ask), spares(5)
    workload = replace(lab.mixed(ask, "2", aborted=0.0), models=((spare, 1.0),))
    planned = lab.scenario(ask, keys, FLIPPED, workload, sample=0)
    with lab.underway(ask, lambda out: lab.run(ask, planned, keys, out)) as load:
        load.wait_until_it_answers()
        with ask.control.flipped(spare):
            time.sleep(CLOCKS_S)
            load.note("off")
            time.sleep(SETTLED_S)
            load.note("on again")
        time.sleep(CLOCKS_S)
        load.note("on")
    return Flipped(spare, load.future.result().rows, load.noted)


def streaming(ask: Ask, size: Size, out: Path) -> LoadResult:
    """Long streams, of a key of their own where there can be one. Those of the main key are kept: they are billed."""
    if "control" not in ask.target.capabilities():
        return run_load(ask, [long(ask)] * size.requests, size, sample=size.requests, out=out)
    keys = lab.issue(ask)
    workload = lab.mixed(ask, "8", streamed=1.0, aborted=0.0, prompts=({"prompt": COUNT, "max_tokens": LONG},))
    return lab.run(ask, lab.scenario(ask, keys, size, workload, sample=0), keys, out)


def long(ask: Ask) -> bytes:
    """A request whose stream lasts."""
    asked = {"messages": [{"role": "user", "content": COUNT}], "max_tokens": LONG, "stream": True}
    return json.dumps({"model": ask.default_model, **asked, "stream_options": {"include_usage": True}}).encode()


FEW, AT_ONCE = 2, 16


@probe(calls=FEW + AT_ONCE, prompt_tokens=30 * (FEW + AT_ONCE), completion_tokens=LONG * (FEW + AT_ONCE))
def flowing(ask: Ask) -> tuple[list[Exchange], list[Exchange]]:
    """A few long streams one after the other, and then as many at once; the same reader reads them all."""
    times = (*(0.8 * number for number in range(FEW)), *([0.8 * FEW] * AT_ONCE))
    size, plan = Size(1, 20, len(times)), Arrivals("trace", times_s=times)
    found = run_load(ask, [long(ask)] * len(times), size, sample=len(times), arrivals=plan)
    few = [x for x in found.exchanges if x.intent["load"] < FEW]
    return few, [x for x in found.exchanges if x.intent["load"] >= FEW]


def told(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures for a report."""
    return {name: value for name, value in figures.items() if name not in {"lost_generators", "interrupted"}}
