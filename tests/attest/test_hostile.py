"""Evidence, collateral and moments made to make a judge fall over, or say more than it knows: neither happens."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from harness.attest import Code, Evidence, Policy, Rejected, Report, verify
from harness.attest.adapters import read
from harness.attest.channel import ChannelBinding
from harness.attest.tie import Tie, judge_tie
from tests.attest import formats
from tests.attest.forge import QUOTE, Parts, Trial, stated
from tests.attest.formats import Document, dumped, rack
from tests.attest.lab import HONEST, NONCE, NOW, flipped, quote_of, trust_in

_DEBUG = Parts().put(48 + 120, (int.from_bytes(QUOTE[168:176], "little") | 1).to_bytes(8, "little")).encode()
_TAKES_MUCH = Policy(statuses=frozenset({"UpToDate", "OutOfDate"}), grace_s=10**10, allow_debug=True)


def test_registers_given_as_text_are_read_like_registers_given_as_an_object() -> None:
    document = rack()
    values = document["nodes"][0]["tpm_pcr_values"]
    document["nodes"][0]["tpm_pcr_values"] = json.dumps(values)
    assert read(dumped(document)).nodes[0].registers == read(dumped(rack())).nodes[0].registers  # type: ignore[union-attr]
    document["nodes"][0]["tpm_pcr_values"] = json.dumps({"0": 7})
    with pytest.raises(Rejected):
        read(dumped(document))


def _listed(*path: str | int) -> Callable[[dict[str, Any]], None]:
    """A structure given as a list, which the engine's reader takes as well."""

    def change(info: dict[str, Any]) -> None:
        info["tcbLevels"][0]["tcbStatus"] = "OutOfDate"
        at: Any = info
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = list(at[path[-1]].values())[:1]

    return change


@pytest.mark.parametrize("quote", [QUOTE, _DEBUG], ids=["quote", "debug"])
@pytest.mark.parametrize("name", ["sgxtcbcomponents", "tdxtcbcomponents"])
def test_signed_collateral_of_an_odd_shape_is_refused_and_not_stumbled_over(quote: bytes, name: str) -> None:
    trial = stated("tcb_info", _listed("tcbLevels", 0, "tcb", name, 15), quote=quote, policy=_TAKES_MUCH)
    assert trial.judged().code in (Code.COLLATERAL_MALFORMED, Code.TCB_INFO_MALFORMED)


@pytest.mark.parametrize("moment", [datetime(1960, 1, 1, tzinfo=UTC), datetime.min.replace(tzinfo=UTC)])
@pytest.mark.parametrize("quote", [QUOTE, _DEBUG], ids=["quote", "debug"])
def test_a_moment_before_1970_is_before_every_statement(quote: bytes, moment: datetime) -> None:
    assert Trial(quote=quote, at=moment, policy=_TAKES_MUCH).judged().code is Code.TCB_INFO_NOT_YET_VALID


@pytest.mark.parametrize("root", [b"", b"junk", bytes(100)], ids=["nothing", "text", "zeros"])
def test_a_root_that_is_no_certificate_is_collateral_that_cannot_be_read(root: bytes) -> None:
    assert Trial(root=root).judged().code is Code.COLLATERAL_MALFORMED


def _report(document: Document, forged: bool = False, **changed: Any) -> Report:
    """What is said of a document's first machine; `forged` breaks the signature of its quote."""
    evidence = replace(_first(document), **changed)
    if forged:
        evidence = replace(evidence, quote=flipped(evidence.quote, 632 + 4 + 10))
    return verify(evidence, trust_in(HONEST), NONCE, NOW, certificate=formats.der())


def _first(document: Document) -> Evidence:
    found = read(dumped(document))
    assert isinstance(found, tuple)
    return found[0]


@pytest.mark.parametrize("make", [formats.dstack, formats.tinfoil, formats.chutes], ids=["dstack", "tinfoil", "chutes"])
def test_a_quote_that_nobody_signed_ties_nothing(make: Callable[[], Document]) -> None:
    assert _report(make()).tie.tie is not Tie.NOT_PROVEN
    report = _report(make(), forged=True)
    assert Code.QUOTE_SIGNATURE_INVALID in report.codes
    assert (report.tie.tie, report.channel) == (Tie.NOT_PROVEN, _named_only(make))


@pytest.mark.parametrize("make", [formats.dstack, formats.tinfoil, formats.chutes], ids=["dstack", "tinfoil", "chutes"])
def test_what_the_report_data_does_not_hold_ties_nothing(make: Callable[[], Document]) -> None:
    """A genuine quote of some other machine, under a document that hashes its own GPUs and names its own TLS key."""
    report = _report(make(), quote=quote_of(HONEST, bytes(32)))
    assert Code.BINDING_MISMATCH in report.codes
    assert (report.tie.tie, report.channel) == (Tie.NOT_PROVEN, _named_only(make))


def _named_only(make: Callable[[], Document]) -> ChannelBinding:
    return ChannelBinding.NOT_BOUND if make is formats.dstack else ChannelBinding.NOT_HELD


def test_a_launcher_event_is_measured_only_by_a_genuine_quote() -> None:
    evidence = replace(_first(formats.dstack()), gpu=())
    tie = judge_tie(evidence, NONCE, {"gpu-attestation": b"x"}, unheld="the quote is not signed")
    assert (tie.tie, tie.reason) == (Tie.NOT_PROVEN, "the quote is not signed")


def test_what_no_measured_event_says_is_told_as_a_claim() -> None:
    report = _report(formats.dstack(), event_claims=(("app-id", "00"), ("os-image-hash", "11" * 32), ("made-up", "22")))
    assert Code.CLAIM_CONTRADICTED in report.codes
    assert [claim for claim in report.claimed if "no measured event" in claim] == [
        "made-up: 22 (no measured event says so)"
    ]


@pytest.mark.parametrize("nonce", [b"", b"\0", bytes(7)], ids=len)
def test_a_challenge_that_can_be_guessed_shows_no_age(nonce: bytes) -> None:
    """Report data that holds nothing at all would answer an empty challenge."""
    (evidence,) = read(formats.quote_over(bytes(64)))  # type: ignore[misc]
    report = verify(evidence, trust_in(HONEST), nonce, NOW)
    assert report.codes == (Code.NONCE_UNBOUND,)


@pytest.mark.parametrize("as_text", [False, True], ids=["list", "text"])
def test_a_second_log_beside_the_measured_one_must_not_tell_another_story(as_text: bool) -> None:
    document = formats.dstack()
    log = json.loads(json.dumps(document["info"]["tcb_info"]["event_log"]))
    assert _report(document).accepted
    next(event for event in log if event["event"] == "compose-hash")["event_payload"] = "11" * 32
    document["info"]["tcb_info"]["event_log"] = json.dumps(log) if as_text else log
    assert _report(document).codes == (Code.CLAIM_CONTRADICTED,)


@pytest.mark.parametrize("payload", [0, [], {"a": 1}, '{"evidence": []}', "[]"], ids=str)
def test_gpu_evidence_of_no_known_shape_is_not_taken_for_none(payload: Any) -> None:
    with pytest.raises(Rejected, match=r"evidence\.malformed: nvidia_payload"):
        read(dumped({**formats.dstack(), "nvidia_payload": payload}))


@pytest.mark.parametrize("payload", [None, "", {}, "{}"], ids=str)
def test_gpu_evidence_may_be_left_out(payload: Any) -> None:
    assert _first({**formats.dstack(), "nvidia_payload": payload}).gpu == ()
