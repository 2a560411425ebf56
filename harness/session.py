"""Everything one run holds: contract, target, client, journal, and the reports its checks made."""

from __future__ import annotations

import random
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from harness import deployment, waivers
from harness.asides import STARTED, Asides
from harness.ask import Ask
from harness.budget import Budget
from harness.curl import curl
from harness.journal import Journal, judged
from harness.judge import Judged, Rule, rules_for
from harness.model import CheckReport, Finding, Outcome
from harness.playback import Blind, Player, Tape
from harness.redact import Redactor, printable
from harness.target import Target
from harness.waivers import Waiver
from harness.wire import Client
from specs import Contract

PROFILES = ("quick", "standard", "full")


@dataclass(frozen=True)
class Options:
    """What the caller asked for. `only` holds requirement ids, `suites` folder names; empty means all."""

    only: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    profile: str = "standard"
    seed: int = 1
    out: Path | None = None
    cap_usd: Decimal | None = None
    fuzz_seconds: float | None = None
    fuzz_once: bool = False
    fuzz_resume: Path | None = None
    waivers: Path | None = None  # a waivers.yaml
    replay: Path | None = None  # folder of a saved run that is played instead of asking the target
    again: str | None = None  # the words after --target that start the same judgement once more
    command: str = ""  # how the run was started, for the record

    def allows(self, profile: str) -> bool:
        """Whether a check marked with this profile runs in ours."""
        return PROFILES.index(profile) <= PROFILES.index(self.profile)


@dataclass
class Session:
    """One run in one process. With several workers each has its own journal and its share of the budget."""

    contract: Contract
    target: Target
    options: Options
    worker: str = "main"
    workers: int = 1
    heard: int = 0  # on the controller of a distributed run: workers that handed over what they saw
    unheard: dict[str, list[CheckReport]] = field(default_factory=dict)  # there: reports of workers still at work
    unsettled: dict[str, tuple[Decimal, int]] = field(default_factory=dict)  # and what they had spent by their last one
    faults: list[str] = field(default_factory=list)  # of the harness, outside any one check
    reports: list[CheckReport] = field(default_factory=list)
    gaps: dict[str, tuple[str, str]] = field(default_factory=dict)  # outcome and reason where no check decides
    selected: set[str] = field(default_factory=set)
    due: dict[str, tuple[str, ...]] = field(default_factory=dict)  # chosen checks and what they decide, run or not
    figures: dict[str, Any] = field(default_factory=dict)  # what the load, fuzz and attestation suites measured
    interrupted: bool = False
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self.ended: datetime | None = None  # where a run is played: when it was over
        tape = None if self.options.replay is None else Tape(self.options.replay)
        if tape is not None:
            self.target, self.started, self.ended = tape.target, tape.started, tape.ended
        self.redactor = Redactor(self.target.secrets()) if tape is None else Blind()
        self.journal = Journal(self._path("exchanges"), self.redactor, prefix=self.worker)
        self.budget = Budget.for_target(self.cap_usd / self.workers, self.target, self.contract)
        self.client = Client(self.target, self.redactor, self.budget, self.journal)
        if tape is not None:
            self.client = Player(tape, self.redactor, self.budget, self.journal)
        self.memory = Asides(self._path("asides"), self.redactor) if tape is None else tape.asides
        self.ask = Ask(self.contract, self.target, self.client, self.memory)
        self.ask.alone = self.workers == 1
        self.waivers = self._waivers()
        self.rng = random.Random(self.options.seed)  # noqa: S311 - reproducible inputs, not secrets

    @property
    def cap_usd(self) -> Decimal:
        """What all processes of the run may spend together; a cap of zero is a cap."""
        return self.target.spend.cap_usd if self.options.cap_usd is None else self.options.cap_usd

    def begin(self) -> None:
        """The run begins: keep what it takes to judge it again."""
        if self.options.out is not None and self.worker == "main" and not self.memory.plays:
            self.memory.note("run", STARTED, self.started.isoformat())
            deployment.write(self.target, self.options.out, self.redactor)
            if self.options.waivers is not None:
                text = self.options.waivers.read_text(encoding="utf-8")
                (self.options.out / waivers.FILE).write_text(self.redactor.text(text), encoding="utf-8")

    def _waivers(self) -> tuple[Waiver, ...]:
        """Those that concern this contract and target; a run that is played has its own."""
        path = self.options.waivers
        if path is None and self.options.replay is not None and (kept := self.options.replay / waivers.FILE).is_file():
            path = kept
        found = () if path is None else waivers.load(path)
        return tuple(waiver for waiver in found if waiver.concerns(self.contract.name, self.target.name))

    def _path(self, name: str) -> Path | None:
        if self.options.out is None:
            return None
        return self.options.out / (f"{name}.jsonl" if self.worker == "main" else f"{name}-{self.worker}.jsonl")

    def explained(self, finding: Finding, check: str) -> Finding:
        """The finding, redacted, with the lines that reproduce it."""
        shown = [x for x in self.journal.exchanges if x.id in finding.exchanges]
        return Finding(
            requirement=finding.requirement,
            message=self.shown(finding.message),
            expected=self._clean(finding.expected),
            observed=self._clean(finding.observed),
            exchanges=finding.exchanges,
            check=check,
            curl=curl(shown[-1], self.target, self.redactor) if shown else None,
            assay=self._command(finding.requirement, f"--target {self.options.again or self._target()}"),
            replay=self._replay(finding),
        )

    def _clean(self, text: str | None) -> str | None:
        return None if text is None else self.shown(text)

    def shown(self, text: str) -> str:
        """Text that a server may have chosen, fit for a file and a terminal: no secret, no control character."""
        return printable(self.redactor.text(text))

    def _replay(self, finding: Finding) -> str | None:
        """The line that plays the saved run; none where nothing was saved."""
        folder = self.options.replay or self.options.out
        if folder is None:
            return None
        shown = f"{folder}#{finding.exchanges[-1]}" if finding.exchanges else str(folder)
        return self._command(finding.requirement, f"--replay {shlex.quote(shown)}")

    def _command(self, requirement: str, subject: str) -> str:
        options = self.options
        profile = "" if options.profile == "standard" else f" --profile {options.profile}"
        return f"assay run {self.contract.name} {subject} --only {requirement}{profile} --seed {options.seed}"

    def _target(self) -> str:
        """The target as one word of a command line."""
        return shlex.quote(str(self.target.path or self.target.base_url))

    def sweep(self) -> list[CheckReport]:
        """Judge everything that was recorded by every rule; findings no check has reported yet come back."""
        if isinstance(self.client, Player):
            self.client.take_rest()
        told = {(f.requirement, x) for report in self.reports for f in report.findings for x in f.exchanges}
        chosen = [rule for rule in rules_for(self.contract) if self._decided(rule)]
        seen = Judged((x for x in self.journal.exchanges if x.head_status is not None and judged(x)), self.contract)
        return [report for rule in chosen if (report := self._swept(rule, seen, told)) is not None]

    def _decided(self, rule: Rule) -> tuple[str, ...]:
        return tuple(i for i in self.contract.deciding([rule.requirement]) if i in self.selected)

    def _swept(self, rule: Rule, seen: Judged, told: set[tuple[str, str]]) -> CheckReport | None:
        name, ids = f"sweep::{rule.name}", self._decided(rule)
        try:
            found = seen.findings(rule)
        except Exception as error:  # a rule that breaks on one answer must not take the whole run with it
            fault = self.shown(f"{type(error).__name__}: {error} (in {name})")
            return CheckReport(name, ids, Outcome.ERROR, f"fault of the harness: {fault}", 0.0, (), fault)
        broken = (replace(f, requirement=i) for f in found for i in ids)
        fresh = tuple(self.explained(f, name) for f in broken if (f.requirement, f.exchanges[0]) not in told)
        return CheckReport(name, ids, Outcome.FAIL, None, 0.0, fresh) if fresh else None

    def to_controller(self) -> dict[str, Any]:
        """What a worker of a distributed run hands over when it is done."""
        return {
            "reports": [report.to_json() for report in self.reports],
            "gaps": {i: [str(outcome), reason] for i, (outcome, reason) in self.gaps.items()},
            "selected": sorted(self.selected),
            "due": {check: list(ids) for check, ids in self.due.items()},
            "faults": self.faults,
            "figures": self.figures,
            "usd": str(self.budget.spent),
            "calls": self.budget.calls,
        }

    def from_worker(self, worker: str, output: Mapping[str, Any] | None) -> None:
        """Take in what a worker handed over; of one that died, what it had reported by then."""
        if output is None:
            self.faults.append(f"worker {worker} died; what it had not yet reported is lost")
            self.from_unheard(worker)
            return
        self.unheard.pop(worker, None)
        self.unsettled.pop(worker, None)
        self.heard += 1
        self.reports += [CheckReport.from_json(row) for row in output["reports"]]
        self.gaps.update({i: (Outcome(outcome), reason) for i, (outcome, reason) in output["gaps"].items()})
        self.selected.update(output["selected"])
        self.due.update({check: tuple(ids) for check, ids in output["due"].items()})
        self.faults += output["faults"]
        self.figures.update(output["figures"])
        self.budget.absorb(Decimal(output["usd"]), output["calls"])

    def from_unheard(self, worker: str) -> None:
        """Take in what a worker said before it died or was stopped."""
        self.reports += self.unheard.pop(worker, [])
        self.budget.absorb(*self.unsettled.pop(worker, (Decimal(0), 0)))

    def close(self) -> None:
        self.client.close()
        self.journal.close()
        self.memory.close()


def new_run_id(contract: str, now: str) -> str:
    """Name of a run's folder: when, what, and four characters that keep two runs of one second apart."""
    return f"{now.replace(':', '').replace('-', '')}-{contract}-{secrets.token_hex(2)}"
