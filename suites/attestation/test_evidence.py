"""Fresh evidence for listed models: it verifies up to its root, is bound to our nonce, and is of a production TD."""

from __future__ import annotations

import pytest

from harness.attest.verdict import Code
from harness.judge import evidence as quotes

OF_THE_DOMAIN = {Code.TD_DEBUG, Code.QUOTE_WRONG_TEE}  # judged on their own: the quote itself is sound


def said(problems):
    return "; ".join(f"{problem.code}: {problem.reason}"[:200] for problem in problems[:4])


@pytest.mark.requirement("VT-002")
def test_fresh_evidence_verifies(evidence, appraise):
    problems = [problem for problem in appraise(evidence[0]) if problem.code not in OF_THE_DOMAIN]
    assert not problems, f"the evidence does not verify: {said(problems)}"


@pytest.mark.requirement("VT-002")
def test_evidence_is_made_anew_for_each_nonce(evidence, appraise, holds):
    problems = [problem for problem in appraise(evidence[1]) if problem.code not in OF_THE_DOMAIN]
    assert not problems, f"the evidence for a second nonce does not verify: {said(problems)}"
    holds(quotes.evidence_repeats_our_nonce, *evidence)


@pytest.mark.requirement("VT-002")
def test_other_listed_models_have_evidence(others, appraise):
    found = [problem for answer in others for problem in appraise(answer) if problem.code not in OF_THE_DOMAIN]
    assert not found, f"the evidence of other listed models does not verify: {said(found)}"


@pytest.mark.requirement("VT-014")
def test_the_trust_domain_is_tdx_and_not_in_debug_mode(evidence, others, holds):
    holds(quotes.quote_is_of_a_production_trust_domain, *evidence, *others)


@pytest.mark.requirement("VT-014")
def test_the_judges_of_attestation_agree(evidence, appraise):
    problems = [problem for problem in appraise(evidence[0]) if problem.code in OF_THE_DOMAIN]
    assert not problems, f"the evidence is of no production trust domain: {said(problems)}"
