"""One instance of a model: the trust domain that was booted for it, what it measured and what it says of itself."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from mockserver.tee.ccel import boot_records, encode
from mockserver.tee.decisions import Decisions, Event
from mockserver.tee.eventlog import extend, runtime_log, told_by
from mockserver.tee.quote import TdReport


@dataclass(frozen=True)
class Domain:
    """A trust domain after boot: what stays the same from one report to the next."""

    measurements: dict[str, bytes]  # mr_config_id, rtmr0 to rtmr3
    ccel: bytes | None  # the firmware's log, as shown
    events: list[Event]  # dstack's, as shown
    compose: str
    app_id: bytes
    instance_id: bytes
    os_image: bytes
    device_id: bytes


def boot(seed: bytes, model: str, name: str, chosen: Decisions) -> Domain:
    """Start the application of `model` in a domain of its own; `name` tells the instances of one model apart."""

    def derived(label: str) -> bytes:
        return hashlib.sha256(seed + b"\0" + label.encode()).digest()

    compose = _app_compose(model)
    compose_hash = hashlib.sha256(chosen.compose_measured(compose).encode()).digest()
    app_id, instance_id, os_image = compose_hash[:20], derived(f"instance {name}")[:20], derived("os-image")
    firmware = boot_records()
    runtime = runtime_log(compose_hash, app_id, instance_id, os_image)
    events = chosen.events_measured(told_by(firmware) + runtime)
    rtmrs = {f"rtmr{n}": value for n, value in enumerate(chosen.rtmrs(extend(events)))}
    return Domain(
        measurements={"mr_config_id": chosen.mr_config_id(compose_hash), **rtmrs},
        ccel=chosen.ccel_shown(encode(firmware)),
        events=chosen.events_shown([dict(event) for event in events]),
        compose=chosen.compose_shown(compose),
        app_id=app_id,
        instance_id=instance_id,
        os_image=os_image,
        device_id=derived("device"),
    )


def td_report(domain: Domain, report_data: bytes, chosen: Decisions) -> TdReport:
    return TdReport(
        tee_tcb_svn=chosen.tee_tcb_svn,
        mr_seam=chosen.mr_seam(_measure("tdx module")),
        mr_signer_seam=bytes(48),
        seam_attributes=bytes(8),
        td_attributes=chosen.td_attributes,
        xfam=chosen.xfam,
        mr_td=chosen.mr_td(_measure("virtual firmware")),
        mr_owner=bytes(48),
        mr_owner_config=bytes(48),
        report_data=report_data,
        tee_tcb_svn2=chosen.tee_tcb_svn_now or chosen.tee_tcb_svn,
        mr_service_td=chosen.mr_service_td,
        **domain.measurements,
    )


def info(model: str, domain: Domain, report: TdReport) -> dict[str, Any]:
    """What dstack's `info` says beside the quote."""
    compose_hash = hashlib.sha256(domain.compose.encode()).hexdigest()
    registers = {f"rtmr{n}": getattr(report, f"rtmr{n}").hex() for n in range(4)}
    tcb_info = {
        "mrtd": report.mr_td.hex(),
        **registers,
        "os_image_hash": domain.os_image.hex(),
        "compose_hash": compose_hash,
        "device_id": domain.device_id.hex(),
        "app_compose": domain.compose,
        "event_log": domain.events,
    }
    return {
        "app_id": domain.app_id.hex(),
        "instance_id": domain.instance_id.hex(),
        "app_name": f"inference {model}",
        "device_id": tcb_info["device_id"],
        "os_image_hash": tcb_info["os_image_hash"],
        "compose_hash": compose_hash,
        "tcb_info": tcb_info,
    }


def _app_compose(model: str) -> str:
    image = f"registry.test/inference@sha256:{hashlib.sha256(b'assay test image').hexdigest()}"
    command = f"serve --model {json.dumps(model)}"
    services = f"services:\n  inference:\n    image: {image}\n    command: {command}\n"
    document = {
        "manifest_version": 2,
        "name": f"inference-{model}",
        "runner": "docker-compose",
        "docker_compose_file": services,
        "kms_enabled": True,
        "public_logs": False,
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def _measure(label: str) -> bytes:
    return hashlib.sha384(f"assay test {label}".encode()).digest()
