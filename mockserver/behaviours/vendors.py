"""What the makers of CPU and GPU publish about this machine. No part of a contract, and no key is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from mockserver.behaviours.admission import read_body
from mockserver.call import Reply
from mockserver.refusal import Refusal

if TYPE_CHECKING:
    from mockserver.call import Call

INTEL = ("/sgx/certification/v4/", "/tdx/certification/v4/")
NVIDIA = "/nvidia"  # where it has a host for each service, there is a folder here: /nvidia/rim, /nvidia/ocsp, ...
VENDORS = (*INTEL, f"{NVIDIA}/")


def is_vendor_path(path: str) -> bool:
    return path.startswith(VENDORS)


async def serve_vendor(call: Call) -> Reply:
    """Intel's certification service, or one of NVIDIA's."""
    if call.path.startswith(INTEL):
        return _intel(call)
    try:
        await read_body(call)
    except Refusal as refusal:
        return Reply(refusal.status, b"", [])
    return _nvidia(call)


def _intel(call: Call) -> Reply:
    from mockserver.tee import pcs  # late: it brings cryptography, which not every contract needs

    assert call.state.platform is not None
    if call.method != "GET":
        return Reply(405, b"", [("Allow", "GET")])
    query = {name: values[-1] for name, values in parse_qs(call.query).items()}
    found = pcs.answer(call.path, query, call.state.platform.collateral)
    return Reply(found.status, found.body, [*found.headers, ("Request-ID", call.request_id)])


def _nvidia(call: Call) -> Reply:
    assert call.state.platform is not None
    confidential = [row.id for row in call.state.catalogue.rows.values() if row.confidential]
    services = call.state.platform.gpu_services(confidential)
    found = services.answer(call.method, call.path.removeprefix(NVIDIA), call.raw)
    return Reply(found.status, found.body, [("Content-Type", found.content_type), ("Request-ID", call.request_id)])
