"""Forge: leases on the clock, stock that is never sold twice, kubeconfigs that a real client library connects with."""

from __future__ import annotations

import base64
import datetime as dt
import http.server
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cryptography import x509
from kubernetes import client, config

from mockserver.defects import within
from mockserver.gateway import Gateway
from mockserver.serve import Options, Server
from mockserver.services.forge.leases import Lease, end_of, status_of, term_end
from tests.mockserver.conftest import Lab

ORDER = {"metro": "fra", "gpu_type": "b200", "count": 8, "term": "on_demand"}


@pytest.fixture(scope="module")
def _forge(start: Callable[..., Lab]) -> Lab:
    return start("volt-control-plane")


@pytest.fixture
def forge(_forge: Lab) -> Lab:
    _forge.control.post("/reset")
    return _forge


def lease(lab: Lab, **members: Any) -> dict[str, Any]:
    answer = lab.api.post("/forge/leases", json={**ORDER, **members})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def status(lab: Lab, made: dict[str, Any]) -> str:
    return str(lab.api.get(f"/forge/leases/{made['id']}").json()["status"])


def test_a_lease_goes_through_its_states_on_the_clock(forge: Lab) -> None:
    forge.control.put("/clock", json={"now": "2026-02-28T12:00:00Z"})
    made = lease(forge, term="12_month")
    assert (made["status"], made["starts_at"], made["ends_at"]) == (
        "provisioning",
        "2026-02-28T12:00:00Z",
        "2027-02-28T12:00:00Z",
    )
    forge.control.put("/clock", json={"advance_s": 1})
    assert status(forge, made) == "active"
    forge.control.put("/clock", json={"advance_s": 366 * 86_400})
    assert status(forge, made) == "terminated"


def test_a_term_ends_on_the_last_day_of_a_shorter_month() -> None:
    start = dt.datetime(2028, 2, 29, tzinfo=dt.UTC).timestamp()
    assert term_end(start, 12) == dt.datetime(2029, 2, 28, tzinfo=dt.UTC).timestamp()
    assert term_end(start, None) is None


def test_a_lease_whose_machines_cannot_show_evidence_fails_when_evidence_was_asked_for() -> None:
    made = Lease("lease-x", "main", "fra", "l40s", 1, "on_demand", "n", True, 0.0)
    assert [status_of(made, now) for now in (0.0, 1.0)] == ["provisioning", "failed"]
    assert end_of(made) is None


def test_stock_is_taken_and_given_back(forge: Lab) -> None:
    def free() -> int:
        asked = {"metro": "fra", "gpu_type": "b200", "count": "1"}
        return int(forge.api.get("/forge/availability", params=asked).json()["available_count"])

    before = free()
    made = lease(forge, count=1000)
    assert free() == before - 1000
    assert [forge.api.delete(f"/forge/leases/{made['id']}").status_code for _ in range(2)] == [204, 204]
    forge.control.put("/clock", json={"advance_s": 1})
    assert free() == before


def test_more_than_there_is_is_refused(forge: Lab) -> None:
    scarce = {"gpu_type": "gaudi3"}
    lease(forge, count=1024, **scarce)
    lease(forge, count=1000, **scarce)
    refused = forge.api.post("/forge/leases", json={**ORDER, **scarce, "count": 25})
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "no_capacity")
    asked = {"metro": "fra", **scarce, "count": "25"}
    assert forge.api.get("/forge/availability", params=asked).json()["next_available_at"] is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"count": 1025},
        {"count": "8"},
        {"count": None},
        {"metro": "atlantis"},
        {"gpu_type": "h100"},
        {"term": "6_month"},
        {"namespace_name": "a\r\nSet-Cookie: x"},
        {"namespace_name": "a" * 64},
        {"namespace_name": "ab-\n"},
        {"attestation_required": "no"},
    ],
)
def test_wrong_orders_are_refused(forge: Lab, wrong: dict[str, Any]) -> None:
    assert forge.api.post("/forge/leases", json={**ORDER, **wrong}).status_code == 400
    assert forge.api.get("/forge/leases").json() == {"data": []}


def test_another_tenants_lease_does_not_exist(forge: Lab) -> None:
    made = lease(forge)
    other = {"Authorization": f"Bearer {forge.server.state.secrets['second_tenant']}"}
    path = f"/forge/leases/{made['id']}"
    for method, where in (("GET", path), ("DELETE", path), ("POST", path + "/kubeconfig")):
        assert forge.api.request(method, where, headers=other).status_code == 404
    assert forge.api.get("/forge/leases", headers=other).json() == {"data": []}
    assert status(forge, made) != "terminated"


def test_leases_and_the_authority_survive_a_restart(tmp_path: Path) -> None:
    options = Options(state=tmp_path / "state.db")
    with Server("volt-control-plane", options=options) as first:
        headers = {"Authorization": f"Bearer {first.main_key}"}
        made = httpx.post(first.base_url + "/forge/leases", json=ORDER, headers=headers).json()
        authority = first.state.parts["forge"].authority.pem()
    with Server("volt-control-plane", options=options) as second:
        found = httpx.get(f"{second.base_url}/forge/leases/{made['id']}", headers=headers).json()
        assert second.state.parts["forge"].authority.pem() == authority
    assert {**found, "status": ""} == {**made, "status": ""}


def test_a_kubeconfig_lives_as_long_as_was_asked(forge: Lab) -> None:
    made = lease(forge, namespace_name="team-a")
    asked: list[Any] = [{"ttl_seconds": n} for n in (599, 86_401, "600", 600.5, True)]
    path = f"/forge/leases/{made['id']}/kubeconfig"
    assert [forge.api.post(path, json=body).status_code for body in asked] == [400] * 5
    forge.control.put("/clock", json={"now": "2026-11-21T08:00:00Z"})
    body = forge.api.post(path).json()
    assert body["expires_at"] == "2026-11-21T20:00:00Z"
    written = yaml.safe_load(base64.b64decode(body["kubeconfig"]))
    held = x509.load_pem_x509_certificate(base64.b64decode(written["users"][0]["user"]["client-certificate-data"]))
    assert held.not_valid_after_utc.isoformat() == "2026-11-21T20:00:00+00:00"
    assert written["contexts"][0]["context"]["namespace"] == "team-a"


class ApiServer(http.server.BaseHTTPRequestHandler):
    """As much of a Kubernetes API server as a list of pods takes; it notes who asked, by the certificate."""

    seen: list[tuple[str, str]]

    def do_GET(self) -> None:
        held = self.connection.getpeercert()
        self.seen.append((dict(held["subjectAltName"])["URI"], self.path))
        body = b'{"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": []}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[Server, list[tuple[str, str]]]]:
    """A mock, and the API server that its kubeconfigs lead to, which asks for a certificate of the mock's authority."""
    seen: list[tuple[str, str]] = []
    handler = type("Handler", (ApiServer,), {"seen": seen})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as stub:
        there = f"https://127.0.0.1:{stub.server_address[1]}"
        with Server("volt-control-plane", within(Gateway(), "forge", server_of=lambda call, lease: there)) as mock:
            authority = mock.state.parts["forge"].authority
            host = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            leaf = authority.server([host], mock.state.clock.instant())
            (tmp_path / "server.pem").write_bytes(leaf.pem() + leaf.key_pem())
            (tmp_path / "ca.pem").write_bytes(authority.pem())
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(tmp_path / "server.pem")
            tls.load_verify_locations(tmp_path / "ca.pem")
            tls.verify_mode = ssl.CERT_REQUIRED
            stub.socket = tls.wrap_socket(stub.socket, server_side=True)
            thread = threading.Thread(target=stub.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            yield mock, seen
            stub.shutdown()
            thread.join()


def test_the_kubernetes_client_connects_with_the_kubeconfig(cluster: tuple[Server, list[tuple[str, str]]]) -> None:
    mock, seen = cluster
    with httpx.Client(base_url=mock.base_url, headers={"Authorization": f"Bearer {mock.main_key}"}) as api:
        made = api.post("/forge/leases", json={**ORDER, "namespace_name": "team-a"}).json()
        minted = api.post(f"/forge/leases/{made['id']}/kubeconfig", json={"ttl_seconds": 600}).json()
    written = yaml.safe_load(base64.b64decode(minted["kubeconfig"]))
    kubernetes = config.new_client_from_config_dict(written)  # type: ignore[no-untyped-call]
    pods = client.CoreV1Api(kubernetes).list_namespaced_pod(written["contexts"][0]["context"]["namespace"])
    assert pods.items == []
    assert seen == [(minted["spiffe_id"], "/api/v1/namespaces/team-a/pods")]
    assert minted["spiffe_id"] == f"spiffe://volt.cloud/tenant/main/forge/{made['id']}"
