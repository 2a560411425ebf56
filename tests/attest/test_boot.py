"""Measured boot reports without a quote: whole, recent and consistent is all that can be said, and it is said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from harness.attest import Code, Rejected
from harness.attest.adapters import read
from harness.attest.boot import BootReport, BootVerdict, judge_boot
from tests.attest.formats import Document, dumped, rack
from tests.attest.lab import NOW

HOSTS = ("node-1", "node-2")
AGE = timedelta(hours=1)


def verdict(document: Document, hosts: tuple[str, ...] | None = HOSTS) -> BootVerdict:
    report = read(dumped(document))
    assert isinstance(report, BootReport)
    return judge_boot(report, NOW, AGE, hosts)


def test_a_whole_and_recent_report_proves_nothing_and_says_so() -> None:
    judged = verdict(rack())
    assert (judged.problems, judged.proven) == ((), ())
    assert "nothing in it can be verified" in judged.claimed[0]
    assert "no quote, no nonce and no signature" in judged.unknowable[0]


def second(**members: Any) -> Callable[[Document], None]:
    return lambda document: document["nodes"][1].update(members)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda document: document["nodes"].pop(), Code.BOOT_INCOMPLETE),
        (lambda document: document["nodes"].append(document["nodes"][0]), Code.BOOT_INCOMPLETE),
        (lambda document: document["nodes"].clear(), Code.BOOT_INCOMPLETE),
        (second(hostname="node-3"), Code.BOOT_INCOMPLETE),
        (second(tpm_pcr_values={}), Code.BOOT_INCOMPLETE),
        (second(tpm_pcr_values={str(n): "00" * 32 for n in range(8)}), Code.BOOT_INCOMPLETE),
        (second(verified_at=(NOW - timedelta(hours=2)).isoformat()), Code.BOOT_STALE),
        (second(verified_at=(NOW + timedelta(hours=2)).isoformat()), Code.BOOT_STALE),
        (second(measured_boot_verdict="fail"), Code.BOOT_REFUSED),
        (second(measured_boot_verdict="unknown"), Code.BOOT_REFUSED),
    ],
)
def test_what_is_missing_old_or_refused_is_told(change: Callable[[Document], None], code: Code) -> None:
    document = rack()
    change(document)
    assert code in {problem.code for problem in verdict(document).problems}


def test_nodes_that_boot_differently_are_pointed_out() -> None:
    document = rack()
    document["nodes"][1]["tpm_pcr_values"] = {**document["nodes"][0]["tpm_pcr_values"], "4": "11" * 32}
    assert any("PCR 4" in line for line in verdict(document).claimed)


@pytest.mark.parametrize("names", [("7", "PCR07"), ("pcr7", "pcr-7")])
def test_a_register_has_one_value(names: tuple[str, str]) -> None:
    document = rack()
    document["nodes"][0]["tpm_pcr_values"] = dict.fromkeys(names, "11" * 32)
    malformed(document)


@pytest.mark.parametrize(
    "members",
    [
        {"hostname": ""},
        {"hostname": 7},
        {"measured_boot_verdict": "PASS"},
        {"measured_boot_verdict": None},
        {"verified_at": "yesterday"},
        {"verified_at": "2026-11-20T12:00:00"},
        {"verified_at": 7},
        {"tpm_pcr_values": {"24": "11" * 32}},
        {"tpm_pcr_values": {"7": "11" * 31}},
        {"tpm_pcr_values": {"seven": "11" * 32}},
        {"tpm_pcr_values": []},
    ],
)
def test_a_node_of_the_wrong_shape_is_malformed(members: Document) -> None:
    document = rack()
    document["nodes"][1].update(members)
    malformed(document)


def malformed(document: Document) -> None:
    with pytest.raises(Rejected) as caught:
        read(dumped(document))
    assert caught.value.problem.code is Code.EVIDENCE_MALFORMED
