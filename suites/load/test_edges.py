"""Limits at their edge, evidence and gate while a load runs, and how streams arrive when there are many."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta

import pytest

from harness.judge import errors, limits
from harness.judge.chat import is_chunked
from harness.load.progress import Progress
from harness.load.stream import ANSWERED
from harness.model import NotObserved
from suites.attestation.appraisal import hold
from suites.attestation.conftest import appraisal, measured, policy, trust  # noqa: F401 - fixtures
from suites.attestation.test_measured import STABLE
from suites.load.conftest import EDGE
from suites.load.lab import sent as sent_at

LEAST_OUTPUTS = 12


def served(flood):
    """How many requests of each key were answered."""
    return [sum(row["status"] == "200" for row in flood.rows_of(key)) for key in flood.keys]


# --- Limits ----------------------------------------------------------------------------------------------------


@pytest.mark.requirement("LD-020")
def test_the_limit_holds_under_concurrency(flood):
    over = [count for count in served(flood) if count > EDGE]
    assert not over, f"a key of {EDGE} requests a minute was served {over[0]}, over many connections at once"


@pytest.mark.requirement("LD-021")
def test_no_remainder_is_stated_twice(flood, contract):
    seen: defaultdict[object, Counter[object]] = defaultdict(Counter)
    for x in flood.result.exchanges:
        if x.head_status == 200:
            window = (dict(x.request.headers).get(contract.trait("auth.header")), limits.number(x, contract, "reset"))
            seen[window][limits.number(x, contract, "remaining")] += 1
    if not seen:
        raise NotObserved("no request of the flood was served")
    twice = [(left, times) for counts in seen.values() for left, times in counts.most_common(1) if times > 1]
    assert not twice, f"{twice[0][1]} requests of one key in one window state that {twice[0][0]} remain"


@pytest.mark.requirement("LD-022")
def test_refusals_of_a_burst_are_proper(flood, holds):
    refused = [x for x in flood.result.exchanges if x.head_status not in (200, None)]
    if not refused:
        raise NotObserved("no request of the flood was refused")
    odd = sorted({x.status for x in refused} - {429})
    assert not odd, f"keys that are used up were refused with {odd}"
    holds(errors.error_is_the_one_envelope, *refused)
    holds(limits.exceeded_limit_has_nothing_left, *refused)


@pytest.mark.requirement("LD-023")
def test_a_flooded_key_takes_nothing_from_another(flood):
    least = min(served(flood))
    assert least >= EDGE, f"two keys of {EDGE} requests a minute were loaded at once, and one was served {least}"


@pytest.mark.requirement("LD-024")
def test_a_flooded_key_is_served_again(flood, next_flood):
    if min(served(flood)) == 0:
        raise NotObserved("a key was not served in the first place")
    again = served(next_flood)
    assert again == [EDGE, EDGE], f"a window after the flood, keys of {EDGE} requests a minute were served {again}"


# --- Evidence and gate -----------------------------------------------------------------------------------------


@pytest.mark.requirement("LD-030")
def test_attestation_during_a_load_is_fresh_and_the_same(watched, appraisal, measured):  # noqa: F811
    resting, seen = watched
    refused = [x.status for x in seen if x.status != 200]
    assert not refused, f"{len(refused)} of {len(seen)} questions during the load were answered with {refused[0]}"
    for requirement in ("AT-001", "AT-020", "AT-022"):
        hold(requirement, map(appraisal, seen))
    machine = measured(resting)
    moved = sorted({name for x in seen for name in STABLE if measured(x)[name] != machine[name]})
    assert not moved, f"evidence differs in {', '.join(moved)} during the load"


@pytest.mark.requirement("LD-031")
def test_no_request_slips_past_a_flipped_model(flipped):
    sent = flipped.between("off", "on again")
    if not sent:
        raise NotObserved("no request was sent while the model was without its flag")
    slipped = [row for row in sent if row["status"] == "200"]
    late = max((sent_at(row) - flipped.noted["off"] for row in slipped), default=timedelta())
    assert not slipped, (
        f"{flipped.model} lost its flag, and {len(slipped)} of {len(sent)} requests that were sent after that were "
        f"served, the last one {late.total_seconds() * 1000:.0f} ms after"
    )


@pytest.mark.requirement("LD-032")
def test_a_model_that_has_its_flag_again_is_served(flipped):
    sent = flipped.between("on")
    if not sent:
        raise NotObserved("no request was sent after the model had its flag again")
    refused = Counter(row["outcome"] for row in sent if row["outcome"] != ANSWERED)
    assert not refused, f"{flipped.model} has its flag again, and of {len(sent)} requests after that: {dict(refused)}"


# --- How streams arrive ----------------------------------------------------------------------------------------


@pytest.mark.requirement("LD-040")
def test_streams_are_not_gathered_under_load(flowing):
    few, many = ([x for x in streams if outputs(x) >= LEAST_OUTPUTS] for streams in flowing)
    if not few or not many:
        raise NotObserved("no stream is long enough")
    if max(map(arrivals, few)) < 3:
        raise NotObserved("a single stream arrives in one piece as well, or nearly")
    gathered = [x for x in many if arrivals(x) == 1]
    assert len(gathered) * 4 <= len(many), f"{len(gathered)} of {len(many)} streams arrived all at once"


def arrivals(x):
    """At how many moments output came."""
    return len({event.at_ns for event in spoken(x)})


def outputs(x):
    return len(spoken(x))


def spoken(x):
    """The events that carry output."""
    found = []
    for event in x.events if is_chunked(x) else ():
        progress = Progress()
        progress.take(event)
        if progress.outputs:
            found.append(event)
    return found
