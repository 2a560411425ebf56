"""Defects of the evidence: a machine that is not what it says, or a report that is not what was asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mockserver.behaviours import evidence as evidence_of
from mockserver.call import Call
from mockserver.defects import defect
from mockserver.gateway import Gateway

if TYPE_CHECKING:
    from mockserver.tee import Platform

Json = dict[str, Any]
DEBUG_TD = bytes.fromhex("0100001000000000")
OLD_NONCE = bytes(range(32))


def on_machine(gateway: Gateway, **decisions: Any) -> Gateway:
    """The gateway in front of a platform that decides some things differently."""

    def platform(seed: bytes, now: Callable[[], datetime]) -> Platform:
        from mockserver.tee import Decisions, Platform  # late, as the gateway itself does: it brings cryptography

        return Platform(seed, now, Decisions(**decisions))

    return replace(gateway, new_platform=platform)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


# --- What the quote is bound to ----------------------------------------------------------------------------------


@defect(breaks=("AT-020", "AT-021", "VT-002"))
def quotes_over_a_fixed_nonce(gateway: Gateway) -> Gateway:
    """Binds every quote to the same nonce, and repeats the caller's in the JSON."""
    return on_machine(gateway, nonce_used=lambda nonce: OLD_NONCE)


@defect(breaks=("AT-020", "AT-024", "VT-002"))
def leaves_the_nonce_out_of_the_quote(gateway: Gateway) -> Gateway:
    """Fills the half of report_data that is for the nonce with zeros."""
    return on_machine(gateway, nonce_used=lambda nonce: bytes(32))


@defect(breaks=("AT-020", "AT-021", "AT-022", "VT-002"))
def replays_its_first_report(gateway: Gateway) -> Gateway:
    """Makes evidence once for each model and sends the same to everybody."""
    made: dict[str, Json] = {}

    def evidence(call: Call, model: str, nonce: bytes, algo: str) -> Json:
        if model not in made:
            made[model] = evidence_of.evidence(call, model, nonce, algo)
        return made[model]

    return replace(gateway, evidence=evidence)


@defect(breaks=("AT-022", "VT-002"))
def repeats_another_nonce(gateway: Gateway) -> Gateway:
    """Says in the JSON that the evidence is for a nonce that nobody sent."""
    return on_machine(gateway, nonce_shown=lambda nonce: OLD_NONCE)


@defect(breaks=("AT-020", "AT-023", "VT-002"))
def shows_an_unbound_signing_key(gateway: Gateway) -> Gateway:
    """Names a signing address that the quote does not bind."""
    return on_machine(gateway, identity_shown=lambda address: "0x" + "5a" * 20)


@defect(breaks=("AT-020", "VT-002"))
def binds_the_nonce_before_the_key(gateway: Gateway) -> Gateway:
    """Puts nonce and signing address into report_data the wrong way round."""
    return on_machine(gateway, report_data=lambda identity, nonce: nonce + identity.ljust(32, b"\0"))


# --- Whether the quote holds -------------------------------------------------------------------------------------


@defect(breaks=("AT-002", "VT-002"))
def changes_the_quote_after_signing(gateway: Gateway) -> Gateway:
    """Alters one bit of the measured firmware in a quote that was signed without it."""
    return on_machine(gateway, quote=lambda quote: flipped(quote, 48 + 136))


@defect(breaks=("AT-002", "VT-002"))
def signs_another_body(gateway: Gateway) -> Gateway:
    """Lets the attestation key sign another trust domain's report than the quote holds."""
    return on_machine(gateway, body_signed=lambda body: flipped(body, len(body) - 1))


@defect(breaks=("AT-001", "VT-002"))
def cuts_the_quote_short(gateway: Gateway) -> Gateway:
    """Sends a quote without its last hundred bytes."""
    return on_machine(gateway, quote=lambda quote: quote[:-100])


@defect(breaks=("AT-006", "VT-002"))
def runs_on_an_outdated_platform(gateway: Gateway) -> Gateway:
    """Quotes from a machine whose firmware has known holes."""
    return on_machine(gateway, tcb_status="OutOfDate", tcb_advisories=("INTEL-SA-01036",))


@defect(breaks=("AT-004", "VT-002"))
def runs_on_a_revoked_platform(gateway: Gateway) -> Gateway:
    """Quotes from a machine whose certificate was revoked."""
    return on_machine(gateway, pck_revoked=True)


@defect(breaks=("AT-006", "VT-002"))
def quotes_with_an_outdated_enclave(gateway: Gateway) -> Gateway:
    """Signs its quotes with a quoting enclave that Intel has called out of date."""
    return on_machine(gateway, qe_status="OutOfDate")


# --- What was measured -------------------------------------------------------------------------------------------


@defect(breaks=("AT-030", "VT-002"))
def hides_an_event_of_the_log(gateway: Gateway) -> Gateway:
    """Leaves the last measured event out of the event log."""
    return on_machine(gateway, events_shown=lambda events: events[:-1])


@defect(breaks=("AT-031", "VT-002"))
def shows_another_compose_file(gateway: Gateway) -> Gateway:
    """Shows an app_compose that is not the one that was measured at boot."""
    return on_machine(gateway, compose_shown=lambda compose: compose.replace("serve", "serve --verbose"))


@defect(breaks=("AT-050", "VT-002"), also=("VT-014",))
def quotes_for_the_flagship_only(gateway: Gateway) -> Gateway:
    """Sends evidence of one model, and for all others a report without a quote."""
    first: list[str] = []

    def evidence(call: Call, model: str, nonce: bytes, algo: str) -> Json:
        report = evidence_of.evidence(call, model, nonce, algo)
        first.append(model)
        return report if model == first[0] else {**report, "intel_quote": None}

    return replace(gateway, evidence=evidence)


@defect(breaks=("AT-001", "VT-002", "VT-014"))
def vouches_without_a_quote(gateway: Gateway) -> Gateway:
    """Answers with a word of honour in place of a quote."""
    return on_machine(gateway, report=lambda report: {"attested": True, "request_nonce": report["request_nonce"]})


# --- Which kind of domain ----------------------------------------------------------------------------------------


@defect(breaks=("AT-010", "VT-014"))
def runs_in_debug_mode(gateway: Gateway) -> Gateway:
    """Starts the trust domain with the debug attribute, so that the host can read its memory."""
    return on_machine(gateway, td_attributes=DEBUG_TD)


@defect(breaks=("AT-001", "VT-014"), also=("VT-002",))
def quotes_from_an_sgx_enclave(gateway: Gateway) -> Gateway:
    """Sends a quote whose header says SGX where TDX is promised."""
    return on_machine(gateway, quote=lambda quote: quote[:4] + bytes(4) + quote[8:])
