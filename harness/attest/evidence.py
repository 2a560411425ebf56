"""What any evidence format boils down to. Adapters make it; the judge reads nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.attest.scheme import Scheme
from harness.attest.tpm import TpmQuote

MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
MAX_ATTESTATIONS = 64


@dataclass(frozen=True)
class GpuDevice:
    """One GPU's SPDM request and report, and its certificate chain as PEM; nothing of it is checked yet."""

    evidence: bytes
    certificate: bytes
    arch: str


@dataclass(frozen=True)
class Tokens:
    """Answers of NVIDIA's attestation service, not verified: one overall token and one for each device."""

    format: str
    raw: bytes
    overall: str
    devices: Mapping[str, str]
    wrapper: str | None = None  # the SDK's own token, signed with a key that everybody has

    @property
    def answer(self) -> bytes:
        """In the form in which the service itself gives them."""
        return json.dumps([["JWT", self.overall], dict(self.devices)], separators=(",", ":")).encode()


@dataclass(frozen=True)
class Evidence:
    """One attested machine. Everything but `quote` is what the server says, until something proves it."""

    format: str
    raw: bytes  # the document as it came off the wire
    quote: bytes
    scheme: Scheme  # what report_data binds; `nonce` is filled in by the judge
    fields: Mapping[str, bytes]  # what the scheme binds, besides the nonce
    event_log: tuple[Any, ...] | None = None  # dstack's
    ccel: bytes | None = None  # the firmware's: of the whole machine, or of RTMR0 to RTMR2 beside a dstack log
    has_log: bool = True  # whether the format carries a log at all
    copies: tuple[bytes, ...] = ()  # the quote as other members of the document give it
    runs_models: bool = True  # not a gateway or a manager, which need no GPU
    beside: bytes | None = None  # the quote of the domain that this part says it runs in
    gpu: tuple[GpuDevice, ...] = ()
    tokens: Tokens | None = None  # what NVIDIA's service said about the GPUs
    tpm: TpmQuote | None = None  # signed by a key that report_data binds
    echoed: tuple[bytes, ...] = ()  # the challenge, wherever the document repeats it
    public_key: bytes | None = None  # 64 bytes x and y, or 32 of Ed25519: the key whose address is bound
    compose: str | None = None  # the text whose hash was measured
    measured_claims: tuple[tuple[str, str], ...] = ()  # field of the TD report and its hex, each time it is said
    event_claims: tuple[tuple[str, str], ...] = ()  # event name and the hex of its payload
    says: Mapping[str, str] = field(default_factory=dict)  # statements nothing in the evidence can prove
