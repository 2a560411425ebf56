"""One exploration of all operations serves every fuzz check."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.asides import NOT_GENERATED
from harness.cases import EFFORTS, paid_operations
from harness.classify import needs_an_answer
from harness.fuzz import Exploration, Explorer
from harness.model import Nonconformity, NotObserved
from harness.playback import Player
from harness.probe import probe
from harness.session import Session

MODES = {"OC-170": ("positive",), "OC-171": ("negative",)}  # the cases a requirement is about; OC-172 is about both


@probe(calls=EFFORTS["standard"].calls, costs={profile: effort.cost for profile, effort in EFFORTS.items()})
def explored(ask, assay_session: Session) -> Exploration:
    options = assay_session.options
    effort = EFFORTS[options.profile]
    if options.fuzz_seconds is not None:
        effort = replace(effort, seconds=options.fuzz_seconds)
    explorer = Explorer(ask, effort, options.seed)
    if isinstance(ask.client, Player) and not options.generated:
        ask.client.take_rest("fuzz")
        raise NotObserved(NOT_GENERATED)
    found = explorer.explore()
    assay_session.figures["fuzz"] = found.figures()
    return found


@pytest.fixture(scope="session")
def nothing_found(ask, explored: Exploration):
    """Whether the exploration found nothing against a requirement."""

    paid = paid_operations(ask.contract.name)

    def check(requirement: str) -> None:
        if findings := explored.findings.get(requirement):
            raise Nonconformity(findings)
        if explored.broken and requirement == "OC-172":
            needs_an_answer(explored.broken)  # dropping the connection is no way to answer what one cannot read
        asked = [
            f"{operation} {mode}" for operation in paid for mode in MODES.get(requirement, ("positive", "negative"))
        ]
        if missed := [case for case in asked if not explored.cases.get(case)]:
            needs_an_answer(explored.broken)
            raise NotObserved(f"the time box of the fuzz suite ended before {missed[0]} cases; see --fuzz-seconds")
        refused = [name for name in paid if not any(s.startswith("2") for s in explored.statuses.get(name, ()))]
        if refused and requirement == "OC-170":
            raise NotObserved(f"no generated request of {refused[0]} was accepted: nothing was learned of its answers")

    return check
