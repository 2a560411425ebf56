"""What evidence is judged by, and what is asked of it. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from harness.attest import Policy, Trust
from harness.attest.gpu import GpuPolicy, GpuTrust
from harness.attest.gpu.policy import DEFAULT
from harness.attest.gpu.token import TokenTrust


class Missing(Exception):
    """The evidence can be read, but what it would be judged by was not given."""


@dataclass(frozen=True)
class Anchors:
    """What evidence is judged by, as far as it was given."""

    quotes: Trust | None = None
    gpus: GpuTrust | None = None
    tokens: TokenTrust | None = None


@dataclass(frozen=True)
class Question:
    nonce: bytes | None
    at: datetime
    policy: Policy
    gpu_policy: GpuPolicy = DEFAULT
    certificate: bytes | None = None  # DER of the leaf of the connection that the evidence came over

    def challenge(self) -> bytes:
        """Raises Missing."""
        if self.nonce is None:
            raise Missing("this evidence answers a challenge: say which one was sent with --nonce HEX")
        return self.nonce
