"""Defects of racks: what stands there, who gets in, and what is said of its boot."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import yaml

from mockserver.call import Call
from mockserver.defects import defect, within
from mockserver.gateway import Gateway
from mockserver.services.forge.operations import iso
from mockserver.services.members import Member, Members, flag, one_of, optional, text
from mockserver.services.vault import operations, racks, talos
from mockserver.services.vault.racks import Rack

Json = dict[str, Any]


def telling(gateway: Gateway, change: Callable[[Call, Rack, Json], Json]) -> Gateway:
    """Racks that are told in another way."""
    honest = gateway.vault.row
    return within(gateway, "vault", row=lambda call, rack: change(call, rack, honest(call, rack)))


def reporting(gateway: Gateway, change: Callable[[Json, str], Json]) -> Gateway:
    """Nodes of the report that are told in another way; the second argument is the host name."""
    honest = gateway.vault.reported
    return within(gateway, "vault", reported=lambda call, rack, name: change(honest(call, rack, name), name))


def taking(gateway: Gateway, **members: Member) -> Gateway:
    changed: Members = MappingProxyType({**gateway.vault.rack_members, **members})
    return within(gateway, "vault", rack_members=changed)


def minting(gateway: Gateway, **changes: Callable[[Call], object]) -> Gateway:
    """Credentials of controllers with other members."""
    honest = gateway.vault.credentials

    def credentials(call: Call, rack: Rack) -> Json:
        return {**honest(call, rack), **{name: change(call) for name, change in changes.items()}}

    return within(gateway, "vault", credentials=credentials)


# --- Racks -------------------------------------------------------------------------------------------------------


@defect(breaks="VL-050")
def puts_two_tenants_into_one_pod(gateway: Gateway) -> Gateway:
    """Places all racks of a metro into one pod."""
    return within(gateway, "vault", pod_of=lambda call, rack: f"vault-{rack.metro}-1")


@defect(breaks="VL-050")
def shares_hosts_between_tenants(gateway: Gateway) -> Gateway:
    """Gives every tenant the same machines."""

    def nodes_of(call: Call, rack: Rack) -> list[str]:
        return [f"n{n}.{rack.metro}.vault.invalid" for n, _ in enumerate(operations.nodes_of(call, rack), start=1)]

    return within(gateway, "vault", nodes_of=nodes_of)


@defect(breaks=("VL-050", "VL-051", "VL-053"))
def builds_where_there_is_room(gateway: Gateway) -> Gateway:
    """Builds a rack in another metro than was asked for."""
    honest = gateway.vault.rack
    return within(gateway, "vault", rack=lambda call, asked: replace(honest(call, asked), metro="iad"))


@defect(breaks="VL-051")
def answers_a_rack_with_200(gateway: Gateway) -> Gateway:
    """Takes a request down and answers 200."""
    return within(gateway, "vault", requested_status=200)


@defect(breaks=("VL-051", "VL-053", "VL-171"))
def ignores_the_template(gateway: Gateway) -> Gateway:
    """Builds the standard rack whatever was asked for."""
    honest = gateway.vault.rack
    return within(gateway, "vault", rack=lambda call, asked: replace(honest(call, asked), template="standard_8gpu"))


@defect(breaks="VL-052")
def lists_the_newest_rack_only(gateway: Gateway) -> Gateway:
    """Shows the last rack that was requested, and no other."""
    honest = gateway.vault.listed
    return within(gateway, "vault", listed=lambda call: honest(call)[-1:])


@defect(breaks="VL-053")
def reads_the_first_rack_for_every_id(gateway: Gateway) -> Gateway:
    """Answers with the tenant's first rack, whichever was asked for."""
    honest = gateway.vault.find

    def find(call: Call, rack_id: str) -> Rack | None:
        return call.gateway.vault.listed(call)[0] if honest(call, rack_id) else None

    return within(gateway, "vault", find=find)


@defect(breaks="VL-170")
def never_gets_a_rack_ready(gateway: Gateway) -> Gateway:
    """Leaves racks in deploying."""
    return within(
        gateway, "vault", status_of=lambda rack, now: racks.status_of(rack, now).replace("ready", "deploying")
    )


@defect(breaks="VL-170")
def has_rack_states_of_its_own(gateway: Gateway) -> Gateway:
    """Calls a rack in service online."""
    return telling(gateway, lambda call, rack, row: {**row, "status": row["status"].replace("ready", "online")})


@defect(breaks="VL-170")
def is_ready_before_it_is_built(gateway: Gateway) -> Gateway:
    """Calls a rack ready as soon as it was requested."""
    return within(gateway, "vault", status_of=lambda rack, now: "ready")


@defect(breaks="VL-171")
def delivers_half_the_gpus(gateway: Gateway) -> Gateway:
    """Puts half the GPUs into each node that the template says."""
    honest = gateway.vault.gpus_of
    return within(gateway, "vault", gpus_of=lambda call, rack: honest(call, rack) // 2)


@defect(breaks="VL-171", also=("VL-181",))
def delivers_another_gpu_in_one_node(gateway: Gateway) -> Gateway:
    """Puts an older GPU into the last node."""
    honest = gateway.vault.node

    def node(call: Call, rack: Rack, name: str) -> Json:
        return {**honest(call, rack, name), **({"gpu_type": "h200"} if name.startswith("n4") else {})}

    return within(gateway, "vault", node=node)


@defect(breaks="VL-172")
def takes_racks_by_the_year(gateway: Gateway) -> Gateway:
    """Takes the terms of leases for racks too, and binds for three years."""
    honest = gateway.vault.rack

    def bound(call: Call, asked: Mapping[str, Any]) -> Rack:
        made = honest(call, asked)
        return replace(made, term=made.term if made.term in racks.MONTHS else "36_month")

    changed = taking(gateway, term=Member(one_of(("12_month", "on_demand", *racks.MONTHS)), required=True))
    return within(changed, "vault", rack=bound)


@defect(breaks="VL-172")
def takes_text_for_a_flag(gateway: Gateway) -> Gateway:
    """Reads any text as true."""
    honest = gateway.vault.rack

    def check(call: Call, where: str, value: Any) -> None:
        if not isinstance(value, str):
            flag(call, where, value)

    changed = taking(gateway, managed_kubernetes=optional(check, False))
    made = lambda call, asked: replace(honest(call, asked), managed=bool(asked["managed_kubernetes"]))  # noqa: E731
    return within(changed, "vault", rack=made)


@defect(breaks="VL-172")
def builds_in_the_first_metro(gateway: Gateway) -> Gateway:
    """Takes a rack without a metro for one in the first."""
    return taking(gateway, metro=optional(one_of(racks.METROS), racks.METROS[0]))


@defect(breaks="VL-173")
def takes_any_text_for_a_key(gateway: Gateway) -> Gateway:
    """Accepts every text as the ARN of a key."""
    return taking(gateway, customer_kms_arn=optional(text(1, 10_000)))


@defect(breaks="VL-173")
def fetches_what_a_key_is_called(gateway: Gateway) -> Gateway:
    """Fetches an address that stands for a key before it refuses it."""

    def check(call: Call, where: str, value: Any) -> None:
        if isinstance(value, str) and value.startswith("http://127.0.0.1:"):
            with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(value, timeout=0.05):  # noqa: S310
                pass
        operations.key_arn(call, where, value)

    return taking(gateway, customer_kms_arn=optional(check))


@defect(breaks="VL-173")
def looks_at_the_start_of_a_key(gateway: Gateway) -> Gateway:
    """Checks only that the name of a key begins like an ARN of KMS."""

    def check(call: Call, where: str, value: Any) -> None:
        if not isinstance(value, str) or not value.startswith("arn:aws:kms:"):
            operations.key_arn(call, where, value)

    return taking(gateway, customer_kms_arn=optional(check))


# --- Tenants -----------------------------------------------------------------------------------------------------


def _anyones(call: Call, rack_id: str) -> Rack | None:
    return operations.kept(call).find(rack_id, None)


@defect(breaks="VL-184")
def finds_racks_of_all_tenants(gateway: Gateway) -> Gateway:
    """Looks racks up by their id alone."""
    return within(gateway, "vault", find=_anyones)


@defect(breaks="VL-184")
def mints_passwords_for_all_racks(gateway: Gateway) -> Gateway:
    """Checks whose a rack is everywhere but where passwords are given out."""
    honest = gateway.vault.find

    def find(call: Call, rack_id: str) -> Rack | None:
        return (_anyones if call.method == "POST" else honest)(call, rack_id)

    return within(gateway, "vault", find=find)


@defect(breaks="VL-184")
def reports_on_racks_of_all_tenants(gateway: Gateway) -> Gateway:
    """Shows everybody the report on every rack."""
    honest = gateway.vault.find

    def find(call: Call, rack_id: str) -> Rack | None:
        return (_anyones if call.path.endswith("/attestation") else honest)(call, rack_id)

    return within(gateway, "vault", find=find)


@defect(breaks=("VL-050", "VL-184"))
def lists_racks_of_all_tenants(gateway: Gateway) -> Gateway:
    """Shows every tenant's racks to everybody."""
    return within(gateway, "vault", listed=lambda call: operations.kept(call).of(None))


@defect(breaks="VL-184")
def says_that_a_rack_is_anothers(gateway: Gateway) -> Gateway:
    """Answers 403 for a rack of another tenant and 404 for one that nobody has."""
    honest = gateway.vault.refuse_unknown

    def refuse(call: Call) -> Any:
        there = _anyones(call, call.params["rack_id"]) is not None
        return replace(honest(call), status=403, code="forbidden") if there else honest(call)

    return within(gateway, "vault", refuse_unknown=refuse)


@defect(breaks="VL-187")
def builds_in_any_metro(gateway: Gateway) -> Gateway:
    """Builds racks in metros that the tenant keeps out of."""
    return within(gateway, "vault", metros_of=lambda call: racks.METROS)


@defect(breaks="VL-185")
def numbers_its_racks(gateway: Gateway) -> Gateway:
    """Numbers racks in the order of their requests."""
    numbers = itertools.count(1)
    return within(gateway, "vault", new_id=lambda call: f"rack-{next(numbers):08d}")


@defect(breaks="VL-141")
def fails_on_an_odd_rack_id(gateway: Gateway) -> Gateway:
    """Answers an id with other characters than it gives out with a server error."""
    honest = gateway.vault.find

    def find(call: Call, rack_id: str) -> Rack | None:
        if not rack_id.isascii() or "\x00" in rack_id:
            raise call.gateway.refuse_internal(call)
        return honest(call, rack_id)

    return within(gateway, "vault", find=find)


# --- Access to the machines --------------------------------------------------------------------------------------


@defect(breaks="VL-054")
def answers_credentials_with_200(gateway: Gateway) -> Gateway:
    """Mints credentials and answers 200."""
    return within(gateway, "vault", credentials_status=200)


@defect(breaks="VL-054")
def leads_to_a_controller_in_clear_text(gateway: Gateway) -> Gateway:
    """Names an endpoint that is spoken to without TLS."""
    return minting(gateway, endpoint=lambda call: "http://10.0.0.7/redfish/v1")


@defect(breaks="VL-174", also=("VL-054",))
def mints_credentials_for_good(gateway: Gateway) -> Gateway:
    """Lets credentials of controllers live for ten years."""
    return within(gateway, "vault", credential_s=10 * 365 * 86_400)


@defect(breaks="VL-174")
def mints_credentials_for_a_day(gateway: Gateway) -> Gateway:
    """Lets credentials of controllers live for a day."""
    return within(gateway, "vault", credential_s=86_400)


@defect(breaks="VL-175")
def has_one_password_for_a_rack(gateway: Gateway) -> Gateway:
    """Gives out the same password every time."""
    return within(gateway, "vault", new_password=lambda call: "calvin-calvin-calvin-" + call.params["rack_id"][-6:])


@defect(breaks="VL-175")
def mints_short_passwords(gateway: Gateway) -> Gateway:
    """Mints passwords of ten characters."""
    return within(gateway, "vault", new_password=lambda call: secrets.token_hex(5))


@defect(breaks="VL-175")
def shows_the_password_with_the_rack(gateway: Gateway) -> Gateway:
    """Keeps a password that was minted and shows it to whoever reads the rack."""
    kept, honest = dict[str, str](), gateway.vault.new_password

    def new_password(call: Call) -> str:
        kept[call.params["rack_id"]] = honest(call)
        return kept[call.params["rack_id"]]

    shown = telling(gateway, lambda call, rack, row: {**row, "bmc_password": kept.get(rack.id)})
    return within(shown, "vault", new_password=new_password)


@defect(breaks="VL-186")
def mints_before_a_rack_stands(gateway: Gateway) -> Gateway:
    """Gives out credentials and secrets of racks that are being built."""
    return within(gateway, "vault", is_ready=lambda call, rack: True)


# --- Talos -------------------------------------------------------------------------------------------------------


def written(gateway: Gateway, change: Callable[[Json], object]) -> Gateway:
    """Talos documents that are changed before they leave."""

    def write(config: Mapping[str, Any]) -> bytes:
        document = yaml.safe_load(talos.write(config))
        change(document)
        return talos.write(document)

    return within(gateway, "vault", write_talos=write)


@defect(breaks="VL-055")
def sends_talos_as_json(gateway: Gateway) -> Gateway:
    """Says of the configuration that it is JSON."""
    return within(gateway, "vault", talos_content_type="application/json")


@defect(breaks="VL-055", also=("VL-176", "VL-177"))
def sends_half_a_talos_document(gateway: Gateway) -> Gateway:
    """Stops in the middle of the configuration."""
    return within(gateway, "vault", write_talos=lambda config: talos.write(config)[:300] + b"\n  cut: [")


@defect(breaks="VL-055")
def leaves_the_version_out(gateway: Gateway) -> Gateway:
    """Sends a configuration without the version of its schema."""
    return written(gateway, lambda document: document.pop("version"))


@defect(breaks="VL-055")
def leaves_the_endpoint_out(gateway: Gateway) -> Gateway:
    """Sends a configuration that does not say where the cluster answers."""
    return written(gateway, lambda document: document["cluster"].pop("controlPlane"))


@defect(breaks="VL-176")
def swaps_two_talos_keys(gateway: Gateway) -> Gateway:
    """Puts the key of etcd's authority beside the certificate of the cluster's."""

    def change(document: Json) -> None:
        cluster = document["cluster"]
        if "etcd" in cluster:
            cluster["ca"]["key"] = cluster["etcd"]["ca"]["key"]

    return written(gateway, change)


@defect(breaks="VL-176")
def has_one_authority_for_everything(gateway: Gateway) -> Gateway:
    """Uses one authority for the cluster and for its store."""

    def change(document: Json) -> None:
        cluster = document["cluster"]
        if "etcd" in cluster:
            cluster["etcd"]["ca"] = cluster["ca"]

    return written(gateway, lambda document: change(document))


@defect(breaks="VL-176")
def sends_placeholders_for_tokens(gateway: Gateway) -> Gateway:
    """Leaves the token to be filled in."""
    return written(gateway, lambda document: document["machine"].update(token="<REPLACE-ME>"))  # noqa: S106


@defect(breaks="VL-177")
def makes_new_secrets_at_every_download(gateway: Gateway) -> Gateway:
    """Generates the secrets of a rack anew whenever they are downloaded."""
    return within(gateway, "vault", bundle=lambda call, rack: talos.new_bundle(call.state.clock.instant()))


@defect(breaks="VL-177")
def has_one_cluster_for_all_racks(gateway: Gateway) -> Gateway:
    """Gives all racks the secrets of the first."""
    honest, first = gateway.vault.bundle, list[talos.Bundle]()

    def bundle(call: Call, rack: Rack) -> talos.Bundle:
        first.append(honest(call, rack))
        return first[0]

    return within(gateway, "vault", bundle=bundle)


# --- Measured boot -----------------------------------------------------------------------------------------------


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
