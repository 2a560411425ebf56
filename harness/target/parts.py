"""A deployment to judge, as its target file describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from harness.target.secret import Secret, in_header


@dataclass(frozen=True)
class Timeouts:
    connect_s: float = 5
    first_byte_s: float = 30  # from the request's start to the complete response head
    idle_s: float = 30  # between two reads of the body
    total_s: float = 120


@dataclass(frozen=True)
class Limits:
    concurrency: int = 8
    max_body_bytes: int = 16 * 1024 * 1024
    max_events: int = 20_000
    max_json_depth: int = 64


@dataclass(frozen=True)
class Spend:
    cap_usd: Decimal = Decimal("1.00")
    assumed_usd_per_million_tokens: Decimal = Decimal(20)


@dataclass(frozen=True)
class ControlPoint:
    url: str
    token: Secret


@dataclass(frozen=True)
class BalancePoint:
    url: str
    pointer: str
    unit: str = "usd"
    account: str | None = None
    drain_s: float = 2


@dataclass(frozen=True)
class CostPoint:
    """Where a deployment states what requests cost; `source` is header, lookup or usage."""

    source: str
    header: str | None = None
    url: str | None = None  # with {id} in it for a lookup
    id: str = "request"  # or completion
    pointer: str | None = None
    unit: str = "usd"


@dataclass(frozen=True)
class EvidencePoint:
    url: str
    format: str
    trust: Path | None = None
    test_roots: bool = False
    gpus: int | None = None  # that each instance must show; None: unknown
    policy: str | Path = "field"  # name of a shipped one, or a file


@dataclass(frozen=True)
class Target:
    """A deployment to judge."""

    name: str
    base_url: str  # without a trailing slash
    contract: str | None = None
    keys: Mapping[str, Secret] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    ca_bundle: Path | None = None
    clock_ahead: timedelta = timedelta()  # how far the time to judge by is ahead of this machine's
    private: Mapping[str, Secret] = field(default_factory=dict)  # texts, such as prompts, that nothing may keep
    names: Mapping[str, str] = field(default_factory=dict)  # what contracts ask for and no operation tells
    default_model: str | None = None
    models: Mapping[str, str] = field(default_factory=dict)  # of other kinds: embedding, image, completion
    tokenizer: Path | None = None  # of that model
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    spend: Spend = Spend()
    control: ControlPoint | None = None
    upstream: ControlPoint | None = None  # of a provider of ours behind the deployment
    balance: BalancePoint | None = None
    costs: CostPoint | None = None
    evidence: EvidencePoint | None = None
    path: Path | None = None

    @property
    def host_url(self) -> str:
        """Scheme and authority of the base URL."""
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc}"

    def now(self) -> datetime:
        """The time to judge by: this machine's, or one that the file sets and that runs on from there."""
        return datetime.now(UTC) + self.clock_ahead

    @property
    def test_roots(self) -> bool:
        return self.evidence is not None and self.evidence.test_roots

    def capabilities(self) -> frozenset[str]:
        """What it offers: control, upstream, balance, costs, tokenizer, evidence, and keys beside the main one."""
        points = {
            "control": self.control,
            "upstream": self.upstream,
            "balance": self.balance,
            "costs": self.costs,
            "tokenizer": self.tokenizer,
            "evidence": self.evidence,
        }
        offered = {name for name, point in points.items() if point is not None}
        return frozenset(offered | (self.keys.keys() - {"main"}))

    def secrets(self) -> tuple[Secret, ...]:
        """What must not be kept: keys, private texts, control tokens, headers that look like a credential."""
        headers = (found for name, value in self.headers.items() for found in in_header(name, value))
        tokens = [point.token for point in (self.control, self.upstream) if point is not None]
        return (*self.keys.values(), *self.private.values(), *tokens, *headers)
