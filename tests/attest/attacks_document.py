"""The attack list, part three: the dstack document around a quote - its event log, its claims and what it binds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from harness.attest import Code, Policy, Rejected, policy_of, verify
from harness.attest.adapters import dstack
from mockserver.tee import Platform
from tests.attest.forge import malleated, sgx_quote
from tests.attest.lab import HONEST, MODEL, NONCE, NOW, platform, trust_in

Document = dict[str, Any]
OTHER_NONCE = bytes(32)


@dataclass(frozen=True)
class Asked:
    """A document as it was answered to NONCE, and the machine whose collateral it is judged by."""

    document: Document | bytes
    machine: Platform = HONEST
    policy: Policy = field(default_factory=Policy)

    def codes(self) -> tuple[Code, ...]:
        """Over every machine in the document."""
        raw = self.document if isinstance(self.document, bytes) else json.dumps(self.document).encode()
        try:
            found = dstack.parse(raw)
        except Rejected as rejected:
            return (rejected.problem.code,)
        trust = trust_in(self.machine)
        reports = [verify(one, trust, NONCE, NOW, self.policy) for one in found]
        return tuple(code for report in reports for code in report.codes)


Make = Callable[[], Asked]


def report(nonce: bytes = NONCE, machine: Platform = HONEST) -> Document:
    document = machine.report(MODEL, nonce)
    document.pop("all_attestations")
    return dict(json.loads(json.dumps(document)))


def of(**decisions: Any) -> Asked:
    machine = platform(**decisions)
    return Asked(report(machine=machine), machine)


def answered(**members: Any) -> Asked:
    return Asked({**report(), **members})


def claimed(**members: Any) -> Asked:
    """Members of info.tcb_info replaced."""
    document = report()
    document["info"]["tcb_info"].update(members)
    return Asked(document)


def logged(change: Callable[[list[Document]], list[Document]]) -> Asked:
    document = report()
    return Asked({**document, "event_log": change(document["event_log"])})


def event(name: str, **members: Any) -> Asked:
    return logged(lambda rows: [{**row, **members} if row["event"] == name else row for row in rows])


def first(**members: Any) -> Asked:
    return logged(lambda rows: [{**rows[0], **members}, *rows[1:]])


def doubled_app_id(rows: list[Document]) -> list[Document]:
    (at,) = [n for n, row in enumerate(rows) if row["event"] == "app-id"]
    return [*rows[: at + 1], *rows[at:]]


def listed(*others: Document) -> Asked:
    return Asked({**report(), "all_attestations": [report(), *others]})


def compose() -> str:
    return str(report()["info"]["tcb_info"]["app_compose"])


def twice(member: str) -> Asked:
    """The member twice in one object: which of the two a parser keeps is its own affair."""
    text = json.dumps(report())
    return Asked(f'{{"{member}": "00", {text[1:]}'.encode())


def from_hex(text: str) -> str:
    return "0x" + text.upper()


CONTROLS: dict[str, tuple[str, Make]] = {
    "H01": ("honest log", lambda: Asked(report())),
    "H20": (
        "digests in upper case",
        lambda: logged(lambda rows: [{**row, "digest": row["digest"].upper()} for row in rows]),
    ),
    "I44": (
        "malleated quote: same report_data, so the nonce and not a hash of the quote tells a replay",
        lambda: answered(intel_quote=malleated(bytes.fromhex(report()["intel_quote"])).hex()),
    ),
    "I47": ("hex with 0x and in upper case", lambda: answered(intel_quote=from_hex(report()["intel_quote"]))),
    "I00": ("all instances listed", lambda: listed(report())),
}
LOG: dict[str, tuple[str, Code, Make]] = {
    "H02": (
        "payload forged, digest kept",
        Code.EVENTLOG_DIGEST_MISMATCH,
        lambda: event("compose-hash", event_payload="00" * 32),
    ),
    "H04": ("name changed, digest kept", Code.EVENTLOG_DIGEST_MISMATCH, lambda: event("app-id", event="app-idx")),
    "H05": ("last event removed", Code.EVENTLOG_REPLAY_MISMATCH, lambda: logged(lambda rows: rows[:-1])),
    "H07": ("event doubled", Code.EVENTLOG_NAME_MISUSED, lambda: logged(doubled_app_id)),
    "H08": ("boot digest flipped", Code.EVENTLOG_REPLAY_MISMATCH, lambda: first(digest="00" * 48)),
    "H10": ("register 4", Code.EVENTLOG_MALFORMED, lambda: first(imr=4)),
    "H11": ("register -1", Code.EVENTLOG_MALFORMED, lambda: first(imr=-1)),
    "H13": ("empty log", Code.EVENTLOG_MALFORMED, lambda: logged(lambda _: [])),
    "H13b": ("no log", Code.EVENTLOG_MISSING, lambda: answered(event_log=None)),
    "H14": (
        "events of RTMR3 only",
        Code.EVENTLOG_REPLAY_MISMATCH,
        lambda: logged(lambda rows: [row for row in rows if row["imr"] == 3]),
    ),
    "H16": ("system name on a boot event", Code.EVENTLOG_NAME_MISUSED, lambda: first(event="compose-hash")),
    "H17": (
        "runtime event relabelled, so that its digest is not recomputed",
        Code.EVENTLOG_NAME_MISUSED,
        lambda: event("compose-hash", event_type=10, event_payload="00" * 32),
    ),
    "H19": (
        "version 2 claimed for a version 1 event",
        Code.EVENTLOG_DIGEST_MISMATCH,
        lambda: event("app-id", version="v2"),
    ),
    "H22": ("payload with an odd digit", Code.EVENTLOG_MALFORMED, lambda: event("app-id", event_payload="abc")),
    "H23": ("boot event without a digest", Code.EVENTLOG_MALFORMED, lambda: first(digest="")),
}
BINDING: dict[str, tuple[str, Code, Make]] = {
    "I01": (
        "an older quote, the echo repaired",
        Code.BINDING_MISMATCH,
        lambda: Asked({**report(OTHER_NONCE), "request_nonce": NONCE.hex()}),
    ),
    "I01b": ("an older quote, its echo left", Code.NONCE_NOT_ECHOED, lambda: Asked(report(OTHER_NONCE))),
    "I02": ("half of the nonce", Code.BINDING_MISMATCH, lambda: of(nonce_used=lambda nonce: nonce[:16] + bytes(16))),
    "I04": (
        "nonce hashed as text",
        Code.BINDING_MISMATCH,
        lambda: of(nonce_used=lambda nonce: nonce.hex().encode()[:32]),
    ),
    "I05": ("nonce echoed but not bound", Code.BINDING_MISMATCH, lambda: of(nonce_used=lambda _: bytes(32))),
    "I07": ("address swapped", Code.BINDING_MISMATCH, lambda: answered(signing_address="0x" + "11" * 20)),
    "I08": (
        "address padded on the wrong side",
        Code.BINDING_MISMATCH,
        lambda: of(report_data=lambda identity, nonce: identity.rjust(32, b"\0") + nonce),
    ),
    "I10": ("public key of another address", Code.KEY_ADDRESS_MISMATCH, lambda: answered(signing_public_key="22" * 64)),
    "I25": (
        "one of two instances is invalid",
        Code.QUOTE_SIGNATURE_INVALID,
        lambda: listed(report(machine=platform(body_signed=lambda body: body[:-1] + b"\0"))),
    ),
    "I29": ("compose text edited", Code.COMPOSE_MISMATCH, lambda: claimed(app_compose=compose() + " ")),
    "I31": (
        "compose text written again",
        Code.COMPOSE_MISMATCH,
        lambda: claimed(app_compose=json.dumps(json.loads(compose()))),
    ),
    "I32": ("claimed MRTD is not the quote's", Code.CLAIM_CONTRADICTED, lambda: claimed(mrtd="00" * 48)),
    "I32b": ("claimed RTMR3 is not the quote's", Code.CLAIM_CONTRADICTED, lambda: claimed(rtmr3="00" * 48)),
    "I34": (
        "a key provider or an image that the policy does not name",
        Code.MEASUREMENT_UNEXPECTED,
        lambda: Asked(report(), policy=policy_of({"name": "own", "events": {"key-provider": ["00"]}})),
    ),
    "I41": ("an SGX quote where TDX is claimed", Code.QUOTE_WRONG_TEE, lambda: answered(intel_quote=sgx_quote().hex())),
    "I47b": ("quote with spaces", Code.EVIDENCE_MALFORMED, lambda: answered(intel_quote=" " + report()["intel_quote"])),
    "I49": ("a member twice", Code.EVIDENCE_MALFORMED, lambda: twice("signing_address")),
    "I26": (
        "two quotes in one answer differ",
        Code.EVIDENCE_INCONSISTENT,
        lambda: answered(quote=report(OTHER_NONCE)["intel_quote"]),
    ),
}
# What this list cannot express about one TDX document, and where it is judged instead.
ELSEWHERE = {
    "T05": "cannot happen: a policy has no clock of its own",
    "I11": "needs an answer of the model: tests of response signatures",
    "I13, I14, I16, I17, I19, I20, I22, I28, I35, I37, I38, I40": "other formats: tests of adapters and bindings",
    "I23": "needs two answers: the suite compares the evidence of several models",
    "I46": "needs two moments: the suite asks for fresh evidence",
    "K01 to K20": "the firmware's log: tests of ccel",
}
