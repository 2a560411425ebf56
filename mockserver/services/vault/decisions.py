"""Every decision of Vault that a client can see, one field each; the defaults are the honest behaviours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mockserver.services.vault import machines, operations, racks, talos
from mockserver.services.vault.racks import Rack

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.refusal import Refusal
    from mockserver.services.members import Members

Json = dict[str, Any]
Handler = Callable[["Call"], Awaitable["Reply"]]


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Comments say what each field decides. Whose call it is, Forge decides for both."""

    # -- operations
    request: Handler = operations.request
    list_racks: Handler = operations.list_racks
    retrieve: Handler = operations.retrieve
    mint_credentials: Handler = machines.mint_credentials
    talos_config: Handler = machines.talos_config
    attestation: Handler = machines.attestation

    # -- racks
    rack_members: Members = field(default_factory=lambda: operations.RACK)
    metros_of: Callable[[Call], Sequence[str]] = operations.metros_of  # where the tenant may have machines
    new_id: Callable[[Call], str] = operations.new_id
    find: Callable[[Call, str], Rack | None] = operations.find  # a rack that the caller may know of
    listed: Callable[[Call], list[Rack]] = operations.listed
    rack: Callable[[Call, Mapping[str, Any]], Rack] = operations.rack_of  # from the members of the request
    requested_status: int = 202
    status_of: Callable[[Rack, float], str] = racks.status_of
    is_ready: Callable[[Call, Rack], bool] = operations.is_ready  # whether its machines can be had access to
    row: Callable[[Call, Rack], Json] = operations.row
    pod_of: Callable[[Call, Rack], str] = operations.pod_of
    nodes_of: Callable[[Call, Rack], list[str]] = operations.nodes_of  # host names
    node: Callable[[Call, Rack, str], Json] = operations.node
    gpus_of: Callable[[Call, Rack], int] = operations.gpus_of  # in one node

    # -- access to the machines
    credentials: Callable[[Call, Rack], Json] = machines.credentials
    credentials_status: int = 201
    credential_s: int = machines.CREDENTIAL_S
    new_username: Callable[[Call], str] = machines.new_username
    new_password: Callable[[Call], str] = machines.new_password
    bundle: Callable[[Call, Rack], talos.Bundle] = machines.bundle  # secrets of the rack's cluster
    write_talos: Callable[[Mapping[str, Any]], bytes] = talos.write
    talos_content_type: str = "application/yaml"

    # -- measured boot
    attestation_status: Callable[[Call, Rack, str], str] = machines.attestation_status  # in the rack's row
    reported_nodes: Callable[[Call, Rack], list[str]] = machines.reported_nodes
    reported: Callable[[Call, Rack, str], Json] = machines.reported  # one node of the report
    registers: Callable[[Call, Rack, str], dict[str, str]] = machines.registers
    verdict: Callable[[Call, Rack, str], str] = machines.verdict
    verified: Callable[[Call, Rack], float] = machines.verified  # unix seconds

    # -- refusals
    refuse_unknown: Callable[[Call], Refusal] = operations.unknown  # 404, of another tenant's rack as well
    refuse_not_ready: Callable[[Call], Refusal] = operations.not_ready  # 409
