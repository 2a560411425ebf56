"""Figures of a load: distributions with their intervals, rates, outcomes, and how far we ourselves may be off. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.load import slo as levels
from harness.load.histogram import Histogram
from harness.load.intervals import interval
from harness.load.tally import Slot, Tally
from harness.load.trends import trends

SHARES = (50.0, 90.0, 99.0, 99.9)
CURVE = (1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.9, 99.99)
METRICS = ("connect", "queue", "ttft", "ttft_from_due", "itl", "tpot", "e2e", "e2e_from_due")
LATE_MS, LATE_SHARE = 5.0, 0.1  # a generator later than both, at p99, is no clock for first tokens
BUSY = 0.95  # of a core: a process that is busy so much queues what it reads
COALESCED = 0.05  # of the outputs: their gaps are not known


def figures(
    tally: Tally, users: int, cpu_s: float | None = None, generators: int = 1, steady_from_s: float = 0.0
) -> dict[str, Any]:
    """Everything that was measured. `users` is 0 in an open loop; `cpu_s` what all generators used.

    `steady_from_s`: when the load is at its height, from where on what grows is a trend.
    """
    whole = tally.total()
    wall_s = tally.window_s
    made: dict[str, Any] = {
        "users": users,
        "requests": whole.counts["requests"] + tally.warm_up["requests"],
        "warm_up_requests": tally.warm_up["requests"],
        "wall_s": round(wall_s, 3),
        "in_flight_max": int(tally.most("in_flight") or 0),
        "dropped": whole.counts["dropped"],
        "outcomes": _named(whole, "outcome "),
        "statuses": _named(whole, "status "),
        "connections": _named(whole, "connections "),
        "errors_percent": _errors(whole),
        "streams_per_s": rate(whole.counts["ended"], wall_s),
        "tokens_per_s": rate(whole.counts["ended tokens"], wall_s),
        **_distributions(tally, whole),
        "usage": {
            name: whole.counts[name] + tally.warm_up[name] for name in ("prompt_tokens", "completion_tokens", "unknown")
        },
    }
    made["generator"] = _generator(whole, made, cpu_s, generators, tally.most("memory_mb"))
    made["trends"] = trends(tally, steady_from_s)
    if tally.slos:
        made["slos"] = levels.judged(tally.slos, made)
        made["goodput_per_s"] = rate(whole.counts["ended good"], wall_s)
    return made


def series(tally: Tally) -> list[dict[str, Any]]:
    """The load over time, a row a slot: when it began, what was due in it and how it went."""
    return [_moment(number * tally.slot_ns / 1e9, tally.slot_ns / 1e9, slot) for number, slot in _ordered(tally)]


def curves(tally: Tally) -> dict[str, list[list[float]]]:
    """The whole distribution of each metric as points [milliseconds, percent of the values that are not above]."""
    whole = tally.total().durations
    return {
        metric: [[_ms(value), share] for share in CURVE if (value := whole[metric].percentile(share)) is not None]
        for metric in METRICS
        if metric in whole and whole[metric].count
    }


def distribution(found: Histogram | None, slots: Sequence[Histogram] = (), extra: Sequence[float] = ()) -> Any:
    """Percentiles in milliseconds by nearest rank, those of `extra` too. None without values."""
    if found is None or found.most is None:
        return None
    shares = sorted({*SHARES, *extra})
    within = {share: bounds for share in shares if slots and (bounds := interval(slots, share)) is not None}
    return {
        "count": found.count,
        "mean": _ms(found.sum / found.count),
        **{f"p{share:g}": _ms(found.percentile(share) or 0) for share in shares},
        "max": _ms(found.most),
        **({"within": {f"p{s:g}": [_ms(low), _ms(high)] for s, (low, high) in within.items()}} if within else {}),
    }


def rate(count: int, wall_s: float) -> float | None:
    """A second, to two places; None where no time has passed."""
    return round(count / wall_s, 2) if wall_s > 0 else None


def _distributions(tally: Tally, whole: Slot) -> dict[str, Any]:
    made = {}
    for metric in METRICS:
        extra = [slo.share for slo in tally.slos if slo.metric == metric.removesuffix("_from_due")]
        slots = [slot.durations[metric] for _, slot in _ordered(tally) if metric in slot.durations]
        found = distribution(whole.durations.get(metric), slots, extra)
        if found is not None or metric in {"connect", "ttft", "itl", "e2e"}:
            made[f"{metric}_ms"] = found
    return made


def _generator(
    whole: Slot, made: Mapping[str, Any], cpu_s: float | None, generators: int, memory_mb: float | None
) -> dict[str, Any]:
    outputs, coalesced = whole.counts["outputs"], whole.counts["coalesced"]
    found = {
        "processes": generators,
        "lag_ms": distribution(whole.durations.get("lag")),
        "cpu_s": None if cpu_s is None else round(cpu_s, 3),
        "cpu_share": None
        if cpu_s is None or not made["wall_s"]
        else round(cpu_s / generators / float(made["wall_s"]), 3),
        "cpu_ms_per_request": None if cpu_s is None or not made["requests"] else _ms(cpu_s * 1e9 / made["requests"]),
        "memory_mb": memory_mb,
        "coalesced": coalesced,
        "coalesced_share": round(coalesced / outputs, 4) if outputs else None,
    }
    return {**found, "bottleneck": bottleneck(found, made)}


def bottleneck(generator: Mapping[str, Any], made: Mapping[str, Any]) -> list[str]:
    """Why the times are no times of the target but our own; empty where they are the target's."""
    found, lag, ttft = [], generator["lag_ms"], made.get("ttft_ms")
    if lag and lag["p99"] > max(LATE_MS, LATE_SHARE * (ttft["p50"] if ttft else 0)):
        found.append(f"the generator was {lag['p99']} ms late at p99")
    if (share := generator["cpu_share"]) is not None and share > BUSY:
        found.append(f"the generator was busy for {share:.0%} of the time")
    if (share := generator["coalesced_share"]) is not None and share > COALESCED:
        found.append(f"{share:.0%} of the outputs arrived together with the one before")
    if made["dropped"]:
        found.append(f"{made['dropped']} requests that were due were not sent: too many were in flight")
    return found


def _moment(at_s: float, width_s: float, slot: Slot) -> dict[str, Any]:
    row: dict[str, Any] = {
        "at_s": round(at_s, 3),
        "requests": slot.counts["requests"],
        "answered_per_s": rate(slot.counts["ended"], width_s),
        "failed": slot.counts["requests"] - slot.counts["answered"] - slot.counts["outcome cut by us"],
        "in_flight": int(slot.gauge("in_flight")),
        "memory_mb": round(slot.gauge("memory_mb"), 1) or None,
    }
    for metric in ("ttft", "itl", "e2e", "queue", "lag"):
        found = slot.durations.get(metric)
        for share in (50, 99):
            value = found.percentile(share) if found else None
            row[f"{metric}_p{share}_ms"] = None if value is None else _ms(value)
    return row


def _ordered(tally: Tally) -> list[tuple[int, Slot]]:
    return sorted(tally.slots.items())


def _errors(whole: Slot) -> float | None:
    """Percent of the requests, those we left aside, that were not answered."""
    meant = whole.counts["requests"] - whole.counts["outcome cut by us"]
    return round(100 * (meant - whole.counts["answered"]) / meant, 3) if meant else None


def _named(whole: Slot, prefix: str) -> dict[str, int]:
    found = {name.removeprefix(prefix): count for name, count in whole.counts.items() if name.startswith(prefix)}
    return dict(sorted(found.items()))


def _ms(nanoseconds: float) -> float:
    return round(nanoseconds / 1e6, 3)
