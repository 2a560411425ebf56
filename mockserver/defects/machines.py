"""Defects of a rack's machines: passwords that are good for too long, Talos secrets that are none."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from mockserver.call import Call
from mockserver.defects import defect, within
from mockserver.defects.vault import telling
from mockserver.gateway import Gateway
from mockserver.services.vault import talos
from mockserver.services.vault.racks import Rack

Json = dict[str, Any]


def minting(gateway: Gateway, **changes: Callable[[Call], object]) -> Gateway:
    """Credentials of controllers with other members."""
    honest = gateway.vault.credentials

    def credentials(call: Call, rack: Rack) -> Json:
        return {**honest(call, rack), **{name: change(call) for name, change in changes.items()}}

    return within(gateway, "vault", credentials=credentials)


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
