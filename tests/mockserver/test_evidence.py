"""The evidence endpoint: who may ask, what it refuses, and that the quote is over the caller's nonce."""

from __future__ import annotations

import json
from dataclasses import replace

import httpx
import pytest

from harness.collateral import CollateralSource, assembled
from mockserver.gateway import Gateway
from mockserver.tee import Decisions, Platform
from tests.mockserver.conftest import MODEL, Lab

NONCE = "a1" * 32


def test_quote_holds_the_callers_nonce(lab: Lab) -> None:
    report = lab.api.get("/attestation/report", params={"model": MODEL, "nonce": NONCE}).json()
    address = report["signing_address"].removeprefix("0x")
    assert report["request_nonce"] == NONCE
    assert address + "00" * 12 + NONCE in report["intel_quote"]


@pytest.mark.parametrize("nonce", ["", "a1", "zz" * 32, "a1" * 33, " " * 64])
def test_malformed_nonces_are_400(lab: Lab, nonce: str) -> None:
    answer = lab.api.get("/attestation/report", params={"model": MODEL, "nonce": nonce})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_nonce")


def test_no_evidence_without_a_key_or_for_a_model_outside(lab: Lab) -> None:
    query = {"model": "deepseek-ai/DeepSeek-V3", "nonce": NONCE}
    assert lab.api.get("/attestation/report", params=query).json()["error"]["code"] == "model_not_confidential"
    assert httpx.get(lab.server.base_url + "/attestation/report", params=query).status_code == 401


def test_contract_without_attestation_has_no_endpoint(core: Lab) -> None:
    assert core.api.get("/attestation/report", params={"model": MODEL, "nonce": NONCE}).status_code == 404


def test_the_platform_can_be_replaced(lab: Lab) -> None:
    odd = replace(Gateway(), new_platform=lambda seed, now: Platform(seed, now, Decisions()))
    assert isinstance(odd.new_platform(b"seed", lab.server.state.clock.instant), Platform)


def test_the_collateral_of_a_quote_can_be_fetched_from_the_mock(lab: Lab) -> None:
    report = lab.api.get("/attestation/report", params={"model": MODEL, "nonce": NONCE}).json()
    platform = lab.server.state.platform
    assert platform is not None
    with httpx.Client() as client:
        source = CollateralSource(client, lab.server.state.clock.instant, lab.server.origin)
        pieces = source.fetch(bytes.fromhex(report["intel_quote"]))
    assert json.loads(assembled(pieces)) == platform.collateral()


def test_the_certification_service_asks_for_no_key_and_knows_only_its_paths(lab: Lab, core: Lab) -> None:
    path = "/tdx/certification/v4/qe/identity"
    assert httpx.get(lab.server.origin + path).status_code == 200
    assert httpx.post(lab.server.origin + path).status_code == 405
    assert httpx.get(lab.server.origin + "/tdx/certification/v4/").status_code == 404
    assert httpx.get(core.server.origin + path).status_code in (401, 404)
