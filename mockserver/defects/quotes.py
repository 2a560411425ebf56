"""Defects of the quote: who signed it, what vouches for the signer, and which machine and domain it is of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mockserver.defects import defect
from mockserver.defects.attestation import flipped, on_machine
from mockserver.gateway import Gateway

if TYPE_CHECKING:
    from mockserver.tee import Platform

Json = dict[str, Any]

BODY_AT, BODY_END = 48, 48 + 584  # of a version 4 quote
SIGNATURE = slice(BODY_END + 4, BODY_END + 4 + 64)
QE_REPORT_AT = SIGNATURE.stop + 64 + 6
QE_AUTH_AT = QE_REPORT_AT + 384 + 64 + 2
QE_ATTRIBUTES_AT, QE_SIGNER_AT = 48, 128  # in the quoting enclave's report
EMPTY = bytes(48)


def attributes(low: int, high: int = 0x10) -> bytes:
    """TD attributes: debug and its kin in the lowest byte, SEPT_VE_DISABLE and migration in the fourth."""
    return bytes((low, 0, 0, high, 0, 0, 0, 0))


# --- What can be read --------------------------------------------------------------------------------------------


@defect(breaks="AT-001", also=("VT-002", "VT-014"))
def writes_the_quote_in_another_alphabet(gateway: Gateway) -> Gateway:
    """Sends a quote whose letters are no hex digits."""
    return on_machine(gateway, report=lambda report: {**report, "intel_quote": "quote:" + report["intel_quote"]})


@defect(breaks="AT-001", also=("VT-002", "VT-014"))
def quotes_in_a_version_of_its_own(gateway: Gateway) -> Gateway:
    """Sends a quote with a version number that no document describes."""
    return on_machine(gateway, quote=lambda quote: b"\x09\x00" + quote[2:])


@defect(breaks="AT-008", also=("VT-002",))
def appends_bytes_to_the_quote(gateway: Gateway) -> Gateway:
    """Sends a quote with a message behind its end, which nothing signs."""
    return on_machine(gateway, quote=lambda quote: quote + b"and all is well")


# --- Who signed --------------------------------------------------------------------------------------------------


@defect(breaks="AT-002", also=("VT-002",))
def signs_with_zeros(gateway: Gateway) -> Gateway:
    """Fills the place of the signature with zeros."""
    return on_machine(gateway, quote=lambda quote: quote[: SIGNATURE.start] + bytes(64) + quote[SIGNATURE.stop :])


@defect(breaks="AT-002", also=("VT-002",))
def says_verified_over_a_bad_quote(gateway: Gateway) -> Gateway:
    """Sends a quote that was altered, beside a member that calls it verified."""
    verified = {"verified": True, "verification": {"quote_valid": True, "status": "UpToDate"}}
    return on_machine(
        gateway,
        quote=lambda quote: flipped(quote, BODY_AT + 136),
        report=lambda report: {**report, **verified},
    )


@defect(breaks="AT-002", also=("VT-002",))
def alters_the_report_of_the_quoting_enclave(gateway: Gateway) -> Gateway:
    """Changes what the quoting enclave says of itself after the platform's key signed it."""
    return on_machine(gateway, quote=lambda quote: flipped(quote, QE_REPORT_AT + 20))


@defect(breaks="AT-002", also=("VT-002",))
def quotes_with_an_uncertified_key(gateway: Gateway) -> Gateway:
    """Signs with an attestation key that the quoting enclave's report does not bind."""
    return on_machine(gateway, quote=lambda quote: flipped(quote, QE_AUTH_AT))


@defect(breaks="AT-005", also=("VT-002",))
def quotes_with_a_debug_enclave(gateway: Gateway) -> Gateway:
    """Signs quotes in a quoting enclave whose memory a debugger can read."""
    return on_machine(
        gateway, qe_report=lambda report: report[:QE_ATTRIBUTES_AT] + b"\x13" + report[QE_ATTRIBUTES_AT + 1 :]
    )


@defect(breaks="AT-005", also=("VT-002",))
def quotes_with_a_home_made_enclave(gateway: Gateway) -> Gateway:
    """Signs quotes in a quoting enclave of another signer than the vendor's."""
    return on_machine(gateway, qe_report=lambda report: flipped(report, QE_SIGNER_AT))


# --- What vouches for the signer ---------------------------------------------------------------------------------


@defect(breaks="AT-003", also=("VT-002",))
def ships_half_a_certificate_chain(gateway: Gateway) -> Gateway:
    """Leaves the certificates of the authorities out of the quote."""
    end = "-----END CERTIFICATE-----\n"
    return on_machine(gateway, pck_chain=lambda chain: chain.partition(end)[0] + end)


@defect(breaks="AT-003", also=("VT-002",))
def runs_under_a_root_of_its_own(gateway: Gateway) -> Gateway:
    """Quotes from a machine whose certificates somebody else issued, beside the collateral of a certified one."""

    def platform(seed: bytes, now: Callable[[], datetime]) -> Platform:
        from mockserver.tee import Platform

        certified, quoting = Platform(seed, now), Platform(b"another root", now)
        quoting.export_trust = certified.export_trust  # type: ignore[method-assign]
        return quoting

    return replace(gateway, new_platform=platform)


@defect(breaks="AT-003", also=("VT-002",))
def certifies_two_levels_at_once(gateway: Gateway) -> Gateway:
    """Has a platform certificate whose components are newer than the level they stand for."""
    return on_machine(gateway, component_svns=lambda cpu_svn: bytes((cpu_svn[0] + 1, *cpu_svn[1:])))


@defect(breaks="AT-004", also=("VT-002",))
def runs_under_a_revoked_authority(gateway: Gateway) -> Gateway:
    """Quotes from a machine whose certificate was issued by an authority that has been revoked."""
    return on_machine(gateway, platform_ca_revoked=True)


@defect(breaks="AT-006", also=("VT-002",))
def runs_on_a_machine_of_a_revoked_level(gateway: Gateway) -> Gateway:
    """Quotes from a machine at a TCB level that Intel has revoked."""
    return on_machine(gateway, tcb_status="Revoked")


@defect(breaks="AT-006", also=("VT-002",))
def leaves_the_platform_half_configured(gateway: Gateway) -> Gateway:
    """Quotes from a machine whose settings leave a known hole open."""
    return on_machine(gateway, tcb_status="ConfigurationNeeded", tcb_advisories=("INTEL-SA-00837",))


@defect(breaks="AT-006", also=("VT-002",))
def needs_hardened_software(gateway: Gateway) -> Gateway:
    """Quotes from a machine whose holes only the software in the domain could close."""
    return on_machine(gateway, tcb_status="SWHardeningNeeded", tcb_advisories=("INTEL-SA-00615",))


@defect(breaks="AT-007", also=("VT-002",))
def has_only_old_collateral(gateway: Gateway) -> Gateway:
    """Runs on a machine of which no statement younger than forty days is to be had."""
    return on_machine(gateway, collateral_age_days=40)


@defect(breaks="AT-007", also=("VT-002",))
def improves_its_own_collateral(gateway: Gateway) -> Gateway:
    """Writes UpToDate over the status in the statement that Intel signed."""

    def improved(collateral: dict[str, str]) -> dict[str, str]:
        return {**collateral, "tcb_info": collateral["tcb_info"].replace("OutOfDate", "UpToDate")}

    return on_machine(gateway, tcb_status="OutOfDate", collateral=improved)


@defect(breaks="AT-007", also=("VT-002",))
def shows_another_revocation_list(gateway: Gateway) -> Gateway:
    """Passes the root's list of revoked certificates for that of the platforms."""
    return on_machine(gateway, collateral=lambda collateral: {**collateral, "pck_crl": collateral["root_ca_crl"]})


# --- The trust domain --------------------------------------------------------------------------------------------


@defect(breaks="AT-011", also=("VT-002",))
def lets_the_host_profile_the_domain(gateway: Gateway) -> Gateway:
    """Starts the trust domain with a profiling attribute."""
    return on_machine(gateway, td_attributes=attributes(0x10))


@defect(breaks="AT-011", also=("VT-002",))
def lets_the_host_move_the_domain(gateway: Gateway) -> Gateway:
    """Starts the trust domain with the attribute that allows migration."""
    return on_machine(gateway, td_attributes=attributes(0, 0x30))


@defect(breaks="AT-011", also=("VT-002",))
def binds_a_service_domain(gateway: Gateway) -> Gateway:
    """Starts the trust domain with a service domain beside it that nobody attested."""
    return on_machine(gateway, quote_form="v5-td15", mr_service_td=b"\x5a" * 48)


@defect(breaks="AT-012", also=("VT-002",))
def lets_the_host_take_pages_away(gateway: Gateway) -> Gateway:
    """Starts the trust domain without SEPT_VE_DISABLE."""
    return on_machine(gateway, td_attributes=attributes(0, 0))


@defect(breaks="AT-013", also=("VT-002",))
def sets_an_attribute_nobody_defined(gateway: Gateway) -> Gateway:
    """Starts the trust domain with a reserved attribute bit."""
    return on_machine(gateway, td_attributes=attributes(0, 0x12))


@defect(breaks="AT-013", also=("VT-002",))
def enables_features_nobody_defined(gateway: Gateway) -> Gateway:
    """Starts the trust domain with a reserved bit in XFAM."""
    return on_machine(gateway, xfam=bytes.fromhex("e702060000000080"))


@defect(breaks="AT-014")
def measures_no_firmware(gateway: Gateway) -> Gateway:
    """Quotes an MRTD of zeros."""
    return on_machine(gateway, mr_td=lambda measured: EMPTY)


@defect(breaks="AT-014", also=("VT-002", "AT-030"))
def measures_no_boot(gateway: Gateway) -> Gateway:
    """Quotes zeros in RTMR0 to RTMR3."""
    return on_machine(gateway, rtmrs=lambda registers: (EMPTY,) * 4)


@defect(breaks="AT-015")
def names_no_module(gateway: Gateway) -> Gateway:
    """Quotes an MRSEAM of zeros."""
    return on_machine(gateway, mr_seam=lambda measured: EMPTY)


@defect(breaks=("AT-010", "AT-050", "VT-014"), also=("VT-002",))
def debugs_the_smaller_models(gateway: Gateway) -> Gateway:
    """Runs one model in a production domain, and all others in debug mode."""

    def platform(seed: bytes, now: Callable[[], datetime]) -> Platform:
        from mockserver.tee import Decisions, Platform

        class Split(Platform):
            first: str | None = None

            def report(self, model: str, nonce: bytes, algo: str = "ecdsa") -> Json:
                self.first = self.first or model
                machine = self if model == self.first else debugged
                return Platform.report(machine, model, nonce, algo)

        debugged = Platform(seed, now, Decisions(td_attributes=attributes(1)))
        return Split(seed, now)

    return replace(gateway, new_platform=platform)
