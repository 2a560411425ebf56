"""`assay attest verify --batch`: a verdict for every line, in order, and none that a bad neighbour could change."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import specs
from harness import appraisal
from harness.appraisal import batch
from harness.attest import policy_of
from harness.cli import main
from tests.attest import gpu_lab
from tests.attest.lab import HONEST, LATER, MODEL, NONCE, NOW, flipped, platform, quote_of, trust_in
from tests.harness.test_attest_cli import export_gpu_trust
from tests.harness.test_attest_cli import said as assay_said

AT = ("--at", NOW.isoformat())
QUESTION = appraisal.Question(None, NOW, policy_of(specs.policy("field")))
ALONE = replace(QUESTION, policy=policy_of(specs.policy("genuine")))
JUDGE = batch.Judge(appraisal.Anchors(trust_in(HONEST)), QUESTION, ALONE)
QUOTE = quote_of(HONEST)
REPORT = HONEST.report(MODEL, NONCE)


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    HONEST.export_trust(tmp_path / "trust")
    return tmp_path / "trust"


def line(evidence: Any, **members: Any) -> bytes:
    return json.dumps({"evidence": evidence, **members}).encode()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def assay(lines: list[bytes], *options: object) -> Result:
    text = b"\n".join(lines) + b"\n"
    return CliRunner().invoke(main, ["attest", "verify", "--batch", "-", *map(str, options)], input=text)


def said(result: Result) -> list[dict[str, Any]]:
    return [json.loads(one) for one in result.stdout.splitlines()]


def alone(raw: bytes | None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(JUDGE.outcome(1, raw).text)
    return found


MIXED = [
    line(REPORT, id="a", nonce=NONCE.hex()),
    b"{",
    line(b64(flipped(QUOTE, 600)), id=3),
    b"",
    line(QUOTE.hex(), at=int(LATER.timestamp())),
    line(b64(QUOTE), id="last", at=NOW.isoformat()),
]
EXPECTED = [
    (1, "a", "accepted", "accepted"),
    (2, None, "malformed", "evidence.malformed"),
    (3, 3, "rejected", "quote.signature_invalid"),
    (5, None, "rejected", "crl.expired"),
    (6, "last", "accepted", "accepted"),
]


@pytest.mark.parametrize("workers", [1, 2])
def test_every_line_gets_its_verdict_in_order(trust: Path, workers: int) -> None:
    result = assay(MIXED, "--trust", trust, *AT, "-n", workers)
    found = said(result)
    assert [(one["line"], one["id"], one["verdict"], one["code"]) for one in found] == EXPECTED
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "TEST ROOTS: this says nothing about real hardware.",
        "2 accepted, 1 malformed, 2 rejected",
    ]


def test_many_workers_say_what_one_says(trust: Path) -> None:
    lines = [line(b64(flipped(QUOTE, at) if at % 3 else QUOTE), id=at) for at in range(600, 700)]
    one, three = (assay(lines, "--trust", trust, *AT, "-n", workers) for workers in (1, 3))
    assert (one.exit_code, one.stdout, one.stderr) == (three.exit_code, three.stdout, three.stderr)
    assert [document["id"] for document in said(one)] == list(range(600, 700))


@pytest.mark.parametrize(
    ("lines", "exit_code"),
    [
        ([line(b64(QUOTE))], 0),
        ([line(b64(QUOTE)), line(b64(flipped(QUOTE, 600)))], 1),
        ([line(b64(QUOTE)), line("none"), line(b64(flipped(QUOTE, 600)))], 2),
        ([b"", b"  "], 2),  # nothing judged is nothing accepted
    ],
)
def test_the_exit_code_is_the_worst_of_the_lines(trust: Path, lines: list[bytes], exit_code: int) -> None:
    assert assay(lines, "--trust", trust, *AT).exit_code == exit_code


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"[]", "expected an object"),
        (b"\xff", "can't decode"),
        (b'{"evidence":"00","evidence":"00"}', "a key occurs twice"),
        (b'{"id":1}', "no member evidence"),
        (line("00", nonse="00"), "strange members nonse"),
        (line("00", id=[1]), "id: expected str or int"),
        (line("00", id=True), "id: expected str or int"),
        (line("00", nonce=NONCE.hex()[2:]), "31 bytes, expected 32"),
        (line("00", nonce="zz"), "expected hex"),
        (line("00", at="2026-11-20T12:00:00"), "has no time zone"),
        (line("00", at=-1), "expected Unix seconds"),
        (line("00", at=10**30), "expected Unix seconds"),
        (line("00", at=1.5), "at: expected str or int"),
        (b'{"evidence":' + b"[" * 5000, "evidence.malformed"),
        (None, "more than 4194304 bytes"),
    ],
)
def test_a_line_that_cannot_be_taken_says_why(raw: bytes | None, reason: str) -> None:
    found = alone(raw)
    assert (found["verdict"], found["code"], found["line"]) == ("malformed", "evidence.malformed", 1)
    assert reason in json.dumps(found["problems"])


def test_a_report_is_judged_by_its_bytes_and_not_by_a_copy() -> None:
    """A copy would hold a repeated key once, and then it is another document."""
    text = json.dumps(REPORT)
    assert alone(b'{"nonce":"%s","evidence": %s}' % (NONCE.hex().encode(), text.encode()))["verdict"] == "accepted"
    twice = text[:-1] + ', "signing_address": "0x00"}'
    assert alone(b'{"nonce":"%s","evidence":%s}' % (NONCE.hex().encode(), twice.encode()))["verdict"] == "malformed"
    assert alone(line(b64(twice.encode()), nonce=NONCE.hex()))["verdict"] == "malformed"


def test_a_quote_without_a_nonce_leaves_its_data_unjudged() -> None:
    assert alone(line(b64(QUOTE)))["unjudged"] == ["what the report data binds: no nonce was given"]
    assert alone(line(b64(QUOTE), nonce=NONCE.hex()))["code"] == "binding.mismatch"


@pytest.mark.parametrize(
    ("anchors", "reason"),
    [(JUDGE.anchors, "--nonce HEX"), (appraisal.Anchors(), "give --trust DIR")],
)
def test_what_nobody_could_judge_has_no_code_and_is_not_accepted(anchors: appraisal.Anchors, reason: str) -> None:
    outcome = batch.Judge(anchors, QUESTION, ALONE).outcome(7, line(REPORT, id="r"))
    found = json.loads(outcome.text)
    assert (found["verdict"], found["code"], found["id"], outcome.exit_code) == ("unjudged", None, "r", 2)
    assert reason in found["unjudged"][0]


def test_a_fault_of_ours_is_told_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = appraisal.of_quote

    def faulty(raw: bytes, *rest: Any) -> appraisal.Appraisal:
        if raw != QUOTE:
            raise KeyError("x")
        return genuine(raw, *rest)

    monkeypatch.setattr(appraisal, "of_quote", faulty)
    stream = io.BytesIO(line(b64(flipped(QUOTE, 600))) + b"\n" + line(b64(QUOTE)))
    first, second = batch.judged(stream, JUDGE, 1)
    assert (first.verdict, first.exit_code, second.verdict) == ("fault", 3, "accepted")
    assert "KeyError" in first.text
    assert json.loads(first.text)["code"] is None


def test_gpu_payloads_stand_among_quotes(trust: Path) -> None:
    scene = gpu_lab.scene()
    export_gpu_trust(trust, scene)
    payload = {**scene.payload, "evidence_list": scene.gpus}
    lines = [line(payload, nonce=nonce.hex()) for nonce in (gpu_lab.NONCE, gpu_lab.OTHER_NONCE)]
    found = said(assay([*lines, line(b64(QUOTE))], "--trust", trust, "--at", gpu_lab.NOW.isoformat()))
    assert [one["verdict"] for one in found][:2] == ["accepted", "rejected"]
    assert [one["claims"]["kind"] for one in found] == ["gpus", "gpus", "quote"]


def test_what_stands_alone_is_asked_what_it_is_asked_on_the_command_line(trust: Path, tmp_path: Path) -> None:
    old = platform(tcb_status="OutOfDate")
    old.export_trust(trust)
    (tmp_path / "quote").write_bytes(quote_of(old))
    report = old.report(MODEL, NONCE)
    lines = [line(b64(quote_of(old))), line(report, nonce=NONCE.hex())]
    alone = assay_said("verify", "--quote", tmp_path / "quote", "--trust", trust, *AT)[1]
    assert [one["code"] for one in said(assay(lines, "--trust", trust, *AT))] == [alone["code"], "tcb.out_of_date"]
    assert [one["code"] for one in said(assay(lines, "--trust", trust, *AT, "--policy", "field"))] == 2 * [
        "tcb.out_of_date"
    ]


def test_a_line_without_end_is_skipped_and_not_held() -> None:
    asked = list[int]()

    class Endless(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            asked.append(size or -1)
            return b"0" * asked[-1] if len(asked) < 40 else super().readline(size)

    assert list(batch.numbered(Endless(b"00\n{}"))) == [(1, None), (2, b"{}")]
    assert all(0 < size <= batch.MAX_LINE_BYTES + 1 for size in asked)


def test_reading_waits_for_verdicts() -> None:
    """However long the input, only a few chunks of it are ever in flight."""
    read = 0

    def chunks() -> Iterator[tuple[batch.Line, ...]]:
        nonlocal read
        for number in range(1, 10_000):
            read = number
            yield ((number, b"{"),)

    outcomes = batch.spread(chunks(), JUDGE, 2)
    next(outcomes)
    assert read <= 2 * batch.AHEAD
    outcomes.close()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--batch", __file__, __file__), "name one piece of evidence"),
        (("--workers", "2", __file__), "--workers goes with --batch"),
        (("--batch", __file__, "-n", "0"), "not in the range"),
        (("--batch", "no such file"), "does not exist"),
    ],
)
def test_a_bad_invocation_says_what_to_give(arguments: tuple[str, ...], reason: str) -> None:
    result = CliRunner().invoke(main, ["attest", "verify", *arguments])
    assert result.exit_code == 2
    assert reason in " ".join(result.output.replace("│", " ").split())


def test_an_interrupted_batch_says_that_it_is_not_whole(trust: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def judged(*_: Any) -> Iterator[batch.Outcome]:
        yield batch.Outcome("accepted", 0, True, "{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(batch, "judged", judged)
    result = assay(MIXED, "--trust", trust)
    assert (result.exit_code, result.stdout) == (4, "{}\n")
    assert result.stderr.splitlines()[0].startswith("interrupted: ")
    assert result.stderr.splitlines()[-1] == "1 accepted"
