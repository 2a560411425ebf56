"""Twenty thousand mutations of quotes, collateral, reports, chains, manifests, answers, tokens, logs and documents.

None crashes a judge. None is accepted, but for those that say the same in other bytes, or that touch what nothing
binds: the reasons stand in `says_the_same` and `UNBOUND`, and then not one thing more is proven than before.
`pytest -s` prints the table.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import specs
from harness.attest import Code, Policy, Rejected, Report, Trust, judge_quote, policy_of, verify
from harness.attest.adapters import read
from harness.attest.ccel import replay_ccel
from harness.attest.gpu.chain import read_pem
from tests.attest.gpu_lab import DRIVER_RIM, Scene, TokenScene, scene, serial, token_scene
from tests.attest.lab import HONEST, NONCE, NOW, platform, quote_of, trust_in
from tests.attest.mutations import damaged, rewritten
from tests.attest.test_adapters import DOCUMENTS
from tests.attest.test_adapters_mutated import UNBOUND
from tests.attest.test_ccel import HONEST as CCEL

PARTS = 4  # of each kind, so that the work spreads over workers
INSPECT = policy_of(specs.policy("inspect"))
OURS = platform(quote_form="v5-td15", td_attributes=bytes(8))  # our own code judges its signatures
FAULTS_OF_OURS = {Code.ENGINE_UNMAPPED, Code.ENGINE_DISAGREES}


@dataclass(frozen=True)
class Kind:
    """`count` mutations; `outcomes` yields the code of each, None for an accepted one that is harmless."""

    count: int
    outcomes: Callable[[int, str], Iterator[Code | None]]


def quotes(machine: Any, policy: Policy) -> Callable[[int, str], Iterator[Code | None]]:
    raw, trust = quote_of(machine), trust_in(machine)

    def outcomes(count: int, seed: str) -> Iterator[Code | None]:
        for made in damaged(raw, count, seed):
            verdict = judge_quote(made, trust, NOW, policy)
            end = raw.rstrip(b"\0")  # zeros behind a quote are no part of it, and a policy may let other bytes stand
            same = made.startswith(end) if not policy.zero_padding_only else made.rstrip(b"\0") == end
            yield None if verdict.accepted and same else verdict.code

    return outcomes


def collateral(machine: Any, policy: Policy) -> Callable[[int, str], Iterator[Code | None]]:
    raw, trust = quote_of(machine), trust_in(machine)
    honest = json.dumps(trust.members)

    def outcomes(count: int, seed: str) -> Iterator[Code | None]:
        for made, path in rewritten(trust.members, count, seed):
            verdict = judge_quote(raw, Trust(made.decode(), trust.root_der), NOW, policy)
            chain = str(path[0]).endswith("_chain")  # text around certificates, and the case of hex, mean nothing
            same = made.lower() == honest.encode().lower() or chain
            yield None if verdict.accepted and same else verdict.code

    return outcomes


def on_scene(part: str) -> Callable[[int, str], Iterator[Code | None]]:
    """Damage to one part of the evidence about one GPU."""
    found = scene()
    name = serial(found.device.chain[1].certificate)
    raw = {
        "report": found.device.report(found.nonce),
        "chain": found.device.pem(),
        "manifest": found.rims[DRIVER_RIM],
        "answer": found.ocsp[name],
        "payload": json.dumps({**found.payload, "evidence_list": found.gpus}).encode(),
    }[part]

    def put(into: Scene, made: bytes) -> None:
        if part == "report":
            into.show(into.device, made)
        elif part == "chain":
            into.show(into.device, pem=made)
        elif part == "manifest":
            into.rims[DRIVER_RIM] = made
        elif part == "answer":
            into.ocsp[name] = made
        else:
            into.raw = made

    def outcomes(count: int, seed: str) -> Iterator[Code | None]:
        for made in damaged(raw, count, seed):
            now = scene()
            put(now, made)
            report = now.judge()
            yield None if report.accepted and says_the_same(part, made, raw) else report.code

    return outcomes


def says_the_same(part: str, made: bytes, raw: bytes) -> bool:
    """White space around and inside base64, and the layout of JSON, are no part of what is judged."""
    if part == "chain":
        return read_pem(made) == read_pem(raw)
    if part == "payload":
        return bool(entries(made) == entries(raw))
    return part == "manifest" and made.split() == raw.split()


def entries(payload: bytes) -> Any:
    """What is judged of a payload: the rest of it proves nothing, and its nonce may be left out."""
    document = json.loads(payload)
    over = document.get("arch")
    return [(e.get("arch") or over, e.get("evidence"), e.get("certificate")) for e in document["evidence_list"]]


def tokens(count: int, seed: str) -> Iterator[Code | None]:
    found = token_scene()
    honest = [["JWT", found.service.sign(found.overall())], found.texts]
    raw = json.dumps(honest).encode()

    def judged(made: bytes) -> Code | None:
        now: TokenScene = token_scene()
        now.raw = made
        report = now.judge()
        same = report.accepted and json.loads(made) == honest  # white space
        return None if same else report.code

    yield from (judged(made) for made in damaged(raw, count // 2, seed))
    yield from (judged(made) for made, _ in rewritten(honest, count - count // 2, seed))


def boot_logs(count: int, seed: str) -> Iterator[Code | None]:
    """A log is never accepted by itself: it must replay to the registers of a quote."""
    honest = replay_ccel(CCEL).registers
    for made in damaged(CCEL, count, seed):
        replayed = replay_ccel(made)
        problems = [*replayed.problems, *replayed.against(list(honest))]
        yield problems[0].code if problems else None  # names and padding are measured by nothing


@functools.cache
def proven(name: str) -> frozenset[str]:
    return frozenset(line for report in reports(json.dumps(DOCUMENTS[name]()).encode()) for line in report.proven)


def reports(raw: bytes) -> list[Report]:
    machines = read(raw)
    assert isinstance(machines, tuple)
    return [verify(machine, trust_in(HONEST), NONCE, NOW) for machine in machines]


def documents(name: str) -> Callable[[int, str], Iterator[Code | None]]:
    def outcomes(count: int, seed: str) -> Iterator[Code | None]:
        for made, path in rewritten(DOCUMENTS[name](), count, seed):
            try:
                found = reports(made)
            except Rejected as rejected:
                yield rejected.problem.code
                continue
            problems = [problem for report in found for problem in report.problems]
            lines = {line for report in found for line in report.proven}
            harmless = bool(UNBOUND & set(path)) or lines <= proven(name)
            yield problems[0].code if problems else (None if harmless else Code.ACCEPTED)

    return outcomes


KINDS: dict[str, Kind] = {
    "quote, by the engine": Kind(3000, quotes(HONEST, Policy())),
    "quote, by our own code": Kind(2000, quotes(OURS, INSPECT)),
    "collateral, by the engine": Kind(1600, collateral(HONEST, Policy())),
    "collateral, by our own code": Kind(1400, collateral(OURS, INSPECT)),
    "GPU report": Kind(2600, on_scene("report")),
    "GPU certificates": Kind(1600, on_scene("chain")),
    "reference values": Kind(1600, on_scene("manifest")),
    "OCSP answer": Kind(1200, on_scene("answer")),
    "GPU payload": Kind(800, on_scene("payload")),
    "NVIDIA's token": Kind(1600, tokens),
    "boot log": Kind(800, boot_logs),
    **{f"document: {name}": Kind(400, documents(name)) for name in DOCUMENTS},
}


def test_there_are_twenty_thousand() -> None:
    assert sum(kind.count for kind in KINDS.values()) >= 20_000


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", KINDS)
def test_no_mutation_is_accepted_or_crashes(name: str, part: int) -> None:
    kind = KINDS[name]
    codes = Counter(kind.outcomes(kind.count // PARTS, f"{name} {part}"))
    assert codes.total() == kind.count // PARTS
    common = ", ".join(f"{code} {count}" for code, count in codes.most_common(4) if code is not None)
    print(f"{name:32} {codes.total():5} mutations, {codes[None]:3} that say the same; {common}")  # noqa: T201 - a table for whoever reads along
    assert Code.ACCEPTED not in codes
    assert not FAULTS_OF_OURS & codes.keys()
    assert codes[None] < codes.total() / 2  # otherwise nearly nothing was put to the test
