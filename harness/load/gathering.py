"""Takes in what generators hand over, in memory and in files, and knows what is missing. No sockets."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import whole
from harness.load.figures import curves, figures, series
from harness.load.scenario import Scenario
from harness.load.stream import Stream
from harness.load.tally import Tally
from harness.load.trends import table

Row = list[Any]
COLUMNS = (
    *("worker", "number", "turn", "model", "key", "streamed", "due_ms", "started_ms", "queued_ms", "connect_ms"),
    *("ttft_ms", "e2e_ms", "itl_max_ms", "outputs", "coalesced", "prompt_tokens", "completion_tokens"),
    *("status", "outcome", "request_id", "answer_id", "at"),
)


class Gathering:
    """Of one load. Rows go to requests.csv as they come, so that a generator that dies takes little with it."""

    def __init__(self, scenario: Scenario, out: Path) -> None:
        self.scenario, self.out = scenario, out
        self.tally = Tally(scenario.seconds, scenario.levels(), scenario.warm_up_s)
        self.cpu_s: dict[str, float] = {}  # by generator, the last word of each
        self.lost: dict[str, str] = {}  # generators that ended before they had said so, and why
        self._file = (out / "requests.csv").open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file)
        self._rows.writerow(COLUMNS)
        self._kept = (out / "load-exchanges.jsonl").open("w", encoding="utf-8")

    def take(self, worker: str, part: Mapping[str, Any]) -> None:
        """What a generator in another process said: any of tally, rows, exchanges and CPU seconds."""
        if "tally" in part:
            self.tally.take(part["tally"])
        self.take_rows(part.get("rows", ()))
        self.take_lines(part.get("exchanges", ()))
        if "cpu_s" in part:
            self.cpu_s[worker] = part["cpu_s"]

    def take_rows(self, rows: Iterable[Row]) -> None:
        self._rows.writerows(rows)
        self._file.flush()

    def take_lines(self, lines: Iterable[str]) -> None:
        """Kept exchanges, each as one line of a journal."""
        self._kept.writelines(f"{line}\n" for line in lines)

    def close(self, *, interrupted: bool) -> dict[str, Any]:
        """Write load.json, series.csv and trends.csv; what was measured."""
        self._file.close()
        self._kept.close()
        users = 0 if self.scenario.arrivals else self.scenario.users
        cpu_s = sum(self.cpu_s.values()) if self.cpu_s else None
        measured = figures(self.tally, users, cpu_s, max(len(self.cpu_s), 1), self.scenario.steady_from_s)
        measured |= {"interrupted": interrupted, "lost_generators": self.lost}
        moments = series(self.tally)
        document = {**measured, "series": moments, "cdf": curves(self.tally), "tally": self.tally.to_json()}
        whole.write(self.out / "load.json", json.dumps(document, indent=1) + "\n")
        _table(self.out / "series.csv", moments, ("at_s",))
        _table(self.out / "trends.csv", table(measured["trends"]), ("name",))
        return measured


def _table(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """`columns` are those of a table without rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        made = csv.DictWriter(file, list(rows[0]) if rows else columns)
        made.writeheader()
        made.writerows(rows)


def row(stream: Stream, worker: str = "") -> Row:
    """A request as a line of the table; the order is that of COLUMNS. Times in milliseconds."""
    prompt, completion = stream.tokens or (None, None)
    return [
        *(worker, stream.number, stream.turn, stream.model, stream.key, int(stream.asked_stream)),
        *(_ms(stream.due_ns), _ms(stream.started_ns), _ms(stream.queued_ns), _ms(stream.connected_ns)),
        *(_ms(stream.first_ns), _ms(stream.end_ns), _ms(max(stream.gaps_ns, default=None))),
        *(stream.outputs, stream.coalesced, prompt, completion, stream.status, stream.outcome),
        *(stream.request_id, stream.answer_id, stream.at),
    ]


def _ms(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else round(nanoseconds / 1e6, 3)
