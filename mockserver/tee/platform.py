"""A machine with TDX that does not exist: it quotes, logs its boot and exports the trust that goes with it.

Everything derives from a seed, so two platforms of one seed and one day agree; nothing here is a secret.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mockserver.tee.collateral import build_collateral
from mockserver.tee.decisions import Decisions, Event
from mockserver.tee.eventlog import boot_log, extend, runtime_log
from mockserver.tee.gpu import Board, Services, build_board
from mockserver.tee.pki import PckFacts, build_pki, derive_key, midnight
from mockserver.tee.quote import QuotingEnclave, TdReport
from mockserver.tee.signing import SigningIdentity, derive_identity

_FMSPC = bytes.fromhex("a55a7e570000")
GPUS = 8  # of each instance
_OCSP_LIFE = timedelta(days=30)  # as the rest of the collateral; NVIDIA's answers live for a day, and are asked for
_CPU_SVN = bytes((9, 9, 3, 3, 255, 1, 0, 0)) + bytes(8)


@dataclass(frozen=True)
class Domain:
    """One model's trust domain after boot: what stays the same from one report to the next."""

    measurements: dict[str, bytes]  # mr_config_id, rtmr0 to rtmr3
    events: list[Event]
    compose: str
    app_id: bytes
    instance_id: bytes
    os_image: bytes


class Platform:
    def __init__(self, seed: bytes, now: Callable[[], datetime], decisions: Decisions | None = None) -> None:
        self._seed, self._now = seed, now
        self.certificate: bytes | None = None  # DER of the TLS certificate whose key this machine holds
        self.decisions = decisions or Decisions()
        self._facts = PckFacts(
            ppid=self._digest("ppid")[:16],
            cpu_svn=_CPU_SVN,
            component_svns=self.decisions.component_svns(_CPU_SVN),
            pce_svn=13,
            pce_id=bytes(2),
            fmspc=_FMSPC,
            instance_id=self._digest("platform-instance")[:16],
        )
        self._pki = build_pki(seed, midnight(now()), self._facts)
        chain = self._pki.pck.pem() + self._pki.platform_ca.pem() + self._pki.root.pem()
        shipped = self.decisions.pck_chain(chain)
        attesting = derive_key(seed, "attestation")
        self._enclave = QuotingEnclave(attesting, self._pki.pck.key, shipped, self.decisions.qe_report)
        self._domains: dict[str, Domain] = {}
        self._identities: dict[tuple[str, str], SigningIdentity] = {}

    def report(self, model: str, nonce: bytes, algo: str = "ecdsa") -> dict[str, Any]:
        """Evidence for `model` in dstack's shape; `nonce` is 32 bytes. Raises ValueError otherwise."""
        if len(nonce) != 32:
            raise ValueError(f"nonce: expected 32 bytes, got {len(nonce)}")
        chosen = self.decisions
        host = chosen.hosted_as(model)
        identity, domain = self.identity(host, algo), self.domain(host)
        report_data = chosen.report_data(self._bound(identity), chosen.nonce_used(nonce))
        td_report = self._td_report(domain, report_data)
        quote = chosen.quote(self._enclave.quote(td_report, chosen.body_signed, chosen.quote_form))
        evidence = {
            "signing_address": chosen.identity_shown(identity.address),
            "signing_algo": algo,
            "signing_public_key": chosen.public_key_shown(identity.public_key.hex()),
            "request_nonce": chosen.nonce_shown(nonce).hex(),
            **self._channel(),
            "intel_quote": quote.hex(),
            "event_log": domain.events,
            "info": self._info(model, domain, td_report),
        }
        shown = {} if (payload := self._gpu_payload(model, nonce)) is None else {"nvidia_payload": json.dumps(payload)}
        return chosen.report({**evidence, **shown, "all_attestations": [evidence]})

    def _bound(self, identity: SigningIdentity) -> bytes:
        """The key, or the hash of the key and the TLS certificate where there is one, as NEAR's servers bind them."""
        if self.certificate is None:
            return identity.bound
        fingerprint = self.decisions.tls_bound(hashlib.sha256(self.certificate).digest())
        return hashlib.sha256(identity.bound + fingerprint).digest()

    def _channel(self) -> dict[str, str]:
        if self.certificate is None:
            return {}
        shown = self.decisions.tls_shown(hashlib.sha256(self.certificate).digest())
        return {} if shown is None else {"tls_cert_fingerprint": shown.hex()}

    def board(self, model: str) -> Board:
        """The GPUs of the instance that runs `model`."""
        return self.decisions.gpus(_board(self._seed, _label(self.decisions.gpus_of(model))))

    def _gpu_payload(self, model: str, nonce: bytes) -> dict[str, Any] | None:
        chosen = self.decisions
        return chosen.gpu_payload(self.board(model).payload(chosen.gpu_nonce(nonce)))

    def export_trust(self, folder: Path, models: Iterable[str] = ()) -> None:
        """Write what a verifier must be given to judge this platform, with the revocation state of the models' GPUs.

        root.der and collateral.json for quotes; device_root.pem, rim_root.pem, rims/, ocsp/ and jwks.json for GPUs.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._export_gpu_trust(folder, models)
        (folder / "root.der").write_bytes(self.root_der())
        (folder / "collateral.json").write_text(json.dumps(self.collateral(), indent=1, sort_keys=True) + "\n")

    def _export_gpu_trust(self, folder: Path, models: Iterable[str]) -> None:
        now = midnight(self._now())
        general = _board(self._seed, "instance")  # roots and reference values are the same for every instance
        files = {f"rims/{name}.xml": raw for name, raw in general.rims(now).items()}
        for model in models:
            files |= {f"ocsp/{serial}.der": raw for serial, raw in self._revocation(model, now).items()}
        files["device_root.pem"] = general.authorities.device_root.pem()
        files["rim_root.pem"] = general.authorities.rim_root.pem()
        files["jwks.json"] = general.tokens(now).jwks()
        for name, raw in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(raw)

    def gpu_services(self, models: Iterable[str]) -> Services:
        """What the maker of these models' GPUs publishes about them now."""
        boards = [self.board(model) for model in models]
        said = {serial: told for board in boards for serial, told in self.decisions.gpu_revocation(board).items()}
        return Services(boards, midnight(self._now()), self._now(), said)

    def _revocation(self, model: str, now: datetime) -> dict[str, bytes]:
        label, board = _label(self.decisions.gpus_of(model)), self.board(model)
        said = self.decisions.gpu_revocation(board)
        if not said and board is _board(self._seed, label):
            return _responses(self._seed, label, now)
        return board.ocsp(now, said=said, life=_OCSP_LIFE)

    def root_der(self) -> bytes:
        return self._pki.root.der()

    def collateral(self, tee: str = "tdx") -> dict[str, str]:
        """What is published for quotes of this TEE, tdx or sgx, on this machine."""
        fresh = build_collateral(self._pki, self._facts, self.decisions, midnight(self._now()), tee)
        return self.decisions.collateral(fresh)

    def identity(self, model: str, algo: str) -> SigningIdentity:
        key = (model, algo)
        if key not in self._identities:
            self._identities[key] = derive_identity(self._seed, model, algo)
        return self._identities[key]

    def signer(self, model: str, algo: str) -> SigningIdentity:
        """The key whose identity the evidence for `model` binds."""
        return self.identity(self.decisions.hosted_as(model), algo)

    def sign(self, model: str, text: str, algo: str) -> str:
        return self.signer(model, algo).sign(text)

    def domain(self, model: str) -> Domain:
        if model not in self._domains:
            self._domains[model] = self._boot(model)
        return self._domains[model]

    def _boot(self, model: str) -> Domain:
        chosen, compose = self.decisions, _app_compose(model)
        compose_hash = hashlib.sha256(chosen.compose_measured(compose).encode()).digest()
        app_id, instance_id = compose_hash[:20], self._digest(f"instance {model}")[:20]
        os_image = self._digest("os-image")
        events = chosen.events_measured(
            boot_log("dstack-test-os") + runtime_log(compose_hash, app_id, instance_id, os_image)
        )
        rtmrs = {f"rtmr{n}": value for n, value in enumerate(chosen.rtmrs(extend(events)))}
        measurements = {"mr_config_id": chosen.mr_config_id(compose_hash), **rtmrs}
        shown = chosen.events_shown([dict(event) for event in events])
        return Domain(measurements, shown, chosen.compose_shown(compose), app_id, instance_id, os_image)

    def _td_report(self, domain: Domain, report_data: bytes) -> TdReport:
        chosen = self.decisions
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

    def _info(self, model: str, domain: Domain, report: TdReport) -> dict[str, Any]:
        compose_hash = hashlib.sha256(domain.compose.encode()).hexdigest()
        registers = {f"rtmr{n}": getattr(report, f"rtmr{n}").hex() for n in range(4)}
        tcb_info = {
            "mrtd": report.mr_td.hex(),
            **registers,
            "os_image_hash": domain.os_image.hex(),
            "compose_hash": compose_hash,
            "device_id": self._digest("device").hex(),
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

    def _digest(self, label: str) -> bytes:
        return hashlib.sha256(self._seed + b"\0" + label.encode()).digest()


@functools.cache  # certificates take milliseconds each, and depend on nothing else
def _board(seed: bytes, label: str) -> Board:
    return build_board(seed, label, GPUS, switches=0)


@functools.cache
def _responses(seed: bytes, label: str, now: datetime) -> dict[str, bytes]:
    return _board(seed, label).ocsp(now, life=_OCSP_LIFE)


def _label(model: str) -> str:
    return f"instance {model}"


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
