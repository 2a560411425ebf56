"""Everything that stands in a piece of evidence, as one nested document. It verifies nothing and says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import dcap_qvl
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from harness.attest import Rejected, ccel, eventlog
from harness.attest.adapters import detect
from harness.attest.boot import BootReport
from harness.attest.certificates import chain_in
from harness.attest.evidence import Evidence, GpuDevice, Tokens
from harness.attest.gpu import chain as gpu_chain
from harness.attest.gpu import payload as gpu_payload
from harness.attest.gpu import report as gpu_report
from harness.attest.layout import Layout
from harness.attest.layout import read as read_quote
from harness.attest.policy import TEE_TDX

UNVERIFIED = "nothing here is verified: these are the evidence's own words"
_ATTRIBUTES = {
    0: "DEBUG",
    4: "HGS_PLUS_PROF",
    5: "PERF_PROF",
    6: "PMT_PROF",
    27: "LASS",
    28: "SEPT_VE_DISABLE",
    29: "MIGRATABLE",
    30: "PKS",
    31: "KL",
    62: "TPA",
    63: "PERFMON",
}
_CERTIFICATION = {2: "encrypted PPID", 3: "encrypted PPID", 5: "PCK chain"}


def inspect(raw: bytes) -> dict[str, Any]:
    """Raises Rejected(evidence.*) when the format is unknown; parts that cannot be read say why in their place."""
    found = _gpus_alone(raw)
    if found is not None:
        return {"format": "GPU evidence", "note": UNVERIFIED, **found}
    adapter = detect(raw)
    parsed = adapter.parse(raw)
    head = {"format": adapter.name, "note": UNVERIFIED}
    if isinstance(parsed, Tokens):
        return {**head, "overall": parsed.overall, "devices": dict(parsed.devices)}
    if isinstance(parsed, BootReport):
        return {**head, "rack": parsed.rack, "nodes": [_node(node) for node in parsed.nodes]}
    if len(parsed) == 1:
        return {**head, **_machine(parsed[0])}
    return {**head, "machines": [_machine(machine) for machine in parsed]}


def _gpus_alone(raw: bytes) -> dict[str, Any] | None:
    """The payload that holds GPU or switch evidence and no quote."""
    try:
        payload = gpu_payload.read(raw)
    except Rejected:
        return None
    devices = [GpuDevice(entry.report, entry.certificates, entry.arch) for entry in payload.entries]
    return {"nonce": payload.nonce, "devices": [_device(device) for device in devices]}


def _node(node: Any) -> dict[str, Any]:
    registers = {f"PCR{n}": value.hex() for n, value in sorted(node.registers.items())}
    return {"host": node.host, "verdict": node.verdict, "verified_at": node.verified_at.isoformat(), **registers}


def _machine(machine: Evidence) -> dict[str, Any]:
    found: dict[str, Any] = {
        "quote": _readable(lambda: _quote(read_quote(machine.quote))),
        "binding": {
            "scheme": machine.scheme.name,
            "report_data": machine.scheme.report_data,
            **{name: _short(value) for name, value in machine.fields.items()},
        },
        "nonce repeated": [echo.hex() for echo in machine.echoed],
        "event log": _application_log(machine.event_log),
        "firmware log": _firmware_log(machine.ccel),
        "compose": machine.compose,
        "GPUs": [_device(device) for device in machine.gpu],
        "measurements claimed": dict(machine.measured_claims),
        "events claimed": dict(machine.event_claims),
        "said": dict(machine.says),
    }
    return {name: value for name, value in found.items() if value}


def _quote(layout: Layout) -> dict[str, Any]:
    body = {name: value.hex() for name, value in layout.body.items()}
    found: dict[str, Any] = {
        "version": layout.version,
        "TEE": "TDX" if layout.tee_type == TEE_TDX else "SGX",
        "body": body,
        "attestation key": layout.attestation_key.hex(),
        "signature": layout.signature.hex(),
        "quoting enclave": {name: value.hex() for name, value in layout.qe.items() if not name.startswith("reserved")},
        "certification": _certification(layout),
        "padding": len(layout.trailing),
    }
    if "td_attributes" in body:
        found["attributes set"] = attributes(layout.body["td_attributes"])
    return found


def attributes(value: bytes) -> list[str]:
    """Names of the bits that are set in the attributes of a trust domain."""
    bits = int.from_bytes(value, "little")
    return [_ATTRIBUTES.get(n, f"bit {n}") for n in range(64) if bits >> n & 1]


def _certification(layout: Layout) -> dict[str, Any]:
    kind = f"{layout.certification_type} ({_CERTIFICATION.get(layout.certification_type, 'unknown')})"
    if not layout.embeds_chain:
        return {"type": kind, "data": layout.certification.hex()}
    certificates = chain_in(layout.certification.rstrip(b"\0").decode("ascii", "replace"))
    shown = [_certificate(certificate) for certificate in certificates]
    platform = _readable(lambda: _platform(certificates[0])) if certificates else {}
    return {"type": kind, "platform": platform, "chain": shown}


def _platform(pck: x509.Certificate) -> dict[str, Any]:
    found = dcap_qvl.parse_pck_extension_from_pem(pck.public_bytes(Encoding.PEM))
    return {
        "fmspc": found.fmspc.hex(),
        "ppid": found.ppid.hex(),
        "cpu_svn": found.cpu_svn.hex(),
        "pce_svn": found.pce_svn,
        "sgx_type": found.sgx_type,
    }


def _certificate(certificate: x509.Certificate) -> dict[str, Any]:
    return {
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "serial": f"{certificate.serial_number:x}",
        "valid": f"{certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}",
    }


def _application_log(events: tuple[Any, ...] | None) -> dict[str, Any] | None:
    return None if events is None else _replayed(eventlog.replay(events), [_event(event) for event in events])


def _firmware_log(raw: bytes | None) -> dict[str, Any] | None:
    if raw is None:
        return None
    events = _readable(lambda: [_firmware_event(event) for event in ccel.read_ccel(raw)])
    return _replayed(ccel.replay_ccel(raw), events)


def _replayed(replayed: eventlog.Replay, events: Any) -> dict[str, Any]:
    return {
        "replays to": {f"RTMR{n}": value.hex() for n, value in enumerate(replayed.registers)},
        "problems": [f"{problem.code}: {problem.reason}" for problem in replayed.problems],
        "events": events,
    }


def _event(event: Any) -> Any:
    if not isinstance(event, Mapping):
        return event
    names = ("imr", "event_type", "event", "event_payload", "digest")
    return {name: event[name] for name in names if event.get(name) not in (None, "")}


def _firmware_event(event: ccel.Event) -> dict[str, Any]:
    where = f"RTMR{event.register}" if event.register >= 0 else "MRTD"
    hashed = "of the data" if event.data_is_measured else "of something else than the data"
    return {"into": where, "type": f"0x{event.kind:08x}", "digest": event.digest.hex(), "digest is": hashed}


def _device(device: GpuDevice) -> dict[str, Any]:
    return {
        "arch": device.arch,
        "report": _readable(lambda: _gpu_report(device.evidence)),
        "chain": _readable(lambda: [_certificate(each) for each in gpu_chain.read_pem(device.certificate)]),
    }


def _gpu_report(raw: bytes) -> dict[str, Any]:
    found = gpu_report.read(raw)
    return {
        "nonce": found.nonce.hex(),
        "driver": _readable(lambda: found.driver),
        "vbios": _readable(lambda: found.vbios),
        "mode": found.mode,
        "opaque": {_opaque_name(kind): _short(value) for kind, value in found.opaque.items()},
        "measurements": {str(n): value.hex() for n, value in found.measurements.items()},
        "signature": found.signature.hex(),
    }


def _opaque_name(kind: int) -> str:
    return gpu_report.Field(kind).name.lower() if kind in set(gpu_report.Field) else str(kind)


def _readable(make: Callable[[], Any]) -> Any:
    """What a part holds, or why it cannot be read: the rest is still worth seeing."""
    try:
        return make()
    except (Rejected, ValueError, TypeError, x509.InvalidVersion) as error:
        return f"cannot be read: {error}"


def _short(value: bytes) -> str:
    return value.hex() if len(value) <= 64 else f"{value[:32].hex()}... ({len(value)} bytes)"
