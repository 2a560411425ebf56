"""Evidence for the tests: a test platform, honest or with single decisions changed, at a fixed moment."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from harness.attest import Evidence, Report, Trust, Verdict, judge_quote, verify
from harness.attest.adapters import dstack
from mockserver.tee import Decisions, Platform
from mockserver.tee.pki import derive_key, sign_raw

SEED = b"attestation tests"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=400)
MODEL = "deepseek-ai/DeepSeek-V3-TEE"
NONCE = bytes(range(100, 132))
HONEST = Platform(SEED, lambda: NOW)


def platform(**decisions: Any) -> Platform:
    return Platform(SEED, lambda: NOW, Decisions(**decisions)) if decisions else HONEST


def no_gpus(_: Any) -> None:
    """A `gpu_payload` decision: evidence of the trust domain alone."""


def trust_in(machine: Platform) -> Trust:
    return Trust(json.dumps(machine.collateral()), machine.root_der(), "test platform")


def quote_of(machine: Platform, nonce: bytes = NONCE) -> bytes:
    return bytes.fromhex(machine.report(MODEL, nonce)["intel_quote"])


def evidence_of(machine: Platform, nonce: bytes = NONCE, algo: str = "ecdsa") -> Evidence:
    return dstack.parse(json.dumps(machine.report(MODEL, nonce, algo)).encode())[0]


def judged(**decisions: Any) -> Verdict:
    machine = platform(**decisions)
    return judge_quote(quote_of(machine), trust_in(machine), NOW)


def verified(**decisions: Any) -> Report:
    machine = platform(**decisions)
    return verify(evidence_of(machine), trust_in(machine), NONCE, NOW)


def flipped(raw: bytes, at: int, mask: int = 1) -> bytes:
    changed = bytearray(raw)
    changed[at] ^= mask
    return bytes(changed)


def resigned(member: str, change: Callable[[dict[str, Any]], object], signer: str = "tcb-signing") -> Any:
    """A `collateral` decision: edit a signed statement and sign it again with one of the platform's keys."""

    def rewrite(members: dict[str, str]) -> dict[str, str]:
        document = json.loads(members[member])
        change(document)
        text = json.dumps(document, separators=(",", ":"))
        return {**members, member: text, f"{member}_signature": sign_raw(derive_key(SEED, signer), text.encode()).hex()}

    return rewrite
