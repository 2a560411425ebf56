"""Which TCB level of Intel's statements a machine reaches, and what the levels add up to. Checks no signature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.attest.layout import Layout
from harness.attest.policy import TEE_SGX
from harness.attest.verdict import Code, Rejected


@dataclass(frozen=True)
class Level:
    """A TCB level that matched: of the platform, of its TDX module, or of the quoting enclave."""

    of: str
    status: str
    date_s: int  # tcbDate, unix seconds


_CONFIGURATION = ("ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded", "OutOfDateConfigurationNeeded")
_STATUSES = ("UpToDate", "SWHardeningNeeded", "OutOfDate", "Revoked", *_CONFIGURATION)


def appraised_levels(
    layout: Layout, info: Mapping[str, Any], identity: Mapping[str, Any], pck: Any
) -> tuple[str, tuple[Level, ...], tuple[str, ...]]:
    """The status of the whole, the levels it is made of, and the advisories of them all. Raises Rejected."""
    qe_svn = int.from_bytes(layout.qe["isv_svn"], "little")
    quoting = isv_level("quoting enclave", identity["tcbLevels"], qe_svn, Code.QE_NO_LEVEL)
    if layout.tee_type == TEE_SGX:
        found = [platform_level(info, pck.cpu_svn, pck.pce_svn, None)]
    else:
        found = domain_levels(layout.body, info, pck, "tee_tcb_svn")
    status = merged(found[0][0].status, (level.status for level, _ in (*found[1:], quoting)))
    if "tee_tcb_svn2" in layout.body:
        current = domain_levels(layout.body, info, pck, "tee_tcb_svn2")
        others = (level.status for level, _ in (*current[1:], quoting))
        status = relaunched(status, merged(current[0][0].status, others))
        found += [one for one in current if one not in found]
    found.append(quoting)
    advisories = dict.fromkeys(advisory for _, named in found for advisory in named)
    return status, tuple(level for level, _ in found), tuple(advisories)


def domain_levels(
    body: Mapping[str, bytes], info: Mapping[str, Any], pck: Any, svn: str
) -> list[tuple[Level, tuple[str, ...]]]:
    """Of the platform, then of the TDX module. `svn` names the field: of the module at launch, or of the one now."""
    module = module_level(info, body[svn], body["mr_signer_seam"], body["seam_attributes"])
    platform = platform_level(info, pck.cpu_svn, pck.pce_svn, body[svn])
    return [platform, module] if module else [platform]


def platform_level(
    info: Mapping[str, Any], cpu_svn: bytes, pce_svn: int, tdx_svn: bytes | None
) -> tuple[Level, tuple[str, ...]]:
    """The highest level whose every component the machine reaches. `tdx_svn` None: an SGX quote.

    Where the TDX module has its own identity (tdx_svn[1] > 0), its two components are judged there.
    """
    skipped = 2 if tdx_svn and tdx_svn[1] else 0
    for row in sorted(info["tcbLevels"], key=_height, reverse=True):
        tcb = row["tcb"]
        reached = _reaches(cpu_svn, _svns(tcb, "sgxtcbcomponents")) and pce_svn >= tcb["pcesvn"]
        if tdx_svn is not None:
            reached = reached and _reaches(tdx_svn[skipped:], _svns(tcb, "tdxtcbcomponents")[skipped:])
        if reached:
            return _level("platform", row)
    raise Rejected(Code.TCB_NO_LEVEL, f"CPUSVN {cpu_svn.hex()}, PCESVN {pce_svn}: below every TCB level")


def module_level(
    info: Mapping[str, Any], tdx_svn: bytes, signer: bytes, attributes: bytes
) -> tuple[Level, tuple[str, ...]] | None:
    """The TDX module's level; None where it has no identity of its own and the platform's level covers it."""
    if not tdx_svn[1]:
        _check_module(info["tdxModule"], signer, attributes)
        return None
    name = f"TDX_{tdx_svn[1]:02X}"
    identity = next((row for row in info.get("tdxModuleIdentities", []) if row["id"].upper() == name), None)
    if identity is None:
        raise Rejected(Code.MODULE_NO_LEVEL, f"the TCB info knows no TDX module {name}")
    _check_module(identity, signer, attributes)
    return isv_level("TDX module", identity["tcbLevels"], tdx_svn[0], Code.MODULE_NO_LEVEL)


def isv_level(of: str, rows: Iterable[Mapping[str, Any]], svn: int, code: Code) -> tuple[Level, tuple[str, ...]]:
    """The highest level at or below this security version."""
    for row in sorted(rows, key=lambda one: one["tcb"]["isvsvn"], reverse=True):
        if row["tcb"]["isvsvn"] <= svn:
            return _level(of, row)
    raise Rejected(code, f"{of}: security version {svn} is below every level")


def merged(platform: str, others: Iterable[str]) -> str:
    """The status of the whole: old parts make it out of date, whatever else it needs stays."""
    status = platform
    for other in others:
        if other == "Revoked":
            return other
        if other.startswith("OutOfDate"):
            configured = other.endswith("ConfigurationNeeded") or status in _CONFIGURATION
            status = "OutOfDateConfigurationNeeded" if configured else "OutOfDate"
        elif other != "UpToDate" and status == "UpToDate":
            status = other
    return status


def relaunched(launched: str, current: str) -> str:
    """A TD started on an old module that has been updated below it: current now, but its start was not."""
    advised = {
        "OutOfDate": "TDRelaunchAdvised",
        "OutOfDateConfigurationNeeded": "TDRelaunchAdvisedConfigurationNeeded",
    }
    return advised.get(launched, launched) if not current.startswith("OutOfDate") else current


def _check_module(identity: Mapping[str, Any], signer: bytes, attributes: bytes) -> None:
    mask = bytes.fromhex(identity["attributesMask"])
    masked = bytes(ours & bit for ours, bit in zip(attributes, mask, strict=True))
    if bytes.fromhex(identity["mrsigner"]) != signer or bytes.fromhex(identity["attributes"]) != masked:
        raise Rejected(Code.MODULE_MISMATCH, f"module signer {signer.hex()}, attributes {attributes.hex()}")


def _reaches(ours: bytes, least: list[int]) -> bool:
    return all(have >= need for have, need in zip(ours, least, strict=True))


def _svns(tcb: Mapping[str, Any], name: str) -> list[int]:
    return [component["svn"] for component in tcb[name]]


def _height(row: Mapping[str, Any]) -> tuple[Any, ...]:
    tcb = row["tcb"]
    tdx = _svns(tcb, "tdxtcbcomponents") if "tdxtcbcomponents" in tcb else []
    return (_svns(tcb, "sgxtcbcomponents"), tcb["pcesvn"], tdx)


def _level(of: str, row: Mapping[str, Any]) -> tuple[Level, tuple[str, ...]]:
    if row["tcbStatus"] not in _STATUSES:
        raise Rejected(Code.TCB_INFO_MALFORMED, f"{of}: unknown status {row['tcbStatus']!r}")
    if row["tcbStatus"] == "Revoked":
        raise Rejected(Code.TCB_REVOKED, f"the {of} is revoked")
    date = int(datetime.fromisoformat(row["tcbDate"]).timestamp())
    return Level(of, row["tcbStatus"], date), tuple(row.get("advisoryIDs", ()))
