"""One load of a session: calibrate, load, judge what was kept, reconcile the bill, write everything down."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import whole
from harness.exchange import TargetFault
from harness.load.bill import bill
from harness.load.calibration import calibrate
from harness.load.export import parquet
from harness.load.parent import LoadResult, booked
from harness.load.scenario import Scenario
from harness.load.verdicts import exit_of, judged
from harness.load.wanted import Wanted, afforded
from harness.model import NotObserved
from harness.reconcile import BadInput
from harness.session import Session

PATIENCE_S = 600  # that workers of other machines have to join: a cluster may have to fetch their image first
DRAIN_S = 5.0  # that the ledger has to end what it holds

_PORT = re.compile("[0-9]{1,5}")


def crewed(workers: int, awaited: int, bind: str, web: str | None) -> tuple[str, ...]:
    """The generator's own words for several of it. Raises ValueError."""
    if workers and awaited:
        raise ValueError("give --workers for this machine, or --master for others")
    if web and (workers or awaited):
        raise ValueError("--web shows one generator: leave --workers and --master out")
    for text in filter(None, (bind, web)):
        check_address(text)
    words = (
        (f"--workers={workers}",) if workers else (f"--await={awaited}", f"--patience={PATIENCE_S}") if awaited else ()
    )
    return (*words, *((f"--bind={bind}",) if words else ()), *((f"--web={web}",) if web else ()))


def check_address(text: str) -> None:
    """Raises ValueError."""
    port = _PORT.fullmatch(text.rpartition(":")[2])
    if not port or int(port[0]) > 65535:
        raise ValueError(f"{text!r}: expected HOST:PORT")


class Trial:
    """The loads of one command: one, or several of a sweep. `words` are the generator's own."""

    def __init__(self, session: Session, wanted: Wanted, words: Sequence[str], *, calibrated: bool) -> None:
        self.session, self.wanted, self.words, self.calibrated = session, wanted, tuple(words), calibrated
        self.folder = session.options.out or Path()

    @property
    def about(self) -> dict[str, Any]:
        """What is loaded from now on, and by which contract it is judged."""
        contract, started = self.session.contract, datetime.now(UTC).isoformat(timespec="seconds")
        return {
            "target": self.session.target.name,
            "contract": f"{contract.name} {contract.version}",
            "started": started.replace("+00:00", "Z"),
        }

    def scenario(self) -> Scenario:
        return self.wanted.scenario(self.session.ask)

    def run(self, scenario: Scenario, folder: Path) -> dict[str, Any]:
        """The figures with what was judged; load.json of the folder holds them too."""
        folder.mkdir(parents=True, exist_ok=True)
        ask, about = self.session.ask, self.about
        fitted, reservation = afforded(ask, scenario)
        calibration = calibrate(fitted) if self.calibrated else None
        since = self._mark()
        done = booked(ask, fitted, reservation, folder, self.words)
        found = {
            **about,
            **done.figures,
            "calibration": calibration,
            "judged": judged(done.exchanges, self.session.contract),
            "spend": ask.client.budget.summary(),
            "folder": str(folder),
        }
        if (reckoned := self._bill(done, since)) is not None:
            found["bill"] = reckoned
        found["exit_code"] = int(exit_of(found))
        kept = json.loads((folder / "load.json").read_text(encoding="utf-8"))
        whole.write(folder / "load.json", json.dumps({**kept, **found}, indent=1) + "\n")
        parquet(folder)
        return found

    def _mark(self) -> int | None:
        """Where the journal of money stands; None where the target shows none."""
        try:
            return max((int(row["n"]) for row in self.session.ask.control.journal()), default=0)
        except (NotObserved, TargetFault):
            return None

    def _bill(self, done: LoadResult, since: int | None) -> dict[str, Any] | None:
        """The whole load against the ledger; None where there is no ledger, or no price list."""
        ask, contract = self.session.ask, self.session.contract
        if since is None or contract.trait("catalogue.price", None) is None:
            return None
        entries, models = entries_of(ask, since), ask.models()
        try:
            found = bill(done.rows, entries, models.answered().body, contract)
        except (BadInput, TargetFault) as error:
            return {"verdict": "incomplete", "why": str(error)}
        return {name: found[name] for name in ("verdict", "totals", "counts", "findings", "unexplained")}


def entries_of(ask: Any, since: int) -> list[dict[str, Any]]:
    """What the journal of money tells after a mark, once nothing is held any more."""
    end = time.monotonic() + DRAIN_S
    while is_held(rows := ask.control.journal(since)) and time.monotonic() < end:
        time.sleep(0.1)
    return list(rows)


def is_held(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a hold has not ended yet."""
    held = {row["request_id"] for row in rows if row["kind"] == "hold"}
    return bool(held - {row["request_id"] for row in rows if row["kind"] in ("charge", "void")})
