"""One load serves every check of it."""

from __future__ import annotations

import json
from dataclasses import replace

from harness.ask import Ask
from harness.load.parent import Size, run_load
from harness.model import NotObserved
from harness.probe import Cost, probe
from harness.session import Session
from specs import Contract
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
    assay_session.figures["load"] = found.figures
    return Crowd(alone, found.exchanges, found.figures["in_flight_max"], tuple(others)).observed()
