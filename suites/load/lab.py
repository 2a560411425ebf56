"""Loads of a laboratory: with keys and accounts of their own, so that nothing else of the run is in their bills."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.asking.ask import Ask
from harness.asking.control import Key
from harness.load.parent import LoadResult, Size, booked, scenario_of
from harness.load.scenario import Scenario
from harness.load.trial import entries_of
from harness.load.wanted import afforded
from harness.load.workload import Workload, lengths
from harness.model import NotObserved
from harness.record.asides import NotOnTape
from harness.wire.exchange import Exchange

ROLE = "load"  # keeps these exchanges out of the bill and the sweep of the run: they have their own
NO_LIMIT = 1_000_000
PURSE_USD = "100"
BEGIN_S = 30.0
Row = dict[str, str]


@dataclass(frozen=True)
class Lab:
    """What a load left behind: figures and rows of all requests, kept exchanges, money and the provider's log."""

    result: LoadResult
    keys: tuple[Key, ...]
    entries: tuple[dict[str, Any], ...] = ()
    calls: tuple[dict[str, Any], ...] = ()
    models: Exchange | None = None

    @property
    def rows(self) -> tuple[Row, ...]:
        return self.result.rows

    def of(self, outcome: str) -> list[Row]:
        return [row for row in self.rows if row["outcome"] == outcome]

    def rows_of(self, key: Key) -> list[Row]:
        return [row for row in self.rows if row["key"] == key.value.name]

    def entries_of(self, key: Key) -> list[dict[str, Any]]:
        return [entry for entry in self.entries if entry["account"] == key.account]

    @property
    def held(self) -> set[str]:
        """Requests whose hold has not ended."""
        ended = {row["request_id"] for row in self.entries if row["kind"] in ("charge", "void")}
        return {row["request_id"] for row in self.entries if row["kind"] == "hold"} - ended


def issue(ask: Ask, count: int = 1, limit: int = NO_LIMIT) -> tuple[Key, ...]:
    """Keys of accounts of their own; the bill of the run, which has not seen their requests, leaves them out."""
    keys = tuple(ask.control.issue_key(balance_usd=PURSE_USD, requests_per_minute=limit) for _ in range(count))
    ask.control.accounts.difference_update(key.account for key in keys)
    return keys


def scenario(ask: Ask, keys: Sequence[Key], size: Size, workload: Workload, **changes: Any) -> Scenario:
    """A closed loop of these keys, in turn."""
    made = scenario_of(ask, (), size, seed=1, sample=200)
    first, *others = (key.value.name for key in keys)
    named = {"credential": first, "more_credentials": tuple(others)}
    return replace(made, workload=workload, requests=size.requests, **{**named, **changes})


def mixed(ask: Ask, output: str = "uniform:8:32", **members: Any) -> Workload:
    """Streams and answers in one piece, some of the streams left by their client."""
    parts = {"streamed": 0.8, "aborted": 0.06, "prompt": lengths("uniform:4:20"), **members}
    return Workload(models=((ask.default_model, 1.0),), output=lengths(output), **parts)


def run(ask: Ask, planned: Scenario, keys: Sequence[Key], out: Path | None = None) -> LoadResult:
    fitted, reservation = afforded(ask, planned)
    return booked(ask, fitted, reservation, out, keys=[key.value for key in keys], role=ROLE)


def accounted(ask: Ask, planned: Scenario, keys: tuple[Key, ...]) -> Lab:
    """A load with its journal of money and the provider's log, once both are quiet."""
    known, mark = max((row["n"] for row in ask.control.journal()), default=0), ask.control.mark()
    done = run(ask, planned, keys)
    accounts = {key.account for key in keys}
    entries = tuple(row for row in entries_of(ask, known) if row["account"] in accounts)
    calls = tuple(call for call in ask.control.calls_since(mark) if call["account"] in {*accounts, ""})
    return Lab(done, keys, entries, calls, ask.models())


@dataclass
class Underway:
    """A load that runs beside us. What was seen of its course is noted: when the run is played, it is over at once."""

    ask: Ask
    folder: Path
    future: Future[LoadResult]
    noted: dict[str, datetime] = field(default_factory=dict)

    def wait_until_it_answers(self) -> None:
        """Raises NotObserved when it ends, or does not begin, before we could see it."""
        if not self._learned("whether the load answers", self._answers):
            self.future.result(0)
            raise NotObserved("the load was over before anything could be seen of it")

    def _answers(self) -> bool:
        table, end = self.folder / "requests.csv", time.monotonic() + BEGIN_S
        while not table.exists() or table.read_bytes().count(b"\n") < 2:
            if self.future.done() or time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    @property
    def goes_on(self) -> bool:
        return bool(self._learned("whether the load goes on", lambda: not self.future.done()))

    def note(self, what: str) -> None:
        """What happened now."""
        self.noted[what] = datetime.fromisoformat(self._learned(f"when: {what}", lambda: datetime.now(UTC).isoformat()))

    def _learned(self, asked: str, look: Callable[[], Any]) -> Any:
        """What we see now, and when the run is played what was seen then. Raises NotOnTape."""
        notes = self.ask.notes
        if not notes.plays:
            seen = look()
            notes.note(asked, seen)
            return seen
        if (known := notes.known(asked)) is None:
            raise NotOnTape(f"the saved run does not say {asked}")
        return known


@contextmanager
def underway(ask: Ask, start: Callable[[Path], LoadResult]) -> Iterator[Underway]:
    """Start a load in another thread, and wait for its end in the end."""
    with tempfile.TemporaryDirectory(prefix="assay-load-") as name, ThreadPoolExecutor(1) as pool:
        made = Underway(ask, Path(name), pool.submit(start, Path(name)))
        if ask.notes.plays:
            made.future.result()  # so that what is asked beside it comes after it, every time
        yield made
        made.future.result()


def sent(row: Row) -> datetime:
    """When a request went out, UTC."""
    return datetime.fromisoformat(row["at"].replace("Z", "+00:00"))
