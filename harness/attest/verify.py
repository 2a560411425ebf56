"""Judges evidence as a whole and says what it proves, what is only claimed and what nobody could know from it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from Crypto.Hash import keccak

from harness.attest import eventlog
from harness.attest.ccel import replay_ccel
from harness.attest.channel import ChannelBinding, judge_channel
from harness.attest.collateral import INTEL_ROOT_KEY_ID, Trust
from harness.attest.evidence import Evidence
from harness.attest.instances import beside
from harness.attest.policy import DEFAULT, Policy
from harness.attest.quote import judge_quote
from harness.attest.tie import TieVerdict, judge_tie
from harness.attest.tpm import judge_tpm
from harness.attest.verdict import Code, Problem, Verdict

UNKNOWABLE = (
    "Whether the GPU that answers is attached to this TD: no hardware ties the two, at most a shared nonce does.",
    "Which weights the model runs: no register measures them, only the text that names them.",
    "Whether somebody with hands on the machine extracted its keys: attestation cannot see that.",
    "Whether this very answer was computed inside the TD, unless the answer is signed with the bound key.",
)

MIN_CHALLENGE_BYTES = 8  # shorter ones can be answered before they are asked
_WEAKENING = {"debug": 1 << 0, "profiling": 0b111 << 4, "migration": 1 << 29}  # bits of the TD attributes


@dataclass(frozen=True)
class Report:
    quote: Verdict
    problems: tuple[Problem, ...]  # the quote's first, then those of binding, log and claims
    proven: tuple[str, ...]
    claimed: tuple[str, ...]
    tie: TieVerdict  # what ties the GPU evidence to the quote
    channel: ChannelBinding  # whether the TLS certificate of the connection is the bound one
    unheld: str | None = None  # why the quote vouches for nothing that the document says
    unknowable: tuple[str, ...] = UNKNOWABLE

    @property
    def accepted(self) -> bool:
        return not self.problems

    @property
    def codes(self) -> tuple[Code, ...]:
        return tuple(problem.code for problem in self.problems)


def verify(
    evidence: Evidence,
    trust: Trust,
    nonce: bytes,
    at: datetime,
    policy: Policy = DEFAULT,
    certificate: bytes | None = None,
) -> Report:
    """`nonce` is the challenge that was sent; `at` is aware; `certificate` is the DER of the leaf that the connection
    showed, where there was one. Never raises on bad evidence."""
    verdict = judge_quote(evidence.quote, trust, at, policy)
    body = {name: bytes.fromhex(value) for name, value in verdict.measurements.items()}
    bound = [*_binding(evidence, nonce, body), *_key(evidence)]
    replayed = _replayed(evidence)
    logged = [*_log(evidence, replayed, body), *_expected_events(replayed, policy)]
    unheld = _unheld(verdict, bound)
    tie = judge_tie(evidence, nonce, replayed.named if replayed and not logged else {}, unheld)
    channel, off_channel = judge_channel(evidence.scheme, evidence.fields, certificate, held=unheld is None)
    contradicted = [*_claims(evidence, verdict, replayed), *_compose(evidence, replayed, body)]
    refused = _demands(evidence, channel, policy)
    problems = (*verdict.problems, *bound, *logged, *contradicted, *tie.problems, *off_channel, *refused)
    proven = _proven(evidence, verdict, nonce, bound, logged, contradicted) if verdict.accepted else ()
    return Report(verdict, problems, proven, _claimed(evidence, verdict, replayed), tie, channel, unheld)


def _demands(evidence: Evidence, channel: ChannelBinding, policy: Policy) -> Iterator[Problem]:
    """What a policy wants bound. Formats of one layout cannot be told apart by the quote: whoever relays evidence of
    one as the other drops what only the first binds."""
    if policy.schemes and evidence.scheme.name not in policy.schemes:
        taken = ", ".join(sorted(policy.schemes))
        yield Problem(Code.POLICY_SCHEME, f"the evidence binds by {evidence.scheme.name}, the policy takes {taken}")
    if policy.channel == "named" and channel in (ChannelBinding.NOT_BOUND, ChannelBinding.NOT_HELD):
        yield Problem(Code.POLICY_CHANNEL, f"the policy wants a TLS key that the quote binds, and none is: {channel}")


def _unheld(verdict: Verdict, bound: list[Problem]) -> str | None:
    """Why the quote does not vouch for what the document says, whatever its TCB status; None where it does."""
    if verdict.engine is None:
        return f"the quote is not shown to be genuine: {verdict.code}"
    if any(problem.code in (Code.BINDING_MISMATCH, Code.BINDING_MALFORMED) for problem in bound):
        return "the quote's report data does not hold what the evidence says that it binds"
    return None


def _binding(evidence: Evidence, nonce: bytes, body: dict[str, bytes]) -> Iterator[Problem]:
    """The echo in the JSON proves nothing, but a wrong one is a fault of its own."""
    wrong = [echo.hex() for echo in evidence.echoed if not hmac.compare_digest(echo, nonce)]
    if wrong:
        yield Problem(Code.NONCE_NOT_ECHOED, f"sent {nonce.hex()}, the report repeats {' and '.join(wrong)}")
    if len(nonce) < MIN_CHALLENGE_BYTES:
        yield Problem(Code.NONCE_UNBOUND, f"a challenge of {len(nonce)} bytes can be guessed, so nothing shows the age")
    if "report_data" in body:
        yield from evidence.scheme.judge({**evidence.fields, "nonce": nonce}, body["report_data"])
    if any(copy != evidence.quote for copy in evidence.copies):
        yield Problem(Code.EVIDENCE_INCONSISTENT, "the document holds two quotes that differ where it should hold one")
    yield from beside(evidence)
    if evidence.tpm is not None:
        yield from judge_tpm(evidence.tpm)


def _replayed(evidence: Evidence) -> eventlog.Replay | None:
    if evidence.event_log is not None:
        return eventlog.replay(evidence.event_log)
    return replay_ccel(evidence.ccel) if evidence.ccel is not None else None


def _key(evidence: Evidence) -> Iterator[Problem]:
    """An Ethereum address is the end of the key's hash; an Ed25519 key is its own address."""
    key, bound = evidence.public_key, evidence.fields.get("address", b"")
    if key is None:
        return
    address = key if len(bound) == 32 else keccak.new(digest_bits=256, data=key).digest()[12:]
    if address != bound:
        yield Problem(Code.KEY_ADDRESS_MISMATCH, f"the public key has address 0x{address.hex()}")


def _log(evidence: Evidence, replayed: eventlog.Replay | None, body: dict[str, bytes]) -> list[Problem]:
    if replayed is None and not evidence.has_log:
        return []
    if replayed is None:
        return [Problem(Code.EVENTLOG_MISSING, "no event log: the RTMRs cannot be explained")]
    if "rt_mr0" not in body:
        return list(replayed.problems)
    quoted = [body[f"rt_mr{n}"] for n in range(4)]
    return [*replayed.problems, *replayed.against(quoted), *_firmware_log(evidence, quoted)]


def _firmware_log(evidence: Evidence, quoted: list[bytes]) -> Iterator[Problem]:
    """Beside a log of the application the firmware's own ends where the kernel takes over: RTMR3 is not its affair."""
    if evidence.ccel is not None and evidence.event_log is not None:
        told = replay_ccel(evidence.ccel)
        yield from told.problems
        yield from told.against([*quoted[:3], told.registers[3]])


def _expected_events(replayed: eventlog.Replay | None, policy: Policy) -> Iterator[Problem]:
    """System events whose payload the policy pins; one that is absent is not one of the values taken."""
    for name, allowed in sorted(policy.events.items()):
        logged = replayed.named.get(name) if replayed else None
        if logged is None or logged.hex() not in allowed:
            found = "absent" if logged is None else logged.hex()
            yield Problem(Code.MEASUREMENT_UNEXPECTED, f"event {name} is {found}")


def _claims(evidence: Evidence, verdict: Verdict, replayed: eventlog.Replay | None) -> Iterator[Problem]:
    for name, said in evidence.measured_claims:
        found = verdict.measurements.get(name)
        if found is not None and said != found:
            yield Problem(Code.CLAIM_CONTRADICTED, f"the report says {name} is {said}, the quote says {found}")
    for name, said in evidence.event_claims:
        logged = replayed.named.get(name) if replayed else None
        if logged is not None and said != logged.hex():
            yield Problem(Code.CLAIM_CONTRADICTED, f"the report says {name} is {said}, the log says {logged.hex()}")


def _compose(evidence: Evidence, replayed: eventlog.Replay | None, body: dict[str, bytes]) -> Iterator[Problem]:
    """The compose text is what the operator says runs; RTMR3 must hold its hash, and mr_config_id where that is set."""
    if evidence.compose is None or replayed is None:
        return
    digest = hashlib.sha256(evidence.compose.encode("utf-8", "surrogatepass")).digest()
    measured = replayed.named.get("compose-hash")
    if measured != digest:
        found = measured.hex() if measured is not None else "absent"
        yield Problem(Code.COMPOSE_MISMATCH, f"app_compose hashes to {digest.hex()}, compose-hash is {found}")
    # older guests leave mr_config_id at zero; then RTMR3 alone carries the hash
    if body.get("mr_config_id", bytes(48)) not in (bytes(48), b"\x01" + digest + bytes(15)):
        reason = f"mr_config_id {body['mr_config_id'].hex()} does not hold the hash of app_compose"
        yield Problem(Code.CONFIG_ID_MISMATCH, reason)


def _proven(
    evidence: Evidence,
    verdict: Verdict,
    nonce: bytes,
    bound: list[Problem],
    logged: list[Problem],
    contradicted: list[Problem],
) -> tuple[str, ...]:
    intel = verdict.root_key_id == INTEL_ROOT_KEY_ID
    root = "Intel's root" if intel else "a TEST root, not Intel's"
    proven = [f"A TDX machine of FMSPC {verdict.fmspc} under {root}, made this quote; TCB status {verdict.status}."]
    proven.append(_domain(verdict))
    if not bound:
        address = evidence.fields["address"].hex() if "address" in evidence.fields else "named in the evidence"
        proven.append(f"It was made for nonce {nonce.hex()[:16]}..., by a TD that names the key {address}.")
    if evidence.has_log and not logged:
        proven.append("The event log is the one that was measured: all four RTMRs replay.")
    if evidence.has_log and not logged and not contradicted and evidence.compose is not None:
        proven.append("The app_compose text is the one that was measured at boot.")
    return tuple(proven)


def _domain(verdict: Verdict) -> str:
    """What the attributes say: a policy may take domains that this sentence does not praise."""
    bits = int.from_bytes(bytes.fromhex(verdict.measurements.get("td_attributes", "")), "little")
    weak = [name for name, mask in _WEAKENING.items() if bits & mask]
    if not weak:
        return "The trust domain runs without debug, profiling or migration."
    return f"The trust domain runs with {', '.join(weak)}: its memory is not its own."


def _claimed(evidence: Evidence, verdict: Verdict, replayed: eventlog.Replay | None) -> tuple[str, ...]:
    claims = [f"{name}: {value}" for name, value in sorted(evidence.says.items())]
    measured = replayed.named if replayed else {}
    unlogged = [(name, said) for name, said in evidence.event_claims if name not in measured]
    claims += [f"{name}: {said} (no measured event says so)" for name, said in dict.fromkeys(unlogged)]
    if not evidence.has_log:
        claims.append("What the RTMRs measure: this format carries no event log.")
    if verdict.unpinned:
        named = ", ".join(verdict.unpinned)
        claims.append(f"Unpinned: policy {verdict.policy} has no reference values to compare for {named}.")
    claims.append("Names and payloads of boot events in RTMR0 to RTMR2: only their digests are measured.")
    return tuple(claims)
