"""Judges of leases, kubeconfigs, Talos documents and boot reports: what they let pass, what not, and hostile input."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml

from harness.judge import judge, kubeconfig, leases, racks, talos
from specs import load
from tests.judge.builders import completion

PRICES = {
    "on_demand_usd_per_gpu_hour": Decimal("5.50"),
    "reserved_12mo_usd_per_gpu_hour": Decimal("3.025"),
    "reserved_36mo_usd_per_gpu_hour": Decimal("2.20"),
}
REBATES = {"12_month": "0.45", "36_month": "0.60"}
ODD: list[Any] = [None, 7, "x", [], {}, {"users": {}}, [[]], True, {"current-context": []}]


def test_rates_are_held_to_half_a_cent() -> None:
    assert not leases.off_rates(PRICES, REBATES)
    assert not leases.off_rates({**PRICES, "reserved_12mo_usd_per_gpu_hour": Decimal("3.03")}, REBATES)
    assert leases.off_rates({**PRICES, "reserved_12mo_usd_per_gpu_hour": Decimal("3.04")}, REBATES)
    assert all(
        len(leases.off_rates(prices, REBATES)) == 2 for prices in [*ODD, dict.fromkeys(PRICES, Decimal("1e400000"))]
    )


@pytest.mark.parametrize(
    ("states", "right"),
    [
        (["provisioning", "active", "terminating", "terminated"], True),
        (["provisioning", "terminated"], True),
        (["provisioning", "failed", "terminated"], True),
        (["active", "provisioning"], False),
        (["active", "failed"], False),
        (["terminated", "active"], False),
        (["running"], False),
    ],
)
def test_leases_go_forward(states: list[str], right: bool) -> None:
    assert (leases.backwards(states) is None) is right


@pytest.mark.parametrize(
    ("start", "end", "months", "right"),
    [
        ("2026-02-28T00:00:00Z", "2027-02-28T00:00:00Z", 12, True),
        ("2028-02-29T00:00:00Z", "2029-02-28T00:00:00Z", 12, True),
        ("2026-11-21T08:00:00+01:00", "2029-11-21T07:00:00Z", 36, True),
        ("2026-02-28T00:00:00Z", "2027-02-23T00:00:00Z", 12, False),
        ("2026-02-28T00:00:00Z", None, 12, False),
        ("2026-02-28T00:00:00Z", None, None, True),
        ("2026-02-28T00:00:00Z", "2026-03-28T00:00:00Z", None, False),
        ("9999-12-31T00:00:00Z", "9999-12-31T00:00:00Z", 36, False),
    ],
)
def test_terms_are_calendar_months(start: str, end: str | None, months: int | None, right: bool) -> None:
    assert (leases.off_term({"starts_at": start, "ends_at": end}, months) is None) is right


@pytest.mark.parametrize(
    ("first", "second", "right"),
    [
        ("lease-3f9c2a1b7d", "lease-a81ee0c442", True),
        ("0192f0c1-aaaa-7bbb-8ccc-1f2e3d4c5b6a", "0192f0c1-aaab-7a0d-9e1f-77aa88bb99cc", True),
        ("lease-10001", "lease-10002", False),
        ("lease-1763714400000001", "lease-1763714400001002", False),
        ("a", "a", False),
    ],
)
def test_ids_that_count_up_can_be_guessed(first: str, second: str, right: bool) -> None:
    assert (leases.near(first, second) is None) is right


def test_nothing_that_is_no_kubeconfig_is_read() -> None:
    texts = [yaml.safe_dump(value) for value in ODD]
    texts += ["&a [*a, *a]", "a: [", "\x00", "!!python/object/apply:os.system [ls]", "apiVersion: v1\nkind: Config\n"]
    for value in [*ODD, "a" * 10**6, "ä", *(base64.b64encode(text.encode()).decode() for text in texts)]:
        with pytest.raises(kubeconfig.Unreadable):
            kubeconfig.read(value)


def test_nothing_that_is_no_talos_configuration_is_read() -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nmachine: [*b, *b]\n"
    for body in (b"", b"[]", b"machine: {}\n---\nmachine: {}", b"a: [", b"\xff\xfe", bomb.encode(), b"x" * 10**6):
        with pytest.raises(kubeconfig.Unreadable):
            talos.read(body)


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_odd_members_of_a_talos_configuration_are_problems_and_no_crash(odd: Any) -> None:
    config = {"version": odd, "machine": odd, "cluster": {"ca": odd, "etcd": odd, "controlPlane": odd, "token": odd}}
    assert talos.misshapen(config)
    assert talos.unsound(config)
    talos.identity(config)
    talos.secrets(config)


DIGESTS = {str(n): f"{n + 1:064x}" for n in range(8)}
CONTRACT = load("volt-control-plane")
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


def node(n: int, **members: Any) -> dict[str, Any]:
    told = {"hostname": f"n{n}", "tpm_pcr_values": DIGESTS, "measured_boot_verdict": "pass"}
    return {**told, "verified_at": "2026-11-21T08:59:30Z", **members}


def report(*nodes: Any) -> Any:
    return completion({"rack_id": "rack-1", "nodes": list(nodes)}, method="GET", path="/vault/racks/rack-1/attestation")


KIND = {"gpu_type": "b200", "gpu_count": 8, "attestation_status": "verified"}
RACK = {"nodes": [{"hostname": f"n{n}", **KIND} for n in (1, 2)]}


def problems(x: Any) -> int:
    both = (racks.report_has_its_members, racks.registers_hold_measurements)
    return sum(len(judge(rule, [x], CONTRACT).findings) for rule in both)


def test_a_report_that_holds_together() -> None:
    sound = report(node(1), node(2))
    assert not problems(sound)
    assert not racks.missing(RACK, sound)
    assert not racks.odd_ones(RACK, sound)
    assert not racks.contradictions(RACK, sound)
    assert not racks.stale(sound, 3600, (NOW, NOW))


def test_what_a_report_can_hide() -> None:
    assert racks.missing(RACK, report(node(1))) == ["n2 is left out"]
    assert racks.missing(RACK, report(node(1), node(1)))
    assert racks.odd_ones(RACK, report(node(1), node(2, tpm_pcr_values={**DIGESTS, "7": "ab" * 32})))
    assert not racks.odd_ones(RACK, report(node(1), node(2, tpm_pcr_values={**DIGESTS, "1": "ab" * 32})))
    assert racks.contradictions(RACK, report(node(1, measured_boot_verdict="fail")))
    assert racks.stale(report(node(1)), 3600, (NOW + timedelta(hours=2), NOW + timedelta(hours=2)))
    assert racks.stale(report(node(1, verified_at="2026-11-21T09:30:00Z")), 3600, (NOW, NOW))


@pytest.mark.parametrize("empty", ["00" * 32, "ff" * 32, sorted(racks.EMPTY)[1], "00", None])
def test_registers_that_nothing_was_measured_into(empty: str | None) -> None:
    assert problems(report(node(1, tpm_pcr_values={**DIGESTS, "7": empty})))


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_odd_members_of_a_report_are_problems_and_no_crash(odd: Any) -> None:
    assert problems(report(odd))
    for name in ("hostname", "tpm_pcr_values", "measured_boot_verdict", "verified_at"):
        x = report(node(1, **{name: odd}), node(2))
        problems(x)
        for judged in (racks.missing, racks.odd_ones, racks.contradictions):
            judged(RACK, x)
        racks.stale(x, 60, (NOW, NOW))
