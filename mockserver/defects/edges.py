"""Defects at the edges of a load: limits that concurrency walks around, evidence and gate while others are live."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import replace
from typing import Any

from mockserver.behaviours.limits import Window
from mockserver.call import Call, Headers, Reply
from mockserver.catalogue import Row
from mockserver.defects import defect
from mockserver.defects.crowds import CROWD
from mockserver.defects.load import Floor
from mockserver.gateway import Gateway
from mockserver.refusal import Refusal

STALE_S = 5.0
BUSY, BUSY_S = 12, 0.5  # so many look-ups within so many seconds


# --- Limits ----------------------------------------------------------------------------------------------------


@defect("LD-020")
def drops_the_limit_when_crowded(gateway: Gateway) -> Gateway:
    """Lets every request pass while others are live."""
    floor = Floor()

    def open_door(call: Call) -> Window | None:
        window = gateway.take(call)
        return window._replace(exceeded=False) if window and floor.is_crowded(CROWD) else window

    return replace(floor.watched(gateway), take=open_door)


@defect("LD-020")
def counts_limits_by_connection(gateway: Gateway) -> Gateway:
    """Counts the requests of a key for each of its connections anew."""
    return replace(gateway, bucket_of=lambda call: f"{gateway.bucket_of(call)} {id(call.transport)}")


@defect("LD-021")
def states_an_old_remainder_when_crowded(gateway: Gateway) -> Gateway:
    """States what remained a few requests ago while others are live."""
    floor, told = Floor(), dict[str, tuple[Window, int]]()

    def old(call: Call) -> Window | None:
        window = gateway.take(call)
        if window is None or window.exceeded or not floor.is_crowded(CROWD):
            return window
        known, times = told.get(bucket := gateway.bucket_of(call), (window, 0))
        told[bucket] = (known, times + 1) if times < 4 else (window, 0)
        return window._replace(remaining=told[bucket][0].remaining)

    return replace(floor.watched(gateway), take=old)


@defect("LD-022")
def states_room_in_refusals_when_crowded(gateway: Gateway) -> Gateway:
    """States that one request remains to a key that it refuses, while others are live."""
    floor = Floor()

    def hopeful(call: Call) -> Headers:
        if call.window and call.window.exceeded and floor.is_crowded(2):
            call.window = call.window._replace(remaining=1)
        return gateway.limit_headers(call)

    return replace(floor.watched(gateway), limit_headers=hopeful)


@defect("LD-022")
def refuses_bursts_in_plain_text(gateway: Gateway) -> Gateway:
    """Answers 429 without the envelope while others are live."""
    floor = Floor()

    def plain(call: Call, refusal: Refusal) -> Reply:
        if refusal.status == 429 and floor.is_crowded(2):
            return Reply(429, b"Too Many Requests", [("Content-Type", "text/plain")])
        return gateway.error_reply(call, refusal)

    return replace(floor.watched(gateway), error_reply=plain)


@defect("LD-023")
def counts_all_keys_as_one_when_crowded(gateway: Gateway) -> Gateway:
    """Counts the requests of every key in one window while others are live."""
    floor = Floor()

    def shared(call: Call) -> str:
        return "everybody" if floor.is_crowded(CROWD) else gateway.bucket_of(call)

    return replace(floor.watched(gateway), bucket_of=shared)


@defect("LD-024")
def never_forgives_a_flood(gateway: Gateway) -> Gateway:
    """Refuses a key for good once it has been refused twenty times."""
    refused: Counter[str] = Counter()

    def grudging(call: Call) -> Window | None:
        window = gateway.take(call)
        if window is None:
            return None
        bucket = gateway.bucket_of(call)
        if refused[bucket] >= 20:
            return window._replace(remaining=0, exceeded=True)
        refused[bucket] += window.exceeded
        return window

    return replace(gateway, take=grudging)


# --- Evidence and gate -----------------------------------------------------------------------------------------


@defect("LD-030", contracts=("voltagegpu-confidential",))
def shows_old_evidence_when_crowded(gateway: Gateway) -> Gateway:
    """Shows the report it made last, whatever the nonce, while six requests are live."""
    floor, last = Floor(), dict[str, dict[str, Any]]()

    def old(call: Call, model: str, nonce: bytes, algo: str) -> dict[str, Any]:
        if model not in last or not floor.is_crowded(6):
            last[model] = gateway.evidence(call, model, nonce, algo)
        return last[model]

    return replace(floor.watched(gateway), evidence=old)


@defect("LD-030", contracts=("voltagegpu-confidential",))
def has_no_evidence_when_crowded(gateway: Gateway) -> Gateway:
    """Answers 503 to who asks for evidence while six requests are live."""
    floor = Floor()

    async def busy(call: Call) -> Reply:
        if floor.is_crowded(6):
            raise Refusal(503, "overloaded", "The quoting service is busy.", "server_error")
        return await gateway.serve_evidence(call)

    return replace(floor.watched(gateway), serve_evidence=busy)


@defect("LD-031", contracts=("voltagegpu-confidential",))
def looks_busy_models_up_every_five_seconds(gateway: Gateway) -> Gateway:
    """Takes the flag of a model that is asked for all the time from a copy that is up to five seconds old."""
    asked, known = deque[float](maxlen=BUSY), dict[str, tuple[float, Row]]()

    def stale(call: Call, model: str) -> Row | None:
        row, now = gateway.find_model(call, model), time.monotonic()
        asked.append(now)
        if row is None or len(asked) < BUSY or now - asked[0] > BUSY_S:
            return row
        at, old = known.get(model, (0.0, row))
        if now - at > STALE_S:
            known[model] = (now, row)
            return row
        return old

    return replace(gateway, find_model=stale)


@defect("LD-032", contracts=("voltagegpu-confidential",))
def remembers_refusals_of_a_crowd(gateway: Gateway) -> Gateway:
    """Goes on refusing a model that it refused fifty times, whatever its flag says now."""
    refused: Counter[str] = Counter()

    def resentful(call: Call, row: Row) -> bool:
        is_open = gateway.admits(call, row)
        refused[row.id] += not is_open
        return is_open and refused[row.id] < 50

    return replace(gateway, admits=resentful)
