"""The connection that evidence came over ends where the quote says, and not at somebody in front of it."""

from __future__ import annotations

import pytest

from harness.attest.channel import ChannelBinding
from harness.model import NotObserved

SAID = {
    ChannelBinding.NOT_BOUND: "the evidence names no TLS key: whoever ends TLS reads every prompt",
    ChannelBinding.MISMATCH: "the evidence binds another TLS key than the one that the connection showed",
}


@pytest.mark.requirement("AT-090")
def test_evidence_binds_the_tls_key(evidence, others, appraisal):
    if any(answer.certificate is None for answer in evidence):
        raise NotObserved("the evidence came without TLS")
    for answer in (*evidence, *others):
        for report in appraisal(answer).reports[:1]:
            if report.channel is ChannelBinding.NOT_HELD:
                raise NotObserved(f"the key named is that of the connection, but {report.unheld}")
            assert report.channel is ChannelBinding.BOUND, SAID.get(report.channel, str(report.channel))
