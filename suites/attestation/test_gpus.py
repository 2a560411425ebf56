"""The GPUs beside the quote: as many as there must be, genuine, asked by us, in order, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from harness.attest.gpu import gpu_policy_of, load_gpu_trust
from harness.attest.tie import Tie
from harness.judge.evidence import sent_nonce
from harness.model import NotObserved
from harness.wire.exchange import Exchange
from suites.attestation.gpus import Hardware, hardware_of, hold

Judged = Callable[[Exchange], Hardware]


@pytest.fixture(scope="session")
def hardware(ask, appraisal, policy) -> Judged:
    """The GPUs that an answer shows, each judged once."""
    folder = ask.evidence.trust
    if folder is None or not (folder / "device_root.pem").exists():
        raise NotObserved("the target's trust folder holds no device_root.pem to judge GPUs by")
    trust, demands, known = load_gpu_trust(folder), gpu_policy_of(policy), dict[str, Hardware]()

    def of(answer: Exchange) -> Hardware:
        if answer.id not in known:
            nonce, at = bytes.fromhex(sent_nonce(answer) or ""), datetime.fromisoformat(answer.started)
            known[answer.id] = hardware_of(appraisal(answer), trust, nonce, at.astimezone(UTC), demands)
        return known[answer.id]

    return of


@pytest.mark.requirement("AT-080")
def test_every_gpu_is_shown(ask, evidence, others, hardware):
    counts = {count for answer in (*evidence, *others) for count in hardware(answer).counts}
    if (due := ask.evidence.gpus) is not None:
        assert counts == {due}, f"instances show {_list(counts)} GPUs, and the target says {due}"
    elif counts == {0}:
        raise NotObserved("the evidence holds no GPU report, and the target does not say that there are GPUs")
    assert len(counts) == 1, f"instances of one deployment show {_list(counts)} GPUs"


@pytest.mark.requirement("AT-081")
def test_gpu_reports_are_signed_by_certified_keys(evidence, others, hardware):
    hold("AT-081", map(hardware, (*evidence, *others)))


@pytest.mark.requirement("AT-082")
def test_gpu_reports_answer_our_nonce(evidence, hardware):
    seen = [hardware(answer) for answer in evidence]
    hold("AT-082", seen)
    reports = [report for one in seen for report in one.appraisal.reports]
    loose = [report.tie.reason for report in reports if report.tie.tie is Tie.NOT_PROVEN and report.unheld is None]
    assert not loose, f"nothing ties the GPUs to the quote: {loose[0]}"
    if unheld := [report.unheld for report in reports if report.unheld is not None]:
        raise NotObserved(unheld[0])


@pytest.mark.requirement("AT-083")
def test_no_gpu_is_shown_twice(evidence, hardware):
    hold("AT-083", map(hardware, evidence))


@pytest.mark.requirement("AT-083")
def test_no_gpu_belongs_to_two_instances(evidence, others, hardware):
    owners = dict[str, str]()
    for answer in (evidence[0], *others):
        one = hardware(answer)
        for n, (machine, report) in enumerate(zip(one.appraisal.machines, one.reports, strict=True), 1):
            domain = dict(machine.event_claims).get("instance-id") or f"{n} of answer {answer.id}"
            for gpu in report.gpus if report else ():
                owner = owners.setdefault(gpu.pdi or f"{domain} {answer.id}", domain)
                assert owner == domain, f"GPU {gpu.pdi} is shown by instance {owner} and by instance {domain}"
    if not owners:
        raise NotObserved("the evidence holds no GPU report")


@pytest.mark.requirement("AT-084")
def test_gpu_firmware_is_the_published_one(evidence, others, hardware):
    hold("AT-084", map(hardware, (*evidence, *others)))


@pytest.mark.requirement("AT-085")
def test_no_gpu_is_revoked(evidence, others, hardware):
    seen = [hardware(answer) for answer in (*evidence, *others)]
    hold("AT-085", seen)
    if unasked := [what for one in seen for report in one.shown for what in report.unpinned if "revoked" in what]:
        raise NotObserved(f"the trust folder does not tell {unasked[0]}")


@pytest.mark.requirement("AT-086")
def test_gpus_run_in_one_mode(evidence, others, hardware):
    hold("AT-086", map(hardware, (*evidence, *others)))


@pytest.mark.requirement("AT-087")
def test_gpus_stay_the_same_from_call_to_call(evidence, hardware):
    first, second = (hardware(answer) for answer in evidence)
    if not first.identities or not second.identities:
        raise NotObserved("the evidence holds no GPU report")
    changed = first.identities ^ second.identities
    assert not changed, f"two calls to one instance show different GPUs: {', '.join(sorted(changed)[:4])}"


def _list(counts):
    return ", ".join(map(str, sorted(counts)))
