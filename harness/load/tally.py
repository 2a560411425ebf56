"""What a load adds up to, slot by slot of time. Tallies of several generators merge to what one would have seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.load.histogram import Histogram
from harness.load.slo import Slo, is_met_by
from harness.load.stream import ANSWERED, Stream

SLOTS = 60  # of a load's time: enough for a curve, and for intervals that resample whole stretches of time


@dataclass
class Slot:
    """What was due within one stretch of time: durations by metric, and counts by what was counted."""

    durations: dict[str, Histogram] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    gauges: dict[str, float] = field(default_factory=dict)  # the largest value seen, by name and generator

    def measure(self, metric: str, values: Sequence[int]) -> None:
        """Durations of a metric, in nanoseconds."""
        if (found := self.durations.get(metric)) is None:
            found = self.durations[metric] = Histogram()
        if len(values) == 1:
            found.add(values[0])
        else:
            found.add_all(values)

    def count(self, found: Mapping[str, int]) -> None:
        counts = self.counts  # what Counter.update does, without asking every time what it was given
        for name, more in found.items():
            counts[name] = counts.get(name, 0) + more

    def reach(self, gauge: str, value: float) -> None:
        """A gauge keeps the highest value it ever had."""
        self.gauges[gauge] = max(self.gauges.get(gauge, value), value)

    def gauge(self, name: str) -> float:
        """Over all generators: what they have in flight together is at most the sum."""
        return sum(value for found, value in self.gauges.items() if found.split(" ")[0] == name)

    def merge(self, other: Slot) -> None:
        for metric, histogram in other.durations.items():
            self.durations.setdefault(metric, Histogram()).merge(histogram)
        self.counts.update(other.counts)
        for gauge, value in other.gauges.items():
            self.reach(gauge, value)

    def to_json(self) -> dict[str, Any]:
        durations = {metric: histogram.to_json() for metric, histogram in self.durations.items()}
        return {"durations": durations, "counts": dict(self.counts), "gauges": self.gauges}

    @staticmethod
    def from_json(row: Mapping[str, Any]) -> Slot:
        durations = {metric: Histogram.from_json(found) for metric, found in row["durations"].items()}
        return Slot(durations, Counter(row["counts"]), dict(row["gauges"]))


class Tally:
    """The slots of one load, in order of time. `warm_up_s` is left out of every figure and counted by itself."""

    def __init__(self, seconds: float, slos: Sequence[Slo] = (), warm_up_s: float = 0.0) -> None:
        self.slot_ns = max(round(seconds * 1e9 / SLOTS), 1)
        self.slos, self.warm_up_ns, self.end_ns = tuple(slos), round(warm_up_s * 1e9), round(seconds * 1e9)
        self.slots: dict[int, Slot] = {}
        self.warm_up: Counter[str] = Counter()
        self.last_ns = 0  # when the last request was over

    def slot(self, at_ns: int) -> Slot:
        """The slot of a moment, in nanoseconds since the start."""
        number = max(at_ns, 0) // self.slot_ns
        if (found := self.slots.get(number)) is None:
            found = self.slots[number] = Slot()
        return found

    def is_warm_up(self, stream: Stream) -> bool:
        return _due(stream) < self.warm_up_ns

    def add(self, stream: Stream) -> None:
        """Count one request where it was due. Latencies are those of answers: a failure is fast and says nothing."""
        answered = stream.outcome == ANSWERED
        found = stream.durations() if answered else {}
        ended_ns = stream.started_ns + stream.end_ns
        self.last_ns = max(self.last_ns, ended_ns)
        if answered and self.warm_up_ns <= ended_ns <= self.end_ns:
            self._throughput(self.slot(ended_ns), stream, found)
        if self.is_warm_up(stream):
            self.warm_up.update(_money(stream))
            return
        slot = self.slot(_due(stream))
        slot.count(_counted(stream))
        for metric, values in found.items():
            slot.measure(metric, values)

    def _throughput(self, slot: Slot, stream: Stream, found: Mapping[str, Sequence[int]]) -> None:
        """What a server got done is counted when it was done, whenever it was asked for."""
        slot.counts["ended"] += 1
        slot.counts["ended tokens"] += stream.tokens[1] if stream.tokens else stream.outputs
        slot.counts["ended good"] += not self.slos or is_met_by(self.slos, _worst(found))

    def merge(self, other: Tally) -> None:
        for number, slot in other.slots.items():
            self.slots.setdefault(number, Slot()).merge(slot)
        self.warm_up.update(other.warm_up)
        self.last_ns = max(self.last_ns, other.last_ns)

    def total(self) -> Slot:
        """All slots as one, but for the gauges: they are of one moment."""
        whole = Slot()
        for _, slot in sorted(self.slots.items()):
            whole.merge(slot)
        whole.gauges = {}
        return whole

    def most(self, gauge: str) -> float | None:
        """The largest value of a gauge in any slot; None where nobody looked."""
        return max((slot.gauge(gauge) for slot in self.slots.values() if slot.gauges), default=None)

    @property
    def window_s(self) -> float:
        """The time that rates are of: from the end of the warm-up to the end of the load, or of its last request."""
        return max(min(self.last_ns, self.end_ns) - self.warm_up_ns, 0) / 1e9

    def to_json(self) -> dict[str, Any]:
        return {
            "slot_ns": self.slot_ns,
            "slots": {str(number): slot.to_json() for number, slot in sorted(self.slots.items())},
            "warm_up": dict(self.warm_up),
            "last_ns": self.last_ns,
        }

    def take(self, row: Mapping[str, Any]) -> None:
        """Merge what another generator's `to_json` gave. Raises ValueError when its slots are others."""
        if row["slot_ns"] != self.slot_ns:
            raise ValueError("the slots of the two tallies are not the same")
        for number, slot in row["slots"].items():
            self.slots.setdefault(int(number), Slot()).merge(Slot.from_json(slot))
        self.warm_up.update(row["warm_up"])
        self.last_ns = max(self.last_ns, row["last_ns"])


def _worst(found: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """The largest value of each metric; where it counts from when the request was due, that."""
    return {name.removesuffix("_from_due"): max(values) for name, values in sorted(found.items()) if values}


def _due(stream: Stream) -> int:
    return stream.started_ns if stream.due_ns is None else stream.due_ns


def _counted(stream: Stream) -> dict[str, int]:
    good = stream.outcome == ANSWERED
    return {
        **_money(stream),
        f"outcome {stream.outcome}": 1,
        f"status {stream.status if stream.status is not None else 'none'}": 1,
        "connections kept" if stream.kept else "connections opened": 1,
        "answered": int(good),
        "outputs": stream.outputs if good else 0,
        "coalesced": stream.coalesced if good else 0,
    }


def _money(stream: Stream) -> dict[str, int]:
    """Tokens reported; `unknown` counts requests that may have been charged and say nothing of it."""
    prompt, completion = stream.tokens or (0, 0)
    sent = stream.fault not in {"connect", "tls"} and (stream.status or 0) < 400
    silent = int(stream.tokens is None and sent)
    return {"requests": 1, "prompt_tokens": prompt, "completion_tokens": completion, "unknown": silent}
