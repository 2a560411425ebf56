"""One exploration of all operations serves every fuzz check."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.cases import EFFORTS, PAID
from harness.classify import needs_an_answer
from harness.fuzz import Exploration, Explorer
from harness.model import Nonconformity, NotObserved
from harness.probe import probe
from harness.session import Session

MODES = {"OC-170": ("positive",), "OC-171": ("negative",)}  # the cases a requirement is about; OC-172 is about both


@probe(calls=EFFORTS["standard"].calls, costs={profile: effort.cost for profile, effort in EFFORTS.items()})
def explored(ask, assay_session: Session) -> Exploration:
    options = assay_session.options
    effort = EFFORTS[options.profile]
    if options.fuzz_seconds is not None:
        effort = replace(effort, seconds=options.fuzz_seconds)
    found = Explorer(ask, effort, options.seed).explore()
    assay_session.figures["fuzz"] = found.figures()
    return found


@pytest.fixture(scope="session")
def nothing_found(explored: Exploration):
    """Whether the exploration found nothing against a requirement."""

    def check(requirement: str) -> None:
        if findings := explored.findings.get(requirement):
            raise Nonconformity(findings)
        if explored.broken and requirement == "OC-172":
            needs_an_answer(explored.broken)  # dropping the connection is no way to answer what one cannot read
        asked = [
            f"{operation} {mode}" for operation in PAID for mode in MODES.get(requirement, ("positive", "negative"))
        ]
        if missed := [case for case in asked if not explored.cases.get(case)]:
            needs_an_answer(explored.broken)
            raise NotObserved(f"the time box of the fuzz suite ended before {missed[0]} cases; see --fuzz-seconds")

    return check
