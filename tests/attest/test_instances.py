"""Several machines in one answer: each has its own report, and parts of one domain booted alike."""

from __future__ import annotations

from harness.appraisal import Anchors, Question, of_document
from harness.attest import Code, verify
from harness.attest.adapters import read
from harness.attest.evidence import Evidence
from harness.attest.instances import repeated
from harness.attest.policy import DEFAULT
from tests.attest import formats
from tests.attest.formats import Document, dumped
from tests.attest.lab import HONEST, MODEL, NONCE, NOW, flipped, platform, trust_in


def machines(*documents: Document) -> list[Evidence]:
    found: list[Evidence] = []
    for document in documents:
        parsed = read(dumped(document))
        assert isinstance(parsed, tuple)
        found += parsed
    return found


def test_machines_with_reports_of_their_own_are_not_repeated() -> None:
    assert repeated(machines(formats.near())) == []
    assert repeated(machines(formats.dstack(), HONEST.report("another/model", NONCE))) == []


def test_one_quote_for_two_models_is_found() -> None:
    """I23: the second model's entry shows the first one's domain."""
    document = formats.near()
    document["model_attestations"].append({**document["model_attestations"][0], "model_name": "another/model"})
    codes = [problem.code for problem in repeated(machines(document))]
    assert codes == [Code.EVIDENCE_REPEATED] * 2  # the model and its compose manager


def test_a_rewritten_signature_does_not_hide_a_repeated_report() -> None:
    """I44: other bytes, the same report."""
    first = formats.dstack()
    signature_at = 48 + 584 + 4
    second = {**first, "intel_quote": flipped(bytes.fromhex(first["intel_quote"]), signature_at).hex()}
    assert [problem.code for problem in repeated(machines(first, second))] == [Code.EVIDENCE_REPEATED]


def test_a_server_may_list_its_own_entry_with_fewer_members() -> None:
    document = formats.dstack()
    own = {name: value for name, value in document.items() if name != "nvidia_payload"}
    assert len(machines({**document, "all_attestations": [own]})) == 1
    lying = {**own, "signing_address": "0x" + "11" * 20}
    assert len(machines({**document, "all_attestations": [own, lying]})) == 2


def test_quotes_that_cannot_be_read_repeat_nothing() -> None:
    broken = {**formats.dstack(), "intel_quote": "00"}
    assert repeated(machines(broken, broken)) == []


def test_an_appraisal_of_one_document_tells_what_is_repeated() -> None:
    document = formats.near()
    document["model_attestations"].append({**document["model_attestations"][0], "model_name": "another/model"})
    question = Question(NONCE, NOW, DEFAULT)
    appraisal = of_document(dumped(document), Anchors(trust_in(HONEST)), question)
    assert {problem.code for problem in appraisal.problems} == {Code.EVIDENCE_REPEATED}


def test_a_compose_manager_of_another_domain_is_found() -> None:
    """I28: a genuine quote over the actions, made in a domain that booted something else."""
    document = formats.near()
    manager = document["model_attestations"][0]["compose_manager_attestation"]
    bound = bytes.fromhex(manager["actions_hash"]) + NONCE
    elsewhere = platform(mr_td=lambda value: value[::-1], report_data=lambda _identity, _nonce: bound)
    manager["quote"] = elsewhere.report(MODEL, NONCE)["intel_quote"]
    reports = [verify(machine, trust_in(HONEST), NONCE, NOW) for machine in machines(document)]
    assert [report.codes for report in reports] == [(), (), (Code.DOMAIN_FOREIGN,)]
