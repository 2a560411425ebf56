"""A saved run judged again, without a network: the same checks see the same answers. Every row is compared."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness import results
from harness.plugin import SESSION
from harness.record.asides import NOT_AGAIN, ON_WORD
from harness.record.playback import CLOCK, Player
from harness.running.checks import SUITES, checks_by_requirement
from harness.running.progress import Silence
from harness.running.run import Request, execute


@dataclass(frozen=True)
class Difference:
    """A row that came out otherwise."""

    id: str
    was: str
    now: str
    said: str

    @property
    def on_word(self) -> bool:
        """Whether nobody can judge the row again, however honest the signer; what the tape lacks is no excuse."""
        return self.said in ON_WORD


def played(folder: Path, was: Mapping[str, Any]) -> Mapping[str, Any]:
    """What comes of a run that is judged again from its folder, as `results.judged_again` has it, and its exchanges.

    Nothing is written.

    Raises TargetError, BadRequest, NotJudged.
    """
    run = was["run"]
    request = Request(
        contract=was["contract"]["name"],
        target="",
        only=tuple(run["only"]),
        suites=tuple(run["suites"]),
        profile=run["profile"],
        seed=run["seed"],
        cap_usd=was["spend"]["cap_usd"],
        replay=folder.resolve(),
        paths=_files(was),
    )
    taker = _Taker()
    with CLOCK.running(), _no_collection():
        code = execute(request.arguments(), request, [taker, Silence()])
    if taker.found is None:
        raise NotJudged(f"the checks did not come to their end (code {code})")
    return taker.found


@contextmanager
def _no_collection() -> Iterator[None]:
    """Everything that is read is needed to the end: to look for garbage takes an eighth of the time, and finds none."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


class NotJudged(Exception):
    """The checks could not be made again."""


class _Taker:
    """Takes what came of a run whose checks have all been made."""

    found: Mapping[str, Any] | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if (run := session.config.stash.get(SESSION, None)) is not None:
            assert isinstance(run.client, Player)
            self.found = {**results.judged_again(run), "exchanges": run.client.tape.exchanges}


def _files(was: Mapping[str, Any]) -> tuple[Path, ...]:
    """The files of the checks that ran, or that say they are about a row; reading all others would take longer."""
    named = {check["id"].partition("::")[0] for row in was["requirements"] for check in row["checks"]}
    # A run may not choose what it is judged by, so that files count of which it names no check.
    about, suites = checks_by_requirement(), was["run"]["suites"]
    named |= {check.partition("::")[0] for row in was["requirements"] for check in about.get(row["id"], ())}
    return tuple(
        path
        for path in sorted(SUITES.glob("*/test_*.py"))
        if path.relative_to(SUITES.parent).as_posix() in named and (not suites or path.parent.name in suites)
    )


def differences(was: Mapping[str, Any], now: Sequence[Mapping[str, Any]]) -> list[Difference]:
    """The rows whose outcome, or whose findings and the exchanges that show them, are not the same."""
    again = {row["id"]: row for row in now}
    found = []
    for row in was["requirements"]:
        other = again.get(row["id"])
        if other is None:
            found.append(Difference(row["id"], row["outcome"], "missing", "the contract has no such requirement here"))
        elif (unmade := _unmade(other)) is not None:
            found.append(Difference(row["id"], row["outcome"], "not-observed", unmade))
        elif _seen(row) != _seen(other):
            said = other["reason"] or next((finding["message"] for finding in other["findings"]), "other findings")
            found.append(Difference(row["id"], row["outcome"], other["outcome"], said[:300]))
    return found


def _unmade(row: Mapping[str, Any]) -> str | None:
    """Why a check of the row could not be made again; one that fails counts all the same."""
    reasons = (check["reason"] or "" for check in row["checks"] if check["outcome"] == "not-observed")
    found = sorted((reason for reason in reasons if reason.startswith(NOT_AGAIN)), key=ON_WORD.__contains__)
    return found[0] if found and row["outcome"] not in ("fail", "warn", "error") else None


def _seen(row: Mapping[str, Any]) -> tuple[Any, ...]:
    findings = sorted((finding["signature"], tuple(finding["exchanges"])) for finding in row["findings"])
    return row["outcome"], tuple(findings)
