"""Every tampering of GPU evidence gets its code, every look-alike is accepted; run with -s for the table."""

from __future__ import annotations

import pytest

from harness.attest.gpu.verify import GpuReport
from tests.attest import gpu_cases
from tests.attest.gpu_lab import CASES, Case

assert gpu_cases.__all__
MUST_PASS = {found.id for found in CASES if found.want == "accepted"}


@pytest.mark.parametrize("tampering", CASES, ids=lambda found: found.id)
def test_a_tampering_gets_its_code(tampering: Case) -> None:
    report = tampering.run()
    print(f"{tampering.id:8} {tampering.story:75} {report.code}")  # noqa: T201
    assert tampering.fits(report.code), [f"{problem.code}: {problem.reason}" for problem in report.problems]
    assert report.accepted == (tampering.id in MUST_PASS)


def test_the_table_is_whole() -> None:
    ids = [found.id for found in CASES]
    assert len(set(ids)) == len(ids)
    assert len(ids) - len(MUST_PASS) >= 180


def test_a_rejected_set_proves_nothing_and_says_test_roots() -> None:
    rejected = [r for r in (found.run() for found in CASES[:20]) if isinstance(r, GpuReport) and not r.accepted]
    assert rejected
    assert all(not report.proven and report.test_roots for report in rejected)
