"""Evidence while the enclave works: as fresh, as whole and of the same machine as when nobody uses it."""

from __future__ import annotations

import pytest

from suites.attestation.appraisal import hold
from suites.attestation.test_measured import STABLE


@pytest.mark.requirement("AT-066")
def test_evidence_is_fresh_while_answers_stream(busy, appraisal):
    answered = [answer.status for answer in busy if answer.status != 200]
    assert not answered, f"while answers stream, a fetch of evidence is answered with {answered[0]}"
    for requirement in ("AT-001", "AT-020", "AT-022"):
        hold(requirement, map(appraisal, busy))


@pytest.mark.requirement("AT-066")
def test_evidence_is_of_the_same_machine_while_answers_stream(busy, evidence, appraisal, measured):
    resting, shown = measured(evidence[0]), len(appraisal(evidence[0]).machines[0].gpu)
    for answer in busy:
        working = measured(answer)
        moved = [name for name in STABLE if working[name] != resting[name]]
        assert not moved, f"evidence differs in {', '.join(moved)} while answers stream"
        gpus = len(appraisal(answer).machines[0].gpu)
        assert gpus == shown, f"evidence shows {gpus} GPUs while answers stream, and {shown} when none does"
