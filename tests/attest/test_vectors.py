"""Real quotes with genuine collateral, judged at the moment at which their collateral was valid."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import specs
from harness.attest import Code, Policy, Trust, judge_quote, policy_of
from harness.attest.collateral import INTEL_ROOT_KEY_ID
from harness.attest.eventlog import replay
from harness.attest.policy import TEE_SGX, TEE_TDX

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("ASSAY_VECTORS", ROOT.parent / "shared" / "vectors")) / "tdx"
EITHER_TEE = Policy(tees=frozenset({TEE_SGX, TEE_TDX}))
REJECTED = {
    "tdx-v5-td15-nomatch-90c06f": Code.TCB_NO_LEVEL,
    "tdx-v5-td15-nomatch-90c06f-b": Code.TCB_NO_LEVEL,
    "tdx-v4-nomatch-50806f-spr-e4": Code.TCB_NO_LEVEL,
    "tdx-v4-perfmon-nomatch-90c06f-2026": Code.TCB_NO_LEVEL,
    "tdx-v4-DEBUG-50806f": Code.TD_DEBUG,
    "sgx-v3-DEBUG-00606a": Code.TD_DEBUG,
    "azure-tdx-v4-septve-00806f": Code.TD_SEPT_VE,
    "alibaba-tdx-v5-mrservicetd-90c06f": Code.TD_SERVICE_TD,
    "intel-qvl-sample-tdx-testroot": Code.TCB_INFO_MALFORMED,  # SVNs above 255, which the engine cannot read
}
STATUSES = {
    "tdx-v4-uptodate-b0c06f": "UpToDate",
    "tdx-v5-td15ex-b0c06f": "UpToDate",
    "sgx-v3-confswhardening-00a067": "ConfigurationAndSWHardeningNeeded",
    "gcp-cos113-tdx-v4-uptodate-2025-02": "UpToDate",
    "gcp-cos113-tdx-v4-outofdate-2026-02": "OutOfDate",
    "tdx-v5-td15-uptodate-90c06f": "UpToDate",
    "tdx-v4-outofdate-noadvisory-00a06d": "OutOfDate",
    "tdx-v4-perfmon-uptodate-90c06f-2024": "UpToDate",
    "tdx-v4-outofdate-00806f": "OutOfDate",
    "sgx-v3-swhardening-00606a": "SWHardeningNeeded",
    "sgx-v3-flip-outofdate-00606a-2025-08": "OutOfDate",
    "sgx-v3-flip-swhardening-00606a-2024-07": "SWHardeningNeeded",
    "dstack-quote-report-90c06f": "UpToDate",
    "dstack-tdx-lite-90c06f": "UpToDate",
    "tdx-v4-uptodate-20a06f": "UpToDate",
}
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no vectors at {FOLDER}; set ASSAY_VECTORS")


@pytest.mark.parametrize(("name", "status"), STATUSES.items())
def test_a_genuine_quote_gets_its_tcb_status_under_intels_root(name: str, status: str) -> None:
    meta, quote, trust, at = vector(name)
    lenient = Policy(tees=EITHER_TEE.tees, statuses=frozenset({status}), grace_s=100 * 365 * 86400)
    verdict = judge_quote(quote, trust, at, lenient)
    assert (verdict.problems, verdict.status, verdict.root_key_id) == ((), status, INTEL_ROOT_KEY_ID)
    assert sorted(verdict.advisories) == sorted(meta["measured"]["advisory_ids"])


@pytest.mark.parametrize(("name", "status"), STATUSES.items())
def test_the_default_policy_takes_current_platforms_only(name: str, status: str) -> None:
    _, quote, trust, at = vector(name)
    assert judge_quote(quote, trust, at, EITHER_TEE).accepted == (status == "UpToDate")


@pytest.mark.parametrize(("name", "code"), REJECTED.items())
def test_a_quote_that_must_fail_fails_for_its_reason(name: str, code: Code) -> None:
    _, quote, trust, at = vector(name)
    assert judge_quote(quote, trust, at, EITHER_TEE).code is code


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("azure-tdx-v4-septve-00806f", "OutOfDate"),
        ("alibaba-tdx-v5-mrservicetd-90c06f", "OutOfDate"),
        ("tdx-v4-DEBUG-50806f", "UpToDate"),
        ("sgx-v3-DEBUG-00606a", "OutOfDate"),
    ],
)
def test_what_the_engine_refuses_outright_is_told_by_our_own_code(name: str, status: str) -> None:
    _, quote, trust, at = vector(name)
    verdict = judge_quote(quote, trust, at, policy_of(specs.policy("inspect")))
    assert (verdict.problems, verdict.status, verdict.engine) == ((), status, "assay")
    assert verdict.root_key_id == INTEL_ROOT_KEY_ID


@pytest.mark.parametrize("name", [*STATUSES, *REJECTED])
def test_a_bare_quote_gets_what_the_readme_of_the_vectors_expects(name: str) -> None:
    _, quote, trust, at = vector(name)
    verdict = judge_quote(quote, trust, at, policy_of(specs.policy("genuine")))
    assert verdict.accepted == (name in STATUSES)
    assert name not in STATUSES or verdict.status == STATUSES[name]


@pytest.mark.parametrize("name", STATUSES)
def test_no_machine_of_the_field_meets_the_strict_policy(name: str) -> None:
    _, quote, trust, at = vector(name)
    assert not judge_quote(quote, trust, at, policy_of(specs.policy("strict"))).accepted


@pytest.mark.parametrize("name", STATUSES)
def test_no_vector_is_accepted_after_its_collateral_ended(name: str) -> None:
    _, quote, trust, _ = vector(name)
    assert not judge_quote(quote, trust, datetime(2026, 11, 20, tzinfo=UTC), EITHER_TEE).accepted


@pytest.mark.parametrize(
    ("name", "file"),
    [("dstack-quote-report-90c06f", "quote-report.json"), ("dstack-tdx-lite-90c06f", "tdx-lite-getquote.json")],
)
def test_a_genuine_dstack_log_replays_to_its_quote(name: str, file: str) -> None:
    _, quote, trust, at = vector(name)
    document = json.loads((FOLDER / name / file).read_text())
    measured = judge_quote(quote, trust, at).measurements
    replayed = replay(json.loads(document["event_log"]))
    assert replayed.problems == ()
    assert replayed.against([bytes.fromhex(measured[f"rt_mr{n}"]) for n in range(4)]) == []


def vector(name: str) -> tuple[dict[str, Any], bytes, Trust, datetime]:
    folder = FOLDER / name
    meta = json.loads((folder / "meta.json").read_text())
    root = folder / "root_ca.der"
    trust = Trust((folder / "collateral.json").read_text(), root.read_bytes() if root.exists() else None, name)
    return meta, (folder / "quote.bin").read_bytes(), trust, datetime.fromtimestamp(meta["verify_at"], UTC)
