"""A load on the terminal: what was measured, how far to believe it, what did not hold. Prints nothing itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

METRICS = ("ttft", "ttft_from_due", "itl", "tpot", "e2e", "queue", "connect")
SHARES = ("p50", "p90", "p99", "p99.9", "max")
MET = {True: "met", False: "not met", None: "unknown: our own generator was the bottleneck"}


def page(found: Mapping[str, Any]) -> RenderableType:
    """`load.json` of one load: what was measured, and what did not hold."""
    said = [*_trends(found), *_verdicts(found)]
    return Group(*(Text(line) for line in _lines(found)), _times(found), *(Text(line) for line in said))


def sweep_page(found: Mapping[str, Any]) -> RenderableType:
    """A sweep: each rate, and the highest that met the service levels."""
    table = Table("requests/s", "done/s", "service levels", box=None)
    for step in found["steps"]:
        met = MET[step["met"]]
        table.add_row(f"{step['rate']:g}", str(step["done_per_s"]), met)
    said = [
        f"highest rate that met the service levels: {found['highest_rate_met_per_s'] or 'none'} requests/s",
        f"knee: {found['knee_per_s'] or 'not reached'}",
    ]
    return Group(table, *(Text(line) for line in said))


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in found["outcomes"].items())
    yield f"{found['requests']} requests in {found['wall_s']} s: {outcomes}"
    good = f", {found['goodput_per_s']} within every service level" if "goodput_per_s" in found else ""
    done = f"{found['streams_per_s']} answers/s, {found['tokens_per_s']} tokens/s{good}"
    yield f"{done}, at most {found['in_flight_max']} in flight"
    ours, calibration = found["generator"], found["calibration"]
    lag = ours["lag_ms"]["p99"] if ours["lag_ms"] else "unknown"
    yield (
        f"our own lateness: p99 {lag} ms; {ours['coalesced']} outputs came together with the one before; "
        f"{ours['cpu_ms_per_request']} ms of CPU a request, {ours['cpu_share']} of a core"
    )
    if calibration:
        yield (
            "error against a server of known times, with that server's own: "
            f"ttft {_shares(calibration['ttft_error_ms'])}, itl {_shares(calibration['itl_error_ms'])}"
            f"{'' if calibration['trusted'] else ' (not to be trusted)'}"
        )


def _shares(errors: Mapping[str, Any] | None) -> str:
    if errors is None:
        return "unknown"
    return ", ".join(f"{share} {value} ms" for share, value in errors.items())


def _times(found: Mapping[str, Any]) -> Table:
    table = Table("ms", *SHARES, "p99 would be, with 95 %", box=None)
    for metric in METRICS:
        if row := found.get(f"{metric}_ms"):
            within = row.get("within", {}).get("p99")
            shown = f"{within[0]} to {within[1]}" if within else "too few to say"
            table.add_row(metric.replace("_", " "), *(str(row[share]) for share in SHARES), shown)
    return table


def _trends(found: Mapping[str, Any]) -> Iterator[str]:
    """What moves while the load goes on; what does not is in load.json."""
    known = {name: row for name, row in found["trends"].items() if row is not None}
    if not known:
        yield "trends: too few stretches of time to say"
    moving = [row["said"] for row in known.values() if not row["low"] <= 0 <= row["high"]]
    yield from moving
    if known and not moving:
        yield "trends: none to be told from chance"


def _verdicts(found: Mapping[str, Any]) -> Iterator[str]:
    for row in found.get("slos", ()):
        between = f"cannot be told, it is within {row['within']}" if "within" in row else "nothing was measured"
        word = {True: "met", False: "not met", None: between}[row["met"]]
        yield f"{row['slo']}: {word} ({row['measured']})"
    for reason in found["generator"]["bottleneck"]:
        yield f"not to be trusted: {reason}"
    for worker, why in found["lost_generators"].items():
        yield f"generator {worker} was lost: {why}"
    yield f"{found['judged']['answers']} answers judged, {len(found['judged']['breaches'])} kinds of breach"
    for breach in found["judged"]["breaches"]:
        yield f"  {breach['requirement']}: {breach['message']} ({breach['times']} times)"
    if reckoned := found.get("bill"):
        totals = reckoned.get("totals", {})
        yield f"the bill: {reckoned['verdict']}" + (
            f", {totals['charged_nano']} nano-USD charged, {totals['due_nano']} due" if totals else ""
        )
    if found["interrupted"]:
        yield "the load was interrupted"
