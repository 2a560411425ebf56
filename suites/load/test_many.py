"""A large load of two accounts: every answer, every nano-dollar, every call of the provider, and what is left after."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import replace

import pytest

from harness.judge import judge, rules_for
from harness.load import bill
from harness.load.slopes import line
from harness.load.stream import ANSWERED, CUT
from harness.model import Nonconformity, NotObserved
from harness.reconcile import BadInput
from suites.load.crowd import together

MARKER = "no end marker"


@pytest.mark.requirement("LD-001")
def test_every_answer_of_a_load_reports_usage(many):
    answered = many.of(ANSWERED)
    assert answered, "no request of the load was answered"
    silent = [row["number"] for row in answered if not row["completion_tokens"]]
    assert not silent, f"{len(silent)} of {len(answered)} answers report no usage (requests {silent[:5]})"


@pytest.mark.requirement("LD-002")
def test_every_stream_of_a_load_has_its_end(many):
    streams = [row for row in many.rows if row["streamed"] == "1" and row["outcome"] in (ANSWERED, MARKER)]
    if not streams:
        raise NotObserved("no stream of the load was answered")
    endless = [row["number"] for row in streams if row["outcome"] == MARKER]
    assert not endless, f"{len(endless)} of {len(streams)} streams have no end marker (requests {endless[:5]})"


@pytest.mark.requirement("LD-003")
def test_no_request_of_a_load_fails(many):
    failed = Counter(row["outcome"] for row in many.rows if row["outcome"] not in (ANSWERED, CUT, MARKER))
    told = ", ".join(f"{times} {outcome}" for outcome, times in failed.most_common())
    assert not failed, f"of {len(many.rows)} requests within every limit: {told}"


@pytest.mark.requirement("LD-004")
@pytest.mark.parametrize("member", ["answer_id", "request_id"])
def test_ids_of_a_load_are_unique(many, member):
    times = Counter(row[member] for row in many.rows if row[member])
    if not times:
        raise NotObserved(f"no answer bears a {member.replace('_', ' ')}")
    shared = [(value, count) for value, count in times.most_common(3) if count > 1]
    assert not shared, (
        f"{len(times)} ids for {sum(times.values())} answers; {shared[0][0]} is borne {shared[0][1]} times"
    )


@pytest.mark.requirement("LD-005")
def test_answers_of_a_mixed_load_keep_every_rule(many, plain, usage_stream, contract):
    kept = [x for x in many.result.exchanges if x.head_status is not None]
    alone = [x for x in (plain, usage_stream) if x.head_status is not None]
    of_one = [rule for rule in rules_for(contract) if not judge(rule, alone, contract).findings]
    if not any(judge(rule, kept, contract).subjects for rule in of_one):
        raise NotObserved("no answer of the load was kept")
    found = [finding for rule in of_one for finding in judge(rule, kept, contract).findings]
    named = [replace(f, message=f"{f.message} (only under load; {f.requirement})") for f in found]
    if findings := together("LD-005", named):
        raise Nonconformity(findings)


# --- The bill --------------------------------------------------------------------------------------------------


@pytest.mark.requirement("LD-010")
def test_the_bill_of_a_load_reconciles(many, contract, assay_session):
    rows = [row for row in many.rows if row["outcome"] == ANSWERED]
    left = {row["request_id"] for row in many.rows if row["outcome"] == CUT}
    found = reconciled(many, rows, [entry for entry in many.entries if entry["request_id"] not in left], contract)
    counts = found["counts"]
    assay_session.figures["load"]["bill"] = {
        "verdict": found["verdict"],
        **{name: found["totals"][name] for name in ("due_nano", "charged_nano", "difference_nano")},
    }
    assert found["verdict"] == "reconciles", bill.said(found)
    strays = counts["unknown"]
    assert not strays, f"{strays} charges belong to no request of the load; {counts['matched']} belong to one"
    times = Counter(entry["request_id"] for entry in many.entries if entry["kind"] == "charge")
    twice = [i for i in left if times[i] > 1]
    assert not twice, f"{len(twice)} requests that the client left were charged more than once"


def reconciled(many, rows, entries, contract):
    if many.models is None or many.models.head_status != 200 or contract.trait("catalogue.price", None) is None:
        raise NotObserved("no price is listed")
    if not rows or not entries:
        raise NotObserved("the load was not answered, or not charged")
    try:
        found = bill.bill(rows, entries, many.models.body, contract)
    except BadInput as error:
        raise NotObserved(f"the bill cannot be held against the requests: {error}") from error
    if found["verdict"] == "incomplete":
        raise NotObserved(f"{found['counts']['not_judged']} charges could not be judged")
    return found


@pytest.mark.requirement("LD-011")
def test_nothing_stays_held_after_a_load(many):
    holds = [entry for entry in many.entries if entry["kind"] == "hold"]
    if not holds:
        raise NotObserved("nothing was held for any request")
    assert not many.held, f"{len(many.held)} of {len(holds)} holds have not ended, and no request is in flight any more"


@pytest.mark.requirement("LD-012")
def test_each_request_reaches_the_provider_once(many):
    times = Counter(call["request_id"] for call in many.calls)
    answered = [row["request_id"] for row in many.rows if row["outcome"] == ANSWERED]
    if not times or not set(answered) & times.keys():
        raise NotObserved("the provider's log names no request of the load")
    odd = [i for i in answered if times[i] != 1]
    assert not odd, f"of {len(answered)} answers, {len(odd)} took the provider another number of calls than one"


@pytest.mark.requirement("LD-013")
def test_the_provider_stops_when_clients_of_a_load_leave(deserted):
    left = {row["request_id"] for row in deserted.rows if row["outcome"] == CUT}
    outcomes = Counter(call["outcome"] for call in deserted.calls if call["request_id"] in left)
    if outcomes.total() < 5:
        raise NotObserved("fewer than five streams were left in the middle")
    stopped = outcomes["aborted"]
    assert stopped * 2 > outcomes.total(), (
        f"of {outcomes.total()} streams that were left, the provider stopped {stopped}"
    )


@pytest.mark.requirement("LD-014")
def test_each_tenant_of_a_load_pays_for_itself(many):
    charged = [
        {entry["request_id"] for entry in many.entries_of(key) if entry["kind"] == "charge"} for key in many.keys
    ]
    own = [{row["request_id"] for row in many.rows_of(key) if row["request_id"]} for key in many.keys]
    if not all(charged):
        raise NotObserved("an account was charged nothing")
    foreign = [len(charged[at] & own[1 - at]) for at in (0, 1)]
    assert not any(foreign), f"the accounts were charged for {foreign[0]} and {foreign[1]} requests of each other"


@pytest.mark.requirement("LD-015")
def test_a_load_leaves_no_harm_behind(many, afterwards):
    if not many.of(ANSWERED):
        raise NotObserved("the load itself was not answered")
    answered = [x.status for x in afterwards]
    assert answered == [200] * len(answered), f"after the load, requests at once were answered with {answered}"


GROUPS = 20  # of requests, in the order in which they were sent
ROOM_MS = 100.0


@pytest.mark.requirement("LD-016")
def test_answers_do_not_become_slower_with_every_request(many, afterwards):
    rows = sorted((row for row in many.of(ANSWERED) if row["ttft_ms"]), key=lambda row: float(row["started_ms"]))
    size = max(len(rows) // GROUPS, 1)
    groups = [rows[at : at + size] for at in range(0, size * GROUPS, size)]
    first = [statistics.median(float(row["ttft_ms"]) for row in group) for group in groups if group]
    found = line([(number * size, value) for number, value in enumerate(first)])
    later = [x.chunks[0].at_ns / 1e6 for x in afterwards if x.status == 200 and x.chunks]
    if found is None or not later:
        raise NotObserved("too few streams of the load, or none after it, were answered")
    least = found.low * size * GROUPS
    stays = min(later) > found.start + least / 2
    assert not (least > max(ROOM_MS, found.start) and stays), (
        f"the time to the first token grew from {found.start:.0f} to {found.end:.0f} ms over {len(rows)} answers, "
        f"by {found.slope:.3f} ms an answer (95 %: {found.low:.3f} to {found.high:.3f}), and after the load the "
        f"quickest of {len(later)} requests took {min(later):.0f} ms"
    )


@pytest.mark.requirement("LD-041")
def test_connections_are_kept_under_load(many):
    opened = sum(row["connect_ms"] != "" for row in many.rows)
    needed = many.result.figures["users"] + sum(row["outcome"] != ANSWERED for row in many.rows)
    spare = (len(many.rows) - needed) // 10
    assert opened <= needed + spare, f"{len(many.rows)} requests of {needed} took {opened} connections"
