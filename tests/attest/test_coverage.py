"""Nothing in the lists is forgotten: every vector file and every known attack is tested, or it is said why not.

`pytest -s` prints the tables.
"""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest

from tests.attest.test_vectors import FOLDER

VECTORS = FOLDER.parent
RESEARCH = VECTORS.parent / "research"
HERE = Path(__file__).parent
needs_vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason=f"no vectors at {VECTORS}; set ASSAY_VECTORS")
needs_lists = pytest.mark.skipif(not RESEARCH.is_dir(), reason=f"no attack lists at {RESEARCH}")

# Files that no test names, by pattern: the test that reads them by their folder, or why there is nothing to judge.
BY_FOLDER = {
    "gpu/google/ocsp/*": "test_vectors_rim.py reads the folder",
    "gpu/google/rim-malformed/*": "test_vectors_rim.py reads the folder",
    "tdx/ccel-extra/*": "test_ccel.py reads the folder",
}
NO_EVIDENCE = {
    "*/README.md": "documentation",
    "bundles/voltage-verify/third-party/NOTICE.txt": "documentation",
    "bundles/voltage-verify/third-party/tdx_prod_quote_SPR_E4.dat": "the quote of tdx-v4-nomatch-50806f-spr-e4",
    "bundles/voltage-verify/intel_collateral_90c06f000000_2026-09-12.json": "collateral of machines tested in tdx/",
    "bundles/voltage-verify/intel_sgx_root_ca.pem": "Intel's root, which is pinned by its key",
    "gpu/nvidia-wheel/swidSchema2015.xsd": "a schema, which says less than our reading of the manifests",
    "gpu/nvidia-wheel/verifier_RIM_root.pem": "the root that test_vectors_gpu.py takes from nvidia-sdk/rim_root.crt",
    "gpu/nvidia-sdk/spdm_req_parsed_output.json": "a reading of the request, part of the report that is compared whole",
    "gpu/nvidia-sdk/sample/hopperClaimsv3_decoded.json": "claims without a signature: nothing can be proven by them",
    "gpu/nvidia-sdk/sample/switch_decoded.json": "claims without a signature: nothing can be proven by them",
    "gpu/trustee/hopperAttestationReport-claims.txt": "claims without a signature: nothing can be proven by them",
    "tdx/amd-snp-milan-go-sev-guest/*": "AMD's SEV-SNP, which no contract of ours offers; refused as no known format",
}

# Rows of the attack lists that no case of the tables carries by its id.
ELSEWHERE = {
    "G23": "AT-024 and test_adapters.py: report_data of zeros binds no nonce; without one it is told unjudged",
    "K02": "test_ccel.py: a log without its padding replays to the same registers",
    "K07": "test_ccel.py and mutations: a log without its last event replays to other registers",
    "K11": "test_ccel.py: EV_NO_ACTION extends nothing, and no event of a boot log is ever named as proven",
    "K13": "test_ccel.py: an algorithm that the header does not declare is malformed",
    "K14": "test_ccel.py: an event longer than the log is malformed",
    "K16": "test_ccel.py: another signature of the header is malformed",
    "K17": "test_ccel.py: another digest size is malformed",
    "K19": "test_ccel.py: an empty log is malformed",
    "BND-01": "AT-021: each call must bind its own nonce; one answer alone cannot show that a nonce was used twice",
    "BND-04": "AT-023 and test_adapters.py: a key beside an address that is not its own",
    "BND-13": "test_attacks_tdx.py: other TEEs and versions",
    "BND-14": "test_mutations_many.py: truncated quotes",
    "OKS-10": "test_adapters.py: dstack with the address alone, and NEAR with address and TLS certificate",
    "X-01": "not expressible: a forged quote by an extracted key is valid; a policy can pin PPID and FMSPC",
    "X-03": "not expressible: a relay to another GPU leaves no trace; every report says so under `unknowable`",
    "X-05": "AT-082: a stale GPU answers another nonce; a boot-time claim alone is told as `measured launcher`",
    "X-07": "test_vectors_gpu.py: gpu_attestation_h100.json has alg none",
    "X-08": "test_tampers_gpu.py NRA-02: HS256 is never taken",
    "X-10": "test_tampers_gpu.py: a signed token with error details is a rejection",
    "X-11": "test_tampers_gpu.py: another issuer",
    "X-12": "test_tampers_gpu.py and test_adapters_real.py: the chain of the key is judged, its issuer pinned",
    "X-15": "test_tampers_gpu.py: rim.not_found is a rejection by every policy that requires reference values",
    "X-17": "test_tampers_gpu.py: a certificate on hold; the real device's answer needs a live responder",
    "X-19": "not expressible: a slice of a GPU signs as the whole; a policy can demand the number of GPUs",
    "X-21": "test_tampers_gpu.py RIM-20: another product",
    "X-23": "AT-083: one GPU in two instances; across providers nobody compares",
}


def sources() -> str:
    paths = sorted(path for path in HERE.rglob("*.py") if path.name != Path(__file__).name)
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


@needs_vectors
def test_every_vector_file_is_judged_or_it_is_said_why_not() -> None:
    text, missed, named = sources(), [], 0
    reasons = {**BY_FOLDER, **NO_EVIDENCE}
    for path in sorted(path for path in VECTORS.rglob("*") if path.is_file()):
        name = path.relative_to(VECTORS).as_posix()
        folder = path.parent.name if name.startswith("tdx/") else None
        if path.stem in text or (folder is not None and folder in text):
            named += 1
        elif not any(fnmatch.fnmatch(name, pattern) for pattern in reasons):
            missed.append(name)
    print(f"{named} vector files are named by a test")  # noqa: T201 - a table for whoever reads along
    assert not missed, f"no test judges {', '.join(missed)}"


@needs_lists
@pytest.mark.parametrize("name", ["tdx-attacks.md", "gpu-tampers.md"])
def test_every_row_of_an_attack_list_is_a_case_or_it_is_said_why_not(name: str) -> None:
    text = sources()
    rows = re.findall(r"^\| *([A-Z]+-?\d+[a-z]?) *\|", (RESEARCH / name).read_text(encoding="utf-8"), re.MULTILINE)
    cases = [row for row in rows if re.search(rf"\b{re.escape(row)}\b", text)]
    missed = [row for row in rows if row not in cases and row not in ELSEWHERE]
    print(f"{name}: {len(cases)} of {len(rows)} rows are cases by id; elsewhere:")  # noqa: T201
    for row in rows:
        if row not in cases and row in ELSEWHERE:
            print(f"  {row:7} {ELSEWHERE[row]}")  # noqa: T201
    assert len(rows) > 100
    assert not missed, f"neither a case nor a reason for {', '.join(missed)}"


@pytest.mark.parametrize("row", sorted(ELSEWHERE))
def test_a_reason_names_a_test_that_exists(row: str) -> None:
    named = re.findall(r"test_\w+\.py", ELSEWHERE[row])
    assert all((HERE / name).exists() for name in named)
    assert named or "AT-" in ELSEWHERE[row] or "not expressible" in ELSEWHERE[row]
