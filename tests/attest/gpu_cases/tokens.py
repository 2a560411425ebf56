"""Faults of an attestation service's answer."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

from mockserver.tee.gpu.device import HOPPER
from mockserver.tee.gpu.token import KID, TokenService, encode
from tests.attest.gpu_lab import ATTACKER, NONCE, NOW, OTHER_NONCE, SEED, TokenScene, build, digest, scene, token_case

ISSUED = int(NOW.timestamp())


def unsigned(claims: dict[str, Any], header: dict[str, Any], secret: bytes | None) -> str:
    text = f"{encode(json.dumps(header).encode())}.{encode(json.dumps(claims).encode())}"
    return f"{text}.{encode(hmac.new(secret, text.encode(), hashlib.sha256).digest()) if secret else ''}"


@token_case("NRA-01", "nras.alg")
def alg_none(s: TokenScene) -> None:
    """alg none"""
    s.overall_text = unsigned(s.overall(), {"alg": "none", "kid": KID}, None)


@token_case("NRA-02", "nras.alg")
def alg_hs256(s: TokenScene) -> None:
    """HS256 with the fixed key of a local verifier"""
    s.overall_text = unsigned(s.overall(), {"alg": "HS256", "kid": KID}, b"secret")


@token_case("NRA-03", "nras.alg")
def alg_es256(s: TokenScene) -> None:
    """the header says ES256"""
    s.overall_text = s.service.sign(s.overall(), {"alg": "ES256", "kid": KID})


@token_case("NRA-04", "nras.kid")
def unknown_kid(s: TokenScene) -> None:
    """a key id that is not in the set"""
    s.overall_text = s.service.sign(s.overall(), {"alg": "ES384", "kid": "other"})


@token_case("NRA-05", "nras.x5c_untrusted")
def attackers_keys(s: TokenScene) -> None:
    """a key set of the attacker's with the right key id"""
    other = TokenService(ATTACKER, NOW)
    s.jwks = {"keys": [other.key()]}
    s.texts = {"GPU-0": other.sign(s.claims())}
    s.overall_text = other.sign(s.overall())


@token_case("NRA-06", "nras.x5c_untrusted")
def key_without_chain(s: TokenScene) -> None:
    """a key without certificates"""
    del s.jwks["keys"][0]["x5c"]


@token_case("NRA-07", "nras.kid")
def kid_twice(s: TokenScene) -> None:
    """a key id twice in the set"""
    s.jwks["keys"].append(s.service.key())


@token_case("NRA-08", "nras.signature_invalid")
def claim_changed(s: TokenScene) -> None:
    """one claim changed, signature left"""
    head, _, signature = s.service.sign(s.overall()).split(".")
    s.overall_text = f"{head}.{encode(json.dumps(s.overall(jti='x')).encode())}.{signature}"


@token_case("NRA-09", "nras.expired")
def expired(s: TokenScene) -> None:
    """the token expired"""
    s.at = NOW + timedelta(hours=2)


@token_case("NRA-10", "nras.not_yet_valid")
def of_tomorrow(s: TokenScene) -> None:
    """issued in the future"""
    s.overall_text = s.service.sign(s.overall(nbf=ISSUED + 3600, iat=ISSUED + 3600, exp=ISSUED + 7200))


@token_case("NRA-11", "nras.time_claims")
def no_exp(s: TokenScene) -> None:
    """no exp"""
    s.overall_text = s.service.sign(s.overall(exp=None))


@token_case("NRA-12", "nras.issuer")
def staging(s: TokenScene) -> None:
    """the staging service's issuer"""
    s.overall_text = s.service.sign(s.overall(iss="https://nras.attestation-stg.nvidia.com"))


@token_case("NRA-13", "nras.sub")
def no_sub(s: TokenScene) -> None:
    """a detached token in the place of the overall one"""
    s.overall_text = s.service.sign({**s.overall(sub=None), **s.claims()})


@token_case("NRA-14", "nras.nonce_mismatch")
def replayed(s: TokenScene) -> None:
    """a genuine answer for another nonce"""
    s.raw = json.dumps(s.service.attest(s.devices, OTHER_NONCE)).encode()


@token_case("NRA-15", "nras.nonce_mismatch")
def detached_replayed(s: TokenScene) -> None:
    """the device's token for another nonce"""
    s.detach(eat_nonce=OTHER_NONCE.hex())


@token_case("NRA-16", "nras.overall_false")
def overall_false(s: TokenScene) -> None:
    """the overall result is false"""
    s.overall_text = s.service.sign(s.overall(**{"x-nvidia-overall-att-result": False}))


@token_case("NRA-17", "nras.overall_false")
def overall_text_true(s: TokenScene) -> None:
    """the overall result is the text 'true'"""
    s.overall_text = s.service.sign(s.overall(**{"x-nvidia-overall-att-result": "true"}))


@token_case("NRA-18", "nras.measres")
def measurements_failed(s: TokenScene) -> None:
    """the measurements did not match"""
    s.detach(measres="fail")


@token_case("NRA-19", "nras.secboot")
def no_secure_boot(s: TokenScene) -> None:
    """secboot false"""
    s.detach(secboot=False)


@token_case("NRA-20", "nras.dbgstat")
def debug_enabled(s: TokenScene) -> None:
    """dbgstat enabled"""
    s.detach(dbgstat="enabled")


@token_case("NRA-21", "nras.claim")
def a_flag_false(s: TokenScene) -> None:
    """the nonce did not match, says the token"""
    s.detach(**{"x-nvidia-gpu-attestation-report-nonce-match": False})


@token_case("NRA-22", "nras.cert_status")
def revoked_chain(s: TokenScene) -> None:
    """the chain was revoked, says the token"""
    status = {"x-nvidia-cert-status": "valid", "x-nvidia-cert-ocsp-status": "revoked"}
    s.detach(**{"x-nvidia-gpu-attestation-report-cert-chain": status})


@token_case("NRA-23", "nras.error_details")
def signed_error(s: TokenScene) -> None:
    """a signed error"""
    s.detach(**{"x-nvidia-error-details": {"code": 4010, "message": "NONCE_NOT_MATCHING"}})


@token_case("NRA-24", "nras.submods_digest")
def other_detached(s: TokenScene) -> None:
    """a device's token that the overall token does not name"""
    s.overall_text = s.service.sign(s.overall())
    s.detach(jti="another")


@token_case("NRA-25", "nras.submods_set")
def detached_left_out(s: TokenScene) -> None:
    """a device's token left out"""
    s.overall_text = s.service.sign(s.overall())
    s.texts = {}


@token_case("NRA-26", "nras.submods_set")
def detached_added(s: TokenScene) -> None:
    """a device's token that nobody named"""
    s.overall_text = s.service.sign(s.overall())
    s.texts["GPU-1"] = s.texts["GPU-0"]


@token_case("NRA-27", "nras.submods_set")
def no_submods(s: TokenScene) -> None:
    """an overall token that covers nothing"""
    s.overall_text = s.service.sign(s.overall(submods={}))
    s.texts = {}


@token_case("NRA-28", "nras.gpu_count", gpus=2)
def one_of_two(s: TokenScene) -> None:
    """one GPU of two"""
    del s.texts["GPU-1"]


@token_case("NRA-29", "nras.duplicate_ueid", gpus=2)
def one_twice(s: TokenScene) -> None:
    """one GPU twice"""
    s.texts["GPU-1"] = s.service.sign(s.claims(jti="again"))


@token_case("NRA-30", "nras.ueid_mismatch")
def other_gpu(s: TokenScene) -> None:
    """a token about another GPU than the evidence"""
    s.detach(ueid=scene(label="b").device.ueid)


@token_case("NRA-31", "nras.crit")
def critical_member(s: TokenScene) -> None:
    """a critical header member nobody knows"""
    s.overall_text = s.service.sign(s.overall(), {"alg": "ES384", "kid": KID, "crit": ["exp"], "exp": 1})


@token_case("NRA-32", "nras.malformed")
def html(s: TokenScene) -> None:
    """an HTML page"""
    s.raw = b"<html>"


@token_case("NRA-33", "nras.submods_digest")
def weak_digest(s: TokenScene) -> None:
    """the overall token names its devices by another digest"""
    weak = {"GPU-0": ["DIGEST", ["SHA-1", digest(s.texts["GPU-0"])]]}
    s.overall_text = s.service.sign(s.overall(submods=weak))


@token_case("NRA-34", "nras.x5c_untrusted")
def key_of_another_use(s: TokenScene) -> None:
    """the key is meant for encryption"""
    s.jwks["keys"][0]["use"] = "enc"


@token_case("X-13", "nras.x5c_expired")
def archived_keys(s: TokenScene) -> None:
    """a token of a past day, its 48-hour key expired"""
    s.at = NOW + timedelta(days=3)
    later = int(s.at.timestamp())
    times = {"iat": later, "nbf": later, "exp": later + 3600}
    s.detach(**times)
    s.overall_text = s.service.sign(s.overall(**times))


@token_case("NRA-40", "nras.claim")
def nameless(s: TokenScene) -> None:
    """a device's token that does not say which device"""
    s.detach(ueid=None)
    s.ueids = None


@token_case("NRA-41", "nras.gpu_count", gpus=2)
def switch_for_a_gpu(s: TokenScene) -> None:
    """a switch in the place of a GPU"""
    switch = build(SEED, "a", 2, 4, HOPPER).switches[0]
    del s.texts["GPU-1"]
    s.texts["SWITCH-0"] = s.service.sign(s.service.claims(switch, NONCE))
    s.ueids = None
