"""The fetcher against the test platform's certification service: exact bytes, cache, bundles, refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
import respx

from harness.attest import Code, Trust, judge_quote
from harness.attest.collateral import load_trust
from harness.attest.policy import TEE_SGX, Policy
from harness.collateral import (
    INTEL,
    MAX_BODY_BYTES,
    CollateralError,
    CollateralSource,
    assembled,
    read_bundle,
    wanted_by,
    write_bundle,
)
from mockserver.tee import pcs
from tests.attest.forge import sgx_quote
from tests.attest.lab import HONEST, NOW

PLATFORM = HONEST
QUOTE = bytes.fromhex(PLATFORM.report("a model", bytes(32))["intel_quote"])
SERVICE = "http://pccs.test"


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def service() -> Iterator[respx.MockRouter]:
    """The platform's own certification service behind every URL of this host."""
    with respx.mock(assert_all_called=False) as router:
        router.route(host="pccs.test").mock(side_effect=_served)
        yield router


def _served(request: httpx.Request) -> httpx.Response:
    found = pcs.answer(request.url.path, dict(request.url.params), PLATFORM.collateral)
    return httpx.Response(found.status, headers=found.headers, content=found.body)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source(clock: Clock, tmp_path: Path) -> Iterator[CollateralSource]:
    with httpx.Client() as client:
        yield CollateralSource(client, clock, SERVICE, tmp_path / "cache")


def test_what_is_fetched_is_what_the_platform_exports(service: respx.MockRouter, source: CollateralSource) -> None:
    text = assembled(source.fetch(QUOTE))
    assert json.loads(text) == PLATFORM.collateral()
    assert judge_quote(QUOTE, Trust(text, PLATFORM.root_der()), NOW).accepted


def test_an_sgx_quote_is_judged_by_what_is_published_for_sgx(
    service: respx.MockRouter, clock: Clock, tmp_path: Path
) -> None:
    with httpx.Client() as client:
        text = assembled(CollateralSource(client, clock, SERVICE).fetch(sgx_quote()))
    assert [json.loads(json.loads(text)[name])["id"] for name in ("tcb_info", "qe_identity")] == ["SGX", "QE"]
    trust = Trust(text, PLATFORM.root_der())
    assert judge_quote(sgx_quote(), trust, NOW, Policy(tees=frozenset({TEE_SGX}))).accepted


def test_the_quote_decides_what_is_asked(service: respx.MockRouter, source: CollateralSource) -> None:
    source.fetch(QUOTE)
    asked = [str(call.request.url) for call in service.calls]
    assert f"{SERVICE}/tdx/certification/v4/tcb?fmspc=A55A7E570000&update=standard" in asked
    assert f"{SERVICE}/sgx/certification/v4/pckcrl?ca=platform&encoding=der" in asked


def test_intels_own_service_publishes_the_list_of_its_root_elsewhere() -> None:
    assert wanted_by(QUOTE).urls(INTEL)["root_ca_crl"].startswith("https://certificates.trustedservices.intel.com/")


def test_a_second_fetch_asks_nobody(service: respx.MockRouter, source: CollateralSource) -> None:
    first = source.fetch(QUOTE)
    assert source.fetch(QUOTE) == first
    assert len(service.calls) == 4


@pytest.mark.parametrize(("hours", "calls"), [(23, 4), (25, 8)])
def test_the_cache_is_as_old_as_the_injected_clock_says(
    service: respx.MockRouter, source: CollateralSource, clock: Clock, hours: int, calls: int
) -> None:
    source.fetch(QUOTE)
    clock.now += timedelta(hours=hours)
    source.fetch(QUOTE)
    assert len(service.calls) == calls


def test_a_damaged_cache_is_fetched_again(service: respx.MockRouter, source: CollateralSource, tmp_path: Path) -> None:
    first = source.fetch(QUOTE)
    for path in (tmp_path / "cache").rglob("*.bin"):
        path.write_bytes(b"damaged")
    assert source.fetch(QUOTE) == first
    assert len(service.calls) == 8


def test_a_bundle_is_read_without_a_network(
    service: respx.MockRouter, source: CollateralSource, tmp_path: Path
) -> None:
    pieces = source.fetch(QUOTE)
    write_bundle(tmp_path / "bundle", pieces)
    assert read_bundle(tmp_path / "bundle") == pieces
    (tmp_path / "bundle" / "root.der").write_bytes(PLATFORM.root_der())
    assert judge_quote(QUOTE, load_trust(tmp_path / "bundle"), NOW).code is Code.ACCEPTED


def test_a_bundle_with_one_changed_byte_is_refused(
    service: respx.MockRouter, source: CollateralSource, tmp_path: Path
) -> None:
    write_bundle(tmp_path, source.fetch(QUOTE))
    kept = tmp_path / "tcb_info.bin"
    kept.write_bytes(kept.read_bytes().replace(b"UpToDate", b"upToDate"))
    with pytest.raises(CollateralError, match=r"tcb_info.bin is not what was fetched"):
        read_bundle(tmp_path)


def test_a_manifest_may_not_point_outside_its_bundle(
    service: respx.MockRouter, source: CollateralSource, tmp_path: Path
) -> None:
    write_bundle(tmp_path, source.fetch(QUOTE))
    manifest = tmp_path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"tcb_info.bin"', '"../tcb_info.bin"'))
    with pytest.raises(CollateralError, match="outside"):
        read_bundle(tmp_path)


def test_the_signed_text_is_not_written_again(source: CollateralSource) -> None:
    """A service that sends spaces: they are part of what would have been signed."""

    def spaced(request: httpx.Request) -> httpx.Response:
        answer = _served(request)
        body = answer.content.replace(b'{"tcbInfo":{', b'{ "tcbInfo" : { ')
        return httpx.Response(answer.status_code, headers=dict(answer.headers), content=body)

    with respx.mock:
        respx.route(host="pccs.test").mock(side_effect=spaced)
        text = assembled(source.fetch(QUOTE))
    assert json.loads(text)["tcb_info"].startswith('{ "id"')


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (httpx.Response(404), "answered 404"),
        (httpx.Response(200, content=b"x"), "no header with the chain"),
        (httpx.Response(200, content=b"x" * (MAX_BODY_BYTES + 1)), "more than"),
        (httpx.Response(200, content=b"zz", headers={"SGX-PCK-CRL-Issuer-Chain": "x"}), "neither DER nor hex"),
        (httpx.ConnectError("refused"), "ConnectError"),
    ],
)
def test_an_answer_that_is_no_collateral_is_an_error(
    source: CollateralSource, answer: httpx.Response | Exception, told: str
) -> None:
    with respx.mock:
        respx.route(host="pccs.test").mock(side_effect=[answer])
        with pytest.raises(CollateralError, match=told):
            source.fetch(QUOTE)


@pytest.mark.parametrize("raw", [b"", QUOTE[:700], bytes(2000)])
def test_bytes_that_are_no_quote_are_an_error(source: CollateralSource, raw: bytes) -> None:
    with pytest.raises(CollateralError, match="which machine"):
        source.fetch(raw)


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/tdx/certification/v4/tcb", {"fmspc": "a55a7e570000"}, 200),
        ("/tdx/certification/v4/tcb", {"fmspc": "000000000000"}, 404),
        ("/tdx/certification/v4/tcb", {"fmspc": "short"}, 400),
        ("/tdx/certification/v4/tcb", {"fmspc": "a55a7e570000", "update": "never"}, 400),
        ("/tdx/certification/v4/qe/identity", {"update": "early"}, 200),
        ("/tdx/certification/v4/qe/identity", {"update": "never"}, 400),
        ("/sgx/certification/v4/pckcrl", {"ca": "platform", "encoding": "der"}, 200),
        ("/sgx/certification/v4/pckcrl", {"ca": "processor", "encoding": "der"}, 404),
        ("/sgx/certification/v4/pckcrl", {}, 400),
        ("/sgx/certification/v4/rootcacrl", {}, 200),
        ("/sgx/certification/v4/tcb", {"fmspc": "a55a7e570000"}, 200),
        ("/sgx/certification/v4/tcb", {"fmspc": "000000000000"}, 404),
        ("/sgx/certification/v4/qe/identity", {}, 200),
        ("/sgx/certification/v4/elsewhere", {}, 404),
    ],
)
def test_the_platforms_service_answers_like_intels(path: str, query: dict[str, str], status: int) -> None:
    assert pcs.answer(path, query, PLATFORM.collateral).status == status
