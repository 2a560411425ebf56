"""Look-alikes that must be accepted, and two attacks that no format can show."""

from __future__ import annotations

from dataclasses import replace

from cryptography import x509

from mockserver.tee.gpu.device import BLACKWELL
from mockserver.tee.gpu.ocsp import REVOKED
from tests.attest.gpu_cases.responses import respond
from tests.attest.gpu_cases.rims import edit, publish
from tests.attest.gpu_lab import DRIVER_RIM, Scene, TokenScene, case, manifest, scene, token_case, with_opaque


@case("OKS-01", "accepted")
def hopper(s: Scene) -> None:
    """a Hopper GPU with reference values and OCSP"""


@case("OKS-02", "accepted", arch=BLACKWELL)
def blackwell(s: Scene) -> None:
    """a Blackwell GPU with reference values and OCSP"""


@case("OKS-03", "accepted", gpus=8, switches=4)
def board(s: Scene) -> None:
    """eight GPUs and four switches"""
    s.policy = replace(s.policy, modes=frozenset({"PPCIE"}))


@case("OKS-04", "accepted")
def decoder_off(s: Scene) -> None:
    """index 35 differs while NVDEC0 is disabled"""
    off = with_opaque(s.device, (11, b"\x55"))
    s.show(replace(off, measurements={**off.measurements, 35: bytes(48)}))


@case("OKS-04b", "measurement.mismatch")
def decoder_on(s: Scene) -> None:
    """index 35 differs while NVDEC0 is enabled"""
    s.show(replace(s.device, measurements={**s.device.measurements, 35: bytes(48)}))


@case("OKS-05", "accepted")
def second_alternative(s: Scene) -> None:
    """the second alternative only"""
    said = manifest()
    publish(s, replace(said, golden={**said.golden, 21: [bytes(48), said.golden[21][0]]}))


@case("OKS-06", "accepted")
def inactive_differs(s: Scene) -> None:
    """an inactive index differs"""
    s.show(replace(s.device, measurements={**s.device.measurements, 50: bytes(48)}))


@case("OKS-07", "accepted")
def comment(s: Scene) -> None:
    """a comment inserted after signing, which the canonical form drops"""
    edit(s, b"<ns0:Payload>", b"<ns0:Payload><!-- hello -->")


@case("OKS-08", "accepted")
def white_space_behind(s: Scene) -> None:
    """white space after the root element"""
    s.rims[DRIVER_RIM] += b"\n\n"


@token_case("OKS-09", "accepted")
def claims_three(s: TokenScene) -> None:
    """a token with claims 3.0"""


@token_case("OKS-09b", "accepted", gpus=2)
def claims_two(s: TokenScene) -> None:
    """tokens with claims 2.0"""
    s.version = "2.0"
    s.texts = {f"GPU-{n}": s.service.sign(s.service.claims(d, s.nonce, "2.0")) for n, d in enumerate(s.devices)}


@case("OKS-11", "accepted")
def relay(s: Scene) -> None:
    """RELAY: another machine's GPU with the fresh nonce; only a list of devices shows it"""
    other = scene(label="b")
    s.ocsp |= other.ocsp
    s.show(other.device)


@case("OKS-12", "accepted")
def stale_but_valid(s: Scene) -> None:
    """STALE: an older publication of the same id that takes other values too; only the ledger shows it"""
    said = manifest()
    publish(s, replace(said, golden={**said.golden, 21: [said.golden[21][0], bytes(48)]}))


@case("OKS-13", "accepted")
def hold_allowed(s: Scene) -> None:
    """a certificate on hold where the policy takes that"""
    s.policy = replace(s.policy, allow_hold=True)
    respond(s, status=REVOKED, reason=x509.ReasonFlags.certificate_hold)
