"""A machine with TDX that does not exist: it quotes, logs its boot and exports the trust that goes with it.

Everything derives from a seed, so two platforms of one seed and one day agree; nothing here is a secret.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mockserver.tee.collateral import build_collateral
from mockserver.tee.decisions import Decisions
from mockserver.tee.gpu import Board, Services, build_board
from mockserver.tee.instance import Domain, boot, info, td_report
from mockserver.tee.pki import PckFacts, build_pki, derive_key, midnight
from mockserver.tee.quote import QuotingEnclave
from mockserver.tee.signing import SigningIdentity, derive_identity

_FMSPC = bytes.fromhex("a55a7e570000")
GPUS = 8  # of each instance
_OCSP_LIFE = timedelta(days=30)  # as the rest of the collateral; NVIDIA's answers live for a day, and are asked for
_CPU_SVN = bytes((9, 9, 3, 3, 255, 1, 0, 0)) + bytes(8)


class Platform:
    def __init__(self, seed: bytes, now: Callable[[], datetime], decisions: Decisions | None = None) -> None:
        self._seed, self._now = seed, now
        self.instances: Callable[[str], int] = one_instance  # how many of them run a model
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
        self._domains: dict[tuple[str, int], Domain] = {}
        self._identities: dict[tuple[str, str], SigningIdentity] = {}

    def report(self, model: str, nonce: bytes, algo: str = "ecdsa") -> dict[str, Any]:
        """Evidence for `model` in dstack's shape; `nonce` is 32 bytes. Raises ValueError otherwise."""
        if len(nonce) != 32:
            raise ValueError(f"nonce: expected 32 bytes, got {len(nonce)}")
        shown = [self._entry(model, nonce, algo, n) for n in range(self.instances(model))]
        answering = {name: value for name, value in shown[0].items() if name != "nvidia_payload"}
        return self.decisions.report({**shown[0], "all_attestations": [answering, *shown[1:]]})

    def _entry(self, model: str, nonce: bytes, algo: str, n: int) -> dict[str, Any]:
        """What the nth instance says of itself."""
        chosen = self.decisions.on(n)
        host = chosen.hosted_as(model)
        identity, domain = self.identity(host, algo), self._domain(host, n)
        report_data = chosen.report_data(self._bound(identity), chosen.nonce_used(nonce))
        report = td_report(domain, report_data, chosen)
        quote = chosen.quote(self._enclave.quote(report, chosen.body_signed, chosen.quote_form))
        payload = chosen.gpu_payload(self.board(model, n).payload(chosen.gpu_nonce(nonce)))
        return {
            "signing_address": chosen.identity_shown(identity.address),
            "signing_algo": algo,
            "signing_public_key": chosen.public_key_shown(identity.public_key.hex()),
            "request_nonce": chosen.nonce_shown(nonce).hex(),
            **self._channel(),
            "intel_quote": quote.hex(),
            "event_log": domain.events,
            **({} if domain.ccel is None else {"ccel": base64.b64encode(domain.ccel).decode()}),
            "info": info(model, domain, report),
            **({} if payload is None else {"nvidia_payload": json.dumps(payload)}),
        }

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

    def board(self, model: str, n: int = 0) -> Board:
        """The GPUs of the nth instance that runs `model`."""
        chosen = self.decisions.on(n)
        return chosen.gpus(_board(self._seed, _label(chosen.gpus_of(_name(model, n)))))

    def _boards(self, models: Iterable[str]) -> list[tuple[str, Board]]:
        """The GPUs of every instance of these models, by the name they were made under."""
        each = [(model, n) for model in models for n in range(self.instances(model))]
        return [(_label(self.decisions.on(n).gpus_of(_name(model, n))), self.board(model, n)) for model, n in each]

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
        for label, board in self._boards(models):
            files |= {f"ocsp/{serial}.der": raw for serial, raw in self._revocation(label, board, now).items()}
        files["device_root.pem"] = general.authorities.device_root.pem()
        files["rim_root.pem"] = general.authorities.rim_root.pem()
        files["jwks.json"] = general.tokens(now).jwks()
        for part in ("rims", "ocsp"):
            (folder / part).mkdir(exist_ok=True)
        for name, raw in files.items():
            (folder / name).write_bytes(raw)

    def gpu_services(self, models: Iterable[str]) -> Services:
        """What the maker of these models' GPUs publishes about them now."""
        boards = [board for _, board in self._boards(models)]
        said = {serial: told for board in boards for serial, told in self.decisions.gpu_revocation(board).items()}
        return Services(boards, midnight(self._now()), self._now(), said)

    def _revocation(self, label: str, board: Board, now: datetime) -> dict[str, bytes]:
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

    def _domain(self, model: str, n: int) -> Domain:
        if (model, n) not in self._domains:
            self._domains[model, n] = boot(self._seed, model, _name(model, n), self.decisions.on(n))
        return self._domains[model, n]

    def _digest(self, label: str) -> bytes:
        return hashlib.sha256(self._seed + b"\0" + label.encode()).digest()


@functools.cache  # certificates take milliseconds each, and depend on nothing else
def _board(seed: bytes, label: str) -> Board:
    return build_board(seed, label, GPUS, switches=0)


@functools.cache
def _responses(seed: bytes, label: str, now: datetime) -> dict[str, bytes]:
    return _board(seed, label).ocsp(now, life=_OCSP_LIFE)


def _name(model: str, n: int) -> str:
    """The first instance of a model goes by the model's name."""
    return model if n == 0 else f"{model} {n + 1}"


def _label(instance: str) -> str:
    return f"instance {instance}"


def one_instance(_: str) -> int:
    return 1
