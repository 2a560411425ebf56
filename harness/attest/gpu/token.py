"""Judges an answer of NVIDIA's attestation service: an overall token and one detached token for each device.

The service repeats a judgement; its token proves what the service said, about which device and for which nonce.
A refusal is signed too, so a valid signature says nothing by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.attest.gpu.jwt import Jwt, digest, read
from harness.attest.gpu.payload import MAX_PAYLOAD_BYTES, load
from harness.attest.verdict import Code, Problem, Rejected

ISSUER = "https://nras.attestation.nvidia.com"
_SUBJECT = "NVIDIA-PLATFORM-ATTESTATION"
_MAX_DEVICES = 64
_SKEW_S = 30
_DIGESTS = ("SHA-256", "SHA256")
_SUCCESS = ("success", "comparison-successful")
_COMMON = (
    "arch-check",
    "attestation-report-parsed",
    "attestation-report-nonce-match",
    "attestation-report-signature-verified",
)
_SINCE_3 = ("attestation-report-cert-chain-fwid-match",)  # claims 2.0 do not make it
_RIM = ("fetched", "schema-validated", "signature-verified", "measurements-available")
_TRUTHS = ("-match", "-fetched", "-validated", "-verified", "-available", "-parsed", "-no-conflict", "-check")
_RIMS = {"gpu": ("driver-rim", "vbios-rim"), "switch": ("bios-rim",)}


@dataclass(frozen=True)
class TokenTrust:
    jwks: bytes  # as it came, of the day of the token
    anchors: frozenset[str] | None = None  # SHA-256 of issuing certificates; None pins nothing
    issuer: str = ISSUER


@dataclass(frozen=True)
class TokenReport:
    problems: tuple[Problem, ...]
    ueids: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()  # issuing certificates that were met: pin them on first use
    unpinned: tuple[str, ...] = ()
    test_roots: bool = False

    @property
    def accepted(self) -> bool:
        return not self.problems

    @property
    def code(self) -> Code:
        return self.problems[0].code if self.problems else Code.ACCEPTED


def verify_token(
    raw: bytes,
    trust: TokenTrust,
    nonce: bytes,
    at: datetime,
    count: int | None = None,
    ueids: Sequence[str] | None = None,
) -> TokenReport:
    """`count`: how many GPUs must be covered; `ueids`: which devices, as the evidence names them. Never raises."""
    try:
        overall_text, texts = _split(raw)
        overall = read(overall_text, trust.jwks, trust.anchors, at)
        detached = {name: read(text, trust.jwks, trust.anchors, at) for name, text in texts.items()}
    except Rejected as rejected:
        return TokenReport((rejected.problem,))
    problems = list(_judge_common("overall", overall, trust, nonce, at))
    for name, token in detached.items():
        problems += _judge_common(name, token, trust, nonce, at)
        problems += _judge_device(name, token.claims, overall.claims.get("x-nvidia-ver"))
    problems += _judge_overall(overall.claims, texts)
    named = [str(token.claims.get("ueid")) for token in detached.values()]
    gpus = sum(_kind(name) == "gpu" for name in detached)
    if count is not None and gpus != count:
        problems.append(Problem(Code.NRAS_GPU_COUNT, f"{gpus} GPUs, expected {count}"))
    problems += _judge_devices(named, ueids)
    tokens = (overall, *detached.values())
    pins = tuple(sorted({token.pin for token in tokens}))
    open_ends = ("who issued the key of the token",) if trust.anchors is None else ()
    under_test = any(token.test_root for token in tokens)
    return TokenReport(tuple(problems), tuple(named), pins, open_ends, under_test)


def _split(raw: bytes) -> tuple[Any, dict[str, Any]]:
    document = load(raw, MAX_PAYLOAD_BYTES, Code.NRAS_MALFORMED)
    if isinstance(document, dict) and "detached_eat" in document:
        document = document["detached_eat"]
    shaped = isinstance(document, list) and len(document) == 2 and isinstance(document[1], dict)
    head = document[0] if shaped else None
    if not isinstance(head, list) or len(head) != 2 or head[0] != "JWT" or len(document[1]) > _MAX_DEVICES:
        raise Rejected(Code.NRAS_MALFORMED, "expected [[JWT, token], {device: token}]")
    return head[1], document[1]


def _judge_common(name: str, token: Jwt, trust: TokenTrust, nonce: bytes, at: datetime) -> Iterator[Problem]:
    yield from token.problems
    claims = token.claims
    yield from _judge_times(name, claims, at)
    if claims.get("iss") != trust.issuer:
        yield Problem(Code.NRAS_ISSUER, f"{name}: issuer {claims.get('iss')!r}, not {trust.issuer}")
    if claims.get("eat_nonce") != nonce.hex():
        yield Problem(Code.NRAS_NONCE_MISMATCH, f"{name}: nonce {claims.get('eat_nonce')!r}, sent {nonce.hex()}")


def _judge_times(name: str, claims: Mapping[str, Any], at: datetime) -> Iterator[Problem]:
    times = [claims.get(member) for member in ("iat", "nbf", "exp")]
    if not all(type(value) is int for value in times):
        yield Problem(Code.NRAS_TIME_CLAIMS, f"{name}: iat, nbf, exp are {times}")
        return
    issued, begins, ends = (int(str(value)) for value in times)
    now = at.timestamp()
    if now + _SKEW_S < max(issued, begins):
        yield Problem(Code.NRAS_NOT_YET_VALID, f"{name}: from {max(issued, begins)}, it is {now:.0f}")
    if now > ends:
        yield Problem(Code.NRAS_EXPIRED, f"{name}: until {ends}, it is {now:.0f}")


def _judge_device(name: str, claims: Mapping[str, Any], version: Any) -> Iterator[Problem]:
    if claims.get("x-nvidia-error-details") is not None:
        yield Problem(Code.NRAS_ERROR_DETAILS, f"{name}: {claims['x-nvidia-error-details']!r}")
    if claims.get("measres") not in _SUCCESS:
        yield Problem(Code.NRAS_MEASRES, f"{name}: measres {claims.get('measres')!r}")
    if claims.get("secboot") is not True:
        yield Problem(Code.NRAS_SECBOOT, f"{name}: secboot {claims.get('secboot')!r}")
    if claims.get("dbgstat") != "disabled":
        yield Problem(Code.NRAS_DBGSTAT, f"{name}: dbgstat {claims.get('dbgstat')!r}")
    if not isinstance(claims.get("ueid"), str) or not claims["ueid"]:
        yield Problem(Code.NRAS_CLAIM, f"{name}: ueid {claims.get('ueid')!r} names no device")
    kind = _kind(name)
    yield from _judge_flags(name, kind, claims, () if version == "2.0" else _SINCE_3)
    for part in ("attestation-report", *_RIMS[kind]):
        yield from _judge_certificates(name, f"x-nvidia-{kind}-{part}", claims)


def _kind(name: str) -> str:
    return "switch" if name.startswith("SWITCH") else "gpu"


def _judge_flags(name: str, kind: str, claims: Mapping[str, Any], more: Sequence[str]) -> Iterator[Problem]:
    wanted = [*_COMMON, *more, *(f"{rim}-{what}" for rim in _RIMS[kind] for what in _RIM)]
    missed = [flag for flag in wanted if claims.get(f"x-nvidia-{kind}-{flag}") is not True]
    # claims that not every version makes: where they are made, they must be true
    stated = [claim for claim in claims if claim.startswith("x-nvidia-") and claim.endswith(_TRUTHS)]
    missed += [claim for claim in stated if claims[claim] is not True]
    if missed:
        yield Problem(Code.NRAS_CLAIM, f"{name}: not true: {', '.join(sorted(set(missed)))}")


def _judge_certificates(name: str, part: str, claims: Mapping[str, Any]) -> Iterator[Problem]:
    """Claims 2.0 say a boolean, claims 3.0 an object."""
    plain = "cert-chain-validated" if part.endswith("attestation-report") else "cert-validated"
    if f"{part}-{plain}" in claims:
        good = claims[f"{part}-{plain}"] is True
    else:
        stated = claims.get(f"{part}-cert-chain")
        good = isinstance(stated, dict) and stated.get("x-nvidia-cert-status") == "valid"
        good = good and isinstance(stated, dict) and stated.get("x-nvidia-cert-ocsp-status") == "good"
    if not good:
        yield Problem(Code.NRAS_CERT_STATUS, f"{name}: {part} has no valid and good certificate chain")


def _judge_overall(claims: Mapping[str, Any], texts: Mapping[str, str]) -> Iterator[Problem]:
    if claims.get("sub") != _SUBJECT:
        yield Problem(Code.NRAS_SUB, f"sub {claims.get('sub')!r}, not {_SUBJECT}")
    if claims.get("x-nvidia-overall-att-result") is not True:
        yield Problem(Code.NRAS_OVERALL_FALSE, f"overall result {claims.get('x-nvidia-overall-att-result')!r}")
    submods = claims.get("submods")
    if not isinstance(submods, dict) or not submods or set(submods) != set(texts):
        named = sorted(submods) if isinstance(submods, dict) else submods
        yield Problem(Code.NRAS_SUBMODS_SET, f"named {named}, given {sorted(texts)}")
        return
    for name, text in texts.items():
        if submods[name] not in [["DIGEST", [algorithm, digest(text)]] for algorithm in _DIGESTS]:
            yield Problem(Code.NRAS_SUBMODS_DIGEST, f"{name} is not the token that the overall token names")


def _judge_devices(named: list[str], ueids: Sequence[str] | None) -> Iterator[Problem]:
    twice = sorted(ueid for ueid, times in Counter(named).items() if times > 1)
    if twice:
        yield Problem(Code.NRAS_DUPLICATE_UEID, f"devices {', '.join(twice)} are attested more than once")
    if ueids is not None and set(named) != set(ueids):
        yield Problem(Code.NRAS_UEID_MISMATCH, f"token of {sorted(named)}, evidence of {sorted(ueids)}")
