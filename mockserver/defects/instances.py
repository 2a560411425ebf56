"""Defects of what was measured and of what is bound: logs, applications, claims, keys and lists of instances."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mockserver.behaviours import evidence as evidence_of
from mockserver.call import Call
from mockserver.defects import defect
from mockserver.defects.attestation import OLD_NONCE, on_machine
from mockserver.gateway import Gateway

if TYPE_CHECKING:
    from mockserver.tee import Platform
    from mockserver.tee.signing import SigningIdentity

Json = dict[str, Any]
Event = dict[str, Any]
PRIVATE = "-----BEGIN PRIVATE KEY-----\nVEVTVA==\n-----END PRIVATE KEY-----\n"


def shown_about(gateway: Gateway, change: Callable[[Json], Json]) -> Gateway:
    """A report whose `info` says something else; the quote stays as it is."""
    return on_machine(gateway, report=lambda report: {**report, "info": change(report["info"])})


def listed(gateway: Gateway, entries: Callable[[Call, Json, str], list[Json]]) -> Gateway:
    """A report with another list of instances."""

    def evidence(call: Call, model: str, nonce: bytes, algo: str) -> Json:
        report = evidence_of.evidence(call, model, nonce, algo)
        return {**report, "all_attestations": entries(call, report, algo)}

    return replace(gateway, evidence=evidence)


def elsewhere(call: Call, nonce: bytes, algo: str) -> Json:
    """Honest evidence of another machine."""
    assert call.state.platform is not None
    report = call.state.platform.report("assay/another-instance", nonce, algo)
    return {name: value for name, value in report.items() if name != "all_attestations"}


def itself(report: Json) -> Json:
    return dict(report["all_attestations"][0])


# --- What report_data holds --------------------------------------------------------------------------------------


@defect(breaks=("AT-020", "AT-021", "AT-024"), also=("VT-002",))
def binds_nothing(gateway: Gateway) -> Gateway:
    """Leaves report_data at zero."""
    return on_machine(gateway, report_data=lambda identity, nonce: bytes(64))


@defect(breaks=("AT-020", "AT-024"), also=("VT-002",))
def binds_no_key(gateway: Gateway) -> Gateway:
    """Binds the nonce and leaves the half for the signing key at zero."""
    return on_machine(gateway, report_data=lambda identity, nonce: bytes(32) + nonce)


@defect(breaks="AT-020", also=("VT-002",))
def binds_half_of_the_nonce(gateway: Gateway) -> Gateway:
    """Binds the first sixteen bytes of the nonce only."""
    return on_machine(gateway, nonce_used=lambda nonce: nonce[:16] + bytes(16))


@defect(breaks="AT-020", also=("VT-002",))
def binds_a_hash_where_the_nonce_is_due(gateway: Gateway) -> Gateway:
    """Binds the SHA-256 of the nonce, which the format does not prescribe."""
    return on_machine(gateway, nonce_used=lambda nonce: hashlib.sha256(nonce).digest())


@defect(breaks="AT-023", also=("VT-002",))
def shows_another_public_key(gateway: Gateway) -> Gateway:
    """Shows a public key beside an address that is not its own."""
    return on_machine(gateway, public_key_shown=lambda key: "5a" * 64)


# --- The event log -----------------------------------------------------------------------------------------------


@defect(breaks="AT-030", also=("VT-002",))
def sends_no_event_log(gateway: Gateway) -> Gateway:
    """Leaves the event log out."""
    return on_machine(gateway, report=lambda report: {**report, "event_log": None, "all_attestations": []})


@defect(breaks="AT-030", also=("VT-002",))
def forges_a_payload_under_a_true_digest(gateway: Gateway) -> Gateway:
    """Changes the payload of a measured event and leaves its digest as it was."""
    return on_machine(gateway, events_shown=lambda events: [_forged(event) for event in events])


def _forged(event: Event) -> Event:
    return {**event, "event_payload": "00" * 32} if event["event"] == "mr-kms" else event


@defect(breaks="AT-030", also=("VT-002",))
def logs_in_another_order(gateway: Gateway) -> Gateway:
    """Shows the runtime events in another order than they were measured in."""
    return on_machine(gateway, events_shown=lambda events: [*events[:-3], *reversed(events[-3:])])


@defect(breaks="AT-030", also=("VT-002",))
def logs_an_event_that_never_happened(gateway: Gateway) -> Gateway:
    """Adds an event to the log that no register holds."""
    return on_machine(gateway, events_shown=lambda events: [*events, events[0]])


@defect(breaks="AT-030", also=("VT-002",))
def measures_more_than_it_logs(gateway: Gateway) -> Gateway:
    """Extends RTMR3 once more than the log tells."""

    def extended(registers: tuple[bytes, ...]) -> tuple[bytes, ...]:
        return (*registers[:3], hashlib.sha384(registers[3] + bytes(48)).digest())

    return on_machine(gateway, rtmrs=extended)


@defect(breaks="AT-030", also=("VT-002",))
def shows_the_firmware_log_of_another_boot(gateway: Gateway) -> Gateway:
    """Shows a firmware log with Secure Boot on, and measured one with Secure Boot off."""

    def secure(log: bytes) -> bytes:
        from mockserver.tee.ccel import boot_records, encode, with_secure_boot

        return encode(with_secure_boot(boot_records()))

    return on_machine(gateway, ccel_shown=secure)


@defect(breaks="AT-030", also=("VT-002",))
def rewrites_the_firmware_log_under_its_digests(gateway: Gateway) -> Gateway:
    """Changes what an event of the firmware log says and leaves its digest as it was."""
    return on_machine(gateway, ccel_shown=lambda log: log.replace(b"Exit Boot Services", b"Skip Boot Services"))


@defect(breaks="AT-030", also=("VT-002",))
def cuts_the_firmware_log(gateway: Gateway) -> Gateway:
    """Shows a firmware log that ends in the middle of a record."""
    return on_machine(gateway, ccel_shown=lambda log: log[:400])


# --- The application and the claims ------------------------------------------------------------------------------


@defect(breaks="AT-031", also=("VT-002",))
def runs_another_application(gateway: Gateway) -> Gateway:
    """Runs, and measures, a compose file with a debug shell that the one it shows does not have."""
    return on_machine(gateway, compose_measured=lambda compose: compose.replace("serve", "sshd && serve"))


@defect(breaks="AT-031", also=("VT-002",))
def configures_another_application(gateway: Gateway) -> Gateway:
    """Starts the domain with the configuration id of another application."""
    return on_machine(gateway, mr_config_id=lambda compose_hash: b"\x01" + bytes(32) + bytes(15))


@defect(breaks="AT-032", also=("VT-002",))
def claims_another_firmware(gateway: Gateway) -> Gateway:
    """Says in the JSON that other firmware was measured than the quote holds."""
    return shown_about(gateway, lambda info: {**info, "tcb_info": {**info["tcb_info"], "mrtd": "ab" * 48}})


@defect(breaks="AT-032", also=("VT-002",))
def claims_another_register(gateway: Gateway) -> Gateway:
    """Says in the JSON that RTMR3 has another value than the quote holds."""
    return shown_about(gateway, lambda info: {**info, "tcb_info": {**info["tcb_info"], "rtmr3": "cd" * 48}})


@defect(breaks="AT-032", also=("VT-002",))
def claims_another_app_id(gateway: Gateway) -> Gateway:
    """Says in the JSON that it is another application than the log names."""
    return shown_about(gateway, lambda info: {**info, "app_id": "ef" * 20})


@defect(breaks="AT-032", also=("VT-002",))
def claims_another_os_image(gateway: Gateway) -> Gateway:
    """Says in the JSON that another OS image was booted than the log names."""
    return shown_about(gateway, lambda info: {**info, "os_image_hash": "01" * 32})


@defect(breaks="AT-033")
def changes_firmware_between_two_calls(gateway: Gateway) -> Gateway:
    """Quotes another MRTD on every call, for one and the same instance."""
    calls: list[bytes] = []

    def restarted(measured: bytes) -> bytes:
        calls.append(measured)
        return hashlib.sha384(measured + len(calls).to_bytes(4, "big")).digest()

    return on_machine(gateway, mr_td=restarted)


@defect(breaks="AT-034")
def makes_a_key_for_every_verifier(gateway: Gateway) -> Gateway:
    """Binds a fresh signing key to every quote, so that no answer is signed with a key that anybody saw attested."""

    def platform(seed: bytes, now: Callable[[], datetime]) -> Platform:
        from mockserver.tee import Platform
        from mockserver.tee.signing import derive_identity

        class Restless(Platform):
            made = 0

            def identity(self, model: str, algo: str) -> SigningIdentity:
                self.made += 1
                return derive_identity(seed, f"{model} {self.made}", algo)

        return Restless(seed, now)

    return replace(gateway, new_platform=platform)


@defect(breaks="AT-035")
def answers_for_all_models_in_one_name(gateway: Gateway) -> Gateway:
    """Sends the evidence of one model for every other."""
    return on_machine(gateway, hosted_as=lambda model: "assay/the-only-one")


@defect(breaks="AT-029", also=("AT-020",))
def always_binds_the_same_kind_of_key(gateway: Gateway) -> Gateway:
    """Binds an Ethereum address whichever signing algorithm is asked for."""

    def evidence(call: Call, model: str, nonce: bytes, algo: str) -> Json:
        return evidence_of.evidence(call, model, nonce, "ecdsa")

    return replace(gateway, evidence=evidence)


# --- Lists of instances ------------------------------------------------------------------------------------------


@defect(breaks="AT-040")
def lists_only_other_instances(gateway: Gateway) -> Gateway:
    """Leaves the instance that answers out of the list."""
    return listed(gateway, lambda call, report, algo: [elsewhere(call, bytes.fromhex(report["request_nonce"]), algo)])


@defect(breaks="AT-040")
def lists_no_instances(gateway: Gateway) -> Gateway:
    """Sends an empty list of instances."""
    return listed(gateway, lambda call, report, algo: [])


@defect(breaks="AT-041")
def counts_one_instance_twice(gateway: Gateway) -> Gateway:
    """Lists the same attested machine twice, to look like two."""
    return listed(gateway, lambda call, report, algo: [itself(report), itself(report)])


@defect(breaks="AT-042", also=("AT-020", "VT-002"))
def lists_old_evidence_of_other_instances(gateway: Gateway) -> Gateway:
    """Lists, beside fresh evidence of one machine, a recording of another."""
    return listed(gateway, lambda call, report, algo: [itself(report), elsewhere(call, OLD_NONCE, algo)])


@defect(breaks="AT-042", also=("AT-001", "VT-002"))
def lists_instances_without_a_quote(gateway: Gateway) -> Gateway:
    """Lists a second machine that has nothing but a name."""
    return listed(gateway, lambda call, report, algo: [itself(report), {**itself(report), "intel_quote": ""}])


@defect(breaks="AT-043")
def runs_other_firmware_on_its_other_instances(gateway: Gateway) -> Gateway:
    """Boots every instance of a model but the first with another virtual firmware."""
    other = {"mr_td": lambda measured: hashlib.sha384(measured).digest()}
    return on_machine(gateway, elsewhere=other)


@defect(breaks="AT-043")
def runs_another_release_on_its_other_instances(gateway: Gateway) -> Gateway:
    """Runs on every instance of a model but the first a release with a debug shell, and shows and measures it."""

    def debug(compose: str) -> str:
        return compose.replace("serve", "sshd && serve")

    return on_machine(gateway, elsewhere={"compose_measured": debug, "compose_shown": debug})


# --- Secrets -----------------------------------------------------------------------------------------------------


@defect(breaks="AT-063")
def shows_the_private_key(gateway: Gateway) -> Gateway:
    """Sends the signing key along with the evidence for it."""
    return on_machine(gateway, report=lambda report: {**report, "signing_private_key": PRIVATE})


@defect(breaks="AT-063")
def repeats_the_callers_key(gateway: Gateway) -> Gateway:
    """Repeats the caller's request, API key and all, in the evidence."""

    def evidence(call: Call, model: str, nonce: bytes, algo: str) -> Json:
        return {**evidence_of.evidence(call, model, nonce, algo), "request_headers": call.headers}

    return replace(gateway, evidence=evidence)
