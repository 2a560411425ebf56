"""What the evidence of a run proves, judged from its folder alone: measurements, TLS keys, and whose roots say so."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import specs
from harness import appraisal
from harness.attest import Rejected, load_trust, policy_of
from harness.attest.certificates import root_key_id
from harness.attest.collateral import INTEL_ROOT_KEY_ID
from harness.attest.gpu import gpu_policy_of, load_gpu_trust
from harness.attest.gpu.token import TokenTrust
from harness.judge.evidence import is_evidence, sent_nonce
from harness.record.deployment import SavedTarget
from harness.target import EvidencePoint
from harness.wire.exchange import Exchange

MEASURED = ("mr_td", "mr_config_id", "mr_owner", "mr_owner_config", "rt_mr0", "rt_mr1", "rt_mr2", "rt_mr3")
ROOTS = ("root.der", "device_root.pem", "rim_root.pem", "jwks.json")


def attestation(target: SavedTarget, exchanges: Iterable[Exchange]) -> dict[str, Any] | None:
    """What accepted evidence says; None where the target names no endpoint of evidence, or nothing to judge it by."""
    point = target.evidence
    if point is None or point.trust is None:
        return None
    anchors = appraisal.Anchors(
        load_trust(point.trust),
        load_gpu_trust(point.trust) if (point.trust / "device_root.pem").exists() else None,
        TokenTrust((point.trust / "jwks.json").read_bytes()) if (point.trust / "jwks.json").exists() else None,
    )
    document = specs.policy(point.policy)
    policies = policy_of(document), gpu_policy_of(document)
    seen = [x for x in exchanges if is_evidence(x)]
    accepted = [part for x in seen for part in _parts(x, anchors, policies)]
    measured = [part["measurements"] for part in accepted if "measurements" in part]
    sets = {tuple((name, one[name]) for name in MEASURED if name in one) for one in measured}
    return {
        "test_roots": point.test_roots or laboratory(point),
        "trust_roots": _roots(point),
        "policy": _policy(point, document),
        "evidence": len(seen),
        "accepted": len(accepted),
        "measurements": [dict(one) for one in sorted(sets)],
    }


def _policy(point: EvidencePoint, document: Mapping[str, Any]) -> str:
    """Its name. One that is not shipped may call itself as it likes, and may allow anything."""
    if isinstance(point.policy, str):
        return point.policy
    return f"{document['name']}, NOT a shipped policy: {point.policy.name} with SHA-256 {_digest(point.policy)}"


def laboratory(point: EvidencePoint | None) -> bool:
    """Whether evidence is judged by other roots than Intel's and NVIDIA's, whatever the target file says of them.

    Raises OSError, ValueError for what is no certificate.
    """
    if point is None or point.trust is None:
        return False
    root = point.trust / "root.der"
    if root.is_file() and root_key_id(x509.load_der_x509_certificate(root.read_bytes())) != INTEL_ROOT_KEY_ID:
        return True
    return (point.trust / "device_root.pem").is_file() and load_gpu_trust(point.trust).test_roots


def tls_keys(exchanges: Iterable[Exchange]) -> list[str]:
    """SHA-256 of the public keys (SubjectPublicKeyInfo) that the target's connections showed."""
    leaves = {x.certificate for x in exchanges if x.certificate is not None}
    return sorted({_spki(leaf) for leaf in leaves})


def _parts(x: Exchange, anchors: appraisal.Anchors, policies: tuple[Any, Any]) -> Iterable[dict[str, Any]]:
    try:
        nonce = bytes.fromhex(sent_nonce(x) or "")
        at = datetime.fromisoformat(x.started).astimezone(UTC)
        found = appraisal.of_document(x.body, anchors, appraisal.Question(nonce, at, *policies, x.certificate))
    except (ValueError, Rejected, appraisal.Missing):
        return []
    return [dict(part) for part in found.parts] if found.verdict == "accepted" else []


def _roots(point: EvidencePoint) -> list[dict[str, str]]:
    assert point.trust is not None
    given = [{"name": name, "sha256": _digest(point.trust / name)} for name in ROOTS if (point.trust / name).is_file()]
    intel = {"name": "Intel SGX/TDX root, as this harness carries it", "key_sha384": INTEL_ROOT_KEY_ID}
    return given if (point.trust / "root.der").is_file() else [intel, *given]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _spki(leaf: bytes) -> str:
    key = x509.load_der_x509_certificate(leaf).public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
