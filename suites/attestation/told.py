"""What the report says of the first evidence that a run fetched. Decides nothing: the checks do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import appraisal
from harness.attest.collateral import Trust
from harness.attest.gpu import gpu_policy_of, load_gpu_trust
from harness.attest.policy import policy_of
from harness.judge.evidence import sent_nonce
from harness.wire.exchange import Exchange


def told(answer: Exchange, folder: Path, trust: Trust, policy: dict[str, Any]) -> dict[str, Any]:
    """`attestation` of results.json: the appraisal as `assay attest verify --json` gives it, and its exchange."""
    gpus = load_gpu_trust(folder) if (folder / "device_root.pem").exists() else None
    nonce, at = bytes.fromhex(sent_nonce(answer) or ""), datetime.fromisoformat(answer.started).astimezone(UTC)
    asked = appraisal.Question(nonce, at, policy_of(policy), gpu_policy_of(policy), answer.certificate)
    try:
        found = appraisal.of_document(answer.body, appraisal.Anchors(trust, gpus), asked).document
    except appraisal.Missing as missing:
        return {"exchange": answer.id, "unjudged": [str(missing)]}
    return {"exchange": answer.id, **found}
