"""A saved run judged again, without a network: the same checks see the same answers. Every row is compared."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from harness import results
from harness.checks import SUITES
from harness.playback import CLOCK
from harness.progress import Reporter
from harness.run import Request, execute


@dataclass(frozen=True)
class Difference:
    """A row that came out otherwise."""

    id: str
    was: str
    now: str
    said: str


def played(folder: Path, was: Mapping[str, Any]) -> Mapping[str, Any]:
    """results.json of the run, judged again from its folder. Raises TargetError, BadResults."""
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
    with tempfile.TemporaryDirectory(prefix="assay-played-") as name, CLOCK.running():
        quiet = Reporter(Console(quiet=True), request.contract)
        execute([*request.arguments(), f"--assay-out={name}"], request, [quiet])
        return results.read(Path(name))


def _files(was: Mapping[str, Any]) -> tuple[Path, ...]:
    """The files of the checks that ran; reading all others would take longer than judging."""
    named = {check["id"].partition("::")[0] for row in was["requirements"] for check in row["checks"]}
    return tuple(
        path for path in sorted(SUITES.glob("*/test_*.py")) if path.relative_to(SUITES.parent).as_posix() in named
    )


def differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """The rows whose outcome, or whose findings and the exchanges that show them, are not the same."""
    again = {row["id"]: row for row in now["requirements"]}
    found = []
    for row in was["requirements"]:
        other = again.get(row["id"])
        if other is None:
            found.append(Difference(row["id"], row["outcome"], "missing", "the contract has no such requirement here"))
        elif _seen(row) != _seen(other):
            said = other["reason"] or next((finding["message"] for finding in other["findings"]), "other findings")
            found.append(Difference(row["id"], row["outcome"], other["outcome"], said[:300]))
    return found


def _seen(row: Mapping[str, Any]) -> tuple[Any, ...]:
    findings = sorted((finding["signature"], tuple(finding["exchanges"])) for finding in row["findings"])
    return row["outcome"], tuple(findings)
