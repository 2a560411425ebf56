"""Defects of measured-boot reports: nodes left out, verdicts that are old, registers that hold nothing."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from mockserver.call import Call
from mockserver.defects import defect, within
from mockserver.gateway import Gateway
from mockserver.services.forge.operations import iso
from mockserver.services.vault.racks import Rack

Json = dict[str, Any]


def reporting(gateway: Gateway, change: Callable[[Json, str], Json]) -> Gateway:
    """Nodes of the report that are told in another way; the second argument is the host name."""
    honest = gateway.vault.reported
    return within(gateway, "vault", reported=lambda call, rack, name: change(honest(call, rack, name), name))


@defect(breaks="VL-056")
def has_verdicts_of_its_own(gateway: Gateway) -> Gateway:
    """Says trusted where it should say pass."""
    return reporting(gateway, lambda node, name: {**node, "measured_boot_verdict": "trusted"})


@defect(breaks="VL-056")
def reports_without_registers(gateway: Gateway) -> Gateway:
    """Sends the verdict and keeps the registers."""
    return reporting(gateway, lambda node, name: {**node, "tpm_pcr_values": None})


@defect(breaks="VL-178")
def leaves_a_node_out_of_the_report(gateway: Gateway) -> Gateway:
    """Reports on all nodes but the last."""
    honest = gateway.vault.reported_nodes
    return within(gateway, "vault", reported_nodes=lambda call, rack: honest(call, rack)[:-1])


@defect(breaks="VL-178")
def reports_one_node_for_all(gateway: Gateway) -> Gateway:
    """Reports on the first node as often as there are nodes."""
    honest = gateway.vault.reported_nodes
    return within(gateway, "vault", reported_nodes=lambda call, rack: honest(call, rack)[:1] * len(honest(call, rack)))


@defect(breaks="VL-179")
def reports_what_it_saw_yesterday(gateway: Gateway) -> Gateway:
    """Sends the verdict of the day before."""
    return within(gateway, "vault", verified=lambda call, rack: call.state.clock.now() - 86_400)


@defect(breaks="VL-179")
def reports_what_it_will_see(gateway: Gateway) -> Gateway:
    """Dates its verdicts an hour ahead, as a clock in another time zone does."""
    return reporting(gateway, lambda node, name: {**node, "verified_at": node["verified_at"] and iso(4_000_000_000)})


@defect(breaks="VL-180")
def reports_registers_of_sha1(gateway: Gateway) -> Gateway:
    """Sends the registers of the SHA-1 bank."""
    honest = gateway.vault.registers

    def registers(call: Call, rack: Rack, name: str) -> dict[str, str]:
        return {number: value[:40] for number, value in honest(call, rack, name).items()}

    return within(gateway, "vault", registers=registers)


@defect(breaks="VL-180")
def passes_a_node_that_measured_nothing(gateway: Gateway) -> Gateway:
    """Says pass of nodes whose registers are all zero."""
    zero = {str(number): "00" * 32 for number in range(8)}
    return within(gateway, "vault", registers=lambda call, rack, name: dict(zero))


@defect(breaks="VL-180")
def forgets_secure_boot(gateway: Gateway) -> Gateway:
    """Leaves the register of Secure Boot out."""
    honest = gateway.vault.registers

    def registers(call: Call, rack: Rack, name: str) -> dict[str, str]:
        return {number: value for number, value in honest(call, rack, name).items() if number != "7"}

    return within(gateway, "vault", registers=registers)


@defect(breaks="VL-181")
def passes_a_node_with_another_loader(gateway: Gateway) -> Gateway:
    """Says pass of a node that booted something else than the others."""
    honest = gateway.vault.registers

    def registers(call: Call, rack: Rack, name: str) -> dict[str, str]:
        own = {"4": secrets.token_hex(32)} if name.startswith("n3") else {}
        return {**honest(call, rack, name), **own}

    return within(gateway, "vault", registers=registers)


@defect(breaks="VL-182")
def calls_a_failed_node_verified(gateway: Gateway) -> Gateway:
    """Reports a node as failed that it calls verified in the rack."""

    def verdict(call: Call, rack: Rack, name: str) -> str:
        return "fail" if name.startswith("n2") else gateway.vault.verdict(call, rack, name)

    return within(gateway, "vault", verdict=verdict)


@defect(breaks="VL-182")
def calls_verified_nodes_pending(gateway: Gateway) -> Gateway:
    """Leaves nodes at pending in the rack once they have passed."""
    return within(gateway, "vault", attestation_status=lambda call, rack, name: "pending")
