"""A signer who lies: every digest is right and the signature is good, and what the bundle shows is something else."""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import specs
from harness.certificate import bundle, coherent, policy
from harness.certificate.problem import Refused
from harness.certificate.statement import OURS
from harness.certificate.verify import Verification, verified
from harness.wire import journal
from tests.certificate.conftest import ISSUED, Signed, key_files, sign_as_it_stands, sign_raw

Results = dict[str, Any]
FOUND = {"requirement": "OC-082", "signatures": ["573f8afaa86cf921"], "owner": "ops", "reason": "because we say so"}
WAIVED = {**FOUND, "expires": "2099-01-01", "link": "https://x", "state": "applied", "red": False, "said": "it is"}


def judged(signed: Signed, **demands: Any) -> Verification:
    return verified(signed.raw, signed.folder, signed.demands(rejudge=True, **demands))


def told(found: Verification) -> set[tuple[str, str]]:
    return {(str(problem.code), problem.subject) for problem in found.problems}


def rewritten(folder: Path, name: str, change: Callable[[Any], object]) -> None:
    document = json.loads((folder / name).read_text())
    change(document)
    (folder / name).write_text(json.dumps(document))


def rows(folder: Path, name: str = "exchanges.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def write(folder: Path, found: list[dict[str, Any]], name: str = "exchanges.jsonl") -> None:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in found))


def row(document: Results, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in document["requirements"] if row["id"] == name)
    return found


# --- results.json -------------------------------------------------------------------------------------------------

LIES: dict[str, tuple[Callable[[Results], object], str]] = {
    "a row is left out": (lambda d: d["requirements"].remove(row(d, "OC-082")), "requirements"),
    "a row stands there twice": (lambda d: d["requirements"].append(row(d, "OC-082")), "requirements"),
    "a MUST becomes a SHOULD": (lambda d: row(d, "OC-082").update(level="SHOULD"), "requirements"),
    "a text is milder": (lambda d: row(d, "OC-082").update(text="All is well."), "requirements"),
    "another verdict": (lambda d: d.update(verdict="does-not-conform", exit_code=1), "verdict"),
    "other counts": (lambda d: d["counts"].update({"pass": 999}), "verdict"),
    "another deployment": (lambda d: d["target"].update(base_url="https://real.example/v1"), "target"),
    "another deployment in name": (lambda d: d["target"].update(name="real"), "target"),
    "another model": (lambda d: d["target"].update(model="gpt-9"), "target"),
    "another version of the contract": (lambda d: d["contract"].update(version="9.9.9"), "contract"),
    "no test roots": (lambda d: d["target"].update(test_roots=False), "target"),
    "a waiver that nobody gave": (lambda d: d.update(waivers=[WAIVED]), "waivers"),
    "a start long ago": (lambda d: d["run"].update(started="2020-01-01T00:00:00.000Z"), "run"),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_results_say_beside_outcomes_is_judged_again(copy: Signed, tmp_path: Path, lie: str) -> None:
    change, part = LIES[lie]
    rewritten(copy.folder, "results.json", change)
    found = judged(sign_as_it_stands(copy.folder, tmp_path))
    assert ("statement.contradicted", f"results.json/{part}") in told(found)


def test_a_run_does_not_end_after_it_was_certified(copy: Signed, tmp_path: Path) -> None:
    """Else a run of last year would be young for ever: policies bound its age by its end."""
    rewritten(copy.folder, "results.json", lambda d: d["run"].update(finished="2099-01-01T00:00:00.000Z"))
    signed = sign_as_it_stands(copy.folder, tmp_path)
    assert ("statement.contradicted", "issued") in told(verified(signed.raw, copy.folder, signed.demands()))
    rewritten(copy.folder, "results.json", lambda d: d["run"].update(finished="2020-01-01T00:00:00.000Z"))
    assert ("statement.contradicted", "results.json/run") in told(judged(sign_as_it_stands(copy.folder, tmp_path)))


def test_roots_of_a_laboratory_are_told_by_themselves_and_not_by_a_flag(copy: Signed, tmp_path: Path) -> None:
    rewritten(copy.folder, "results.json", lambda d: d["target"].update(test_roots=False))
    rewritten(copy.folder, "deployment.json", lambda d: d["evidence"].update(test_roots=False))
    signed = sign_as_it_stands(copy.folder, tmp_path)
    assert told(judged(signed)) == {("statement.contradicted", "results.json/target")}
    unmet = {problem.subject for problem in judged(signed, policy={"test_roots": False}).problems}
    assert "test_roots" in unmet


def test_what_was_asked_of_one_deployment_is_not_certified_of_another(copy: Signed, tmp_path: Path) -> None:
    there = {"base_url": "https://real.example/v1"}
    rewritten(copy.folder, "results.json", lambda d: d["target"].update(there))
    rewritten(copy.folder, "deployment.json", lambda d: d.update(there))
    found = judged(sign_as_it_stands(copy.folder, tmp_path))
    assert ("statement.contradicted", "results.json/target") in told(found)


def test_a_host_in_capitals_is_the_same_host() -> None:
    assert coherent._origin("HTTP://Gateway.example:8080/v1") == coherent._origin(
        "http://gateway.example:8080/v1/models"
    )


def test_a_policy_of_ones_own_is_not_called_by_the_name_of_a_shipped_one(copy: Signed, tmp_path: Path) -> None:
    (copy.folder / "anchors" / "policy.yaml").write_text("name: strict\nsummary: Whatever suits us.\nextends: field\n")
    rewritten(copy.folder, "deployment.json", lambda d: d["evidence"].update(policy=None, policy_file="policy.yaml"))
    signed = sign_as_it_stands(copy.folder, tmp_path)
    statement = verified(signed.raw, None, signed.demands()).statement
    assert statement is not None
    assert statement["predicate"][OURS]["attestation"]["policy"].startswith("strict, NOT a shipped policy: policy.yaml")


# --- the statement ------------------------------------------------------------------------------------------------


def ours(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["predicate"][OURS]
    return found


def measured(document: dict[str, Any], value: str) -> None:
    """Another measurement, told alike in both places."""
    for one in ours(document)["attestation"]["measurements"]:
        one["mr_td"] = value
    others = [s for s in document["subject"] if s["name"] != "tdx:mr_td"]
    at = next(n for n, s in enumerate(others) if s["name"] == "tdx:rt_mr0")
    others.insert(at, {"name": "tdx:mr_td", "digest": {"sha384": value}})
    document["subject"] = others


def with_a_key(document: dict[str, Any], value: str) -> None:
    """A key of TLS that no connection showed, told alike in both places."""
    ours(document)["tls_keys"] = [value]
    document["subject"].append({"name": "tls-key:spki", "digest": {"sha256": value}})


PROVEN = {"sha256": "ab" * 32, "score": {"defects": 9, "killed": 9, "must_checked": 9, "must_proven": 9}}
MORE = {"name": "tdx:mr_td", "digest": {"sha384": "cd" * 48}}
STRANGE = [{"id": "OC-082", "now": "not-observed", "said": "a laboratory looked at it"}]
STATED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "measurements": (lambda d: ours(d)["attestation"]["measurements"][0].update(mr_td="ab" * 48), "subject"),
    "measurements and subjects": (lambda d: measured(d, "ab" * 48), "attestation"),
    "no attestation": (lambda d: ours(d).update(attestation=None), "subject"),
    "genuine roots": (lambda d: ours(d)["attestation"].update(test_roots=False), "attestation"),
    "keys of TLS": (lambda d: ours(d).update(tls_keys=["ab" * 32]), "subject"),
    "keys of TLS and subjects": (lambda d: with_a_key(d, "ab" * 32), "tls_keys"),
    "spend": (lambda d: ours(d)["spend"].update(usd="0"), "spend"),
    "a proof that is not there": (lambda d: ours(d).update(proof=PROVEN), "proof"),
    "a level": (lambda d: ours(d)["levels"][0].update(held=True), "levels"),
    "a subject more": (lambda d: d["subject"].append(MORE), "subject"),
    "what passed": (lambda d: d["predicate"].update(passedTests=["ALL"]), "passedTests"),
    "the result": (lambda d: d["predicate"].update(result="FAILED"), "result"),
    "what was judged by": (lambda d: d["predicate"].update(configuration=[]), "configuration"),
    "a reason of one's own": (lambda d: ours(d)["judged_again"].update(otherwise=STRANGE), "judged_again"),
    "how many came out the same": (lambda d: ours(d)["judged_again"].update(same=0), "judged_again"),
    "the waivers": (lambda d: ours(d).update(waivers=[WAIVED]), "waivers"),
}


@pytest.mark.parametrize("lie", STATED)
def test_a_statement_is_what_anybody_would_write_of_its_bundle(copy: Signed, tmp_path: Path, lie: str) -> None:
    change, name = STATED[lie]
    found = judged(sign_as_it_stands(copy.folder, tmp_path, change))
    assert ("statement.contradicted", name) in told(found)


ODD: dict[str, Callable[[dict[str, Any]], object]] = {
    "a day that is none": lambda d: ours(d).update(expires="9999-99-99T99:99:99Z"),
    "an end that is no text": lambda d: ours(d)["run"].update(finished=5),
    "a profile that is none": lambda d: ours(d)["run"].update(profile="huge"),
    "a flag that is a text": lambda d: ours(d)["deployment"].update(test_roots="no"),
    "a score that is none": lambda d: ours(d).update(proof={"sha256": "ab" * 32, "score": {"x": 1}}),
    "a root without a name": lambda d: ours(d)["attestation"].update(trust_roots=[{}]),
    "a waiver without an owner": lambda d: ours(d).update(waivers=[{"requirement": "OC-082"}]),
    "spend that is no number": lambda d: ours(d)["spend"].update(usd="much"),
}


@pytest.mark.parametrize("odd", ODD)
def test_a_statement_of_another_shape_is_malformed_and_hurts_nobody(copy: Signed, tmp_path: Path, odd: str) -> None:
    signed = sign_as_it_stands(copy.folder, tmp_path, ODD[odd])
    demanded = {"max_age_days": 1, "profile": "full", "test_roots": False, "proof": True}
    assert told(judged(signed, policy=demanded)) == {("statement.malformed", "")}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"verdict": ', b'"verdict": "does-not-conform",\n   "verdict": '),
        (b"\n", b"\r\n"),
        (b'"calls": ', b'"calls": NaN,\n    "calls": '),
        (b'"calls": ', b'"calls":  '),
    ],
    ids=["a name twice", "CRLF", "NaN", "white space"],
)
def test_of_one_statement_there_is_one_form(copy: Signed, tmp_path: Path, old: bytes, new: bytes) -> None:
    payload = base64.b64decode(json.loads(copy.raw)["payload"])
    signed = sign_raw(copy.folder, payload.replace(old, new), *key_files(tmp_path, "ed25519"))
    assert told(verified(signed.raw, None, signed.demands())) == {("statement.malformed", "")}


def test_a_proof_without_a_defect_proves_nothing(kept: Signed) -> None:
    score = dict.fromkeys(("defects", "killed", "must_checked", "must_proven"), 0)
    unmet = policy.unmet({"proof": True}, {"proof": {"sha256": "", "score": score}}, ISSUED)
    assert [problem.subject for problem in unmet] == ["proof"]


# --- exchanges ----------------------------------------------------------------------------------------------------


def test_no_exchange_hides_behind_the_id_of_another(copy: Signed, tmp_path: Path) -> None:
    """A breach of the same id as an answer that all is well with was not looked at."""
    found = rows(copy.folder)
    broken = json.loads(json.dumps(next(x for x in found if "[DONE]" in str(x["chunks"]))))
    broken["chunks"] = [chunk for chunk in broken["chunks"] if "[DONE]" not in str(chunk[1])]
    write(copy.folder, [*found, broken])
    assert told(judged(sign_as_it_stands(copy.folder, tmp_path))) == {("bundle.unreadable", "")}


HOSTILE: dict[str, dict[str, Any]] = {
    "time without end": {"end_ns": float("inf")},
    "time beyond time": {"end_ns": 10**400},
    "text for time": {"end_ns": "x"},
    "text for a status": {"status": "200"},
    "a chunk before the request": {"chunks": [[-5, "x"]]},
    "a number for a header": {"headers": [[1, 2]]},
    "a list for an id": {"id": []},
    "nobody asked": {"probe": None},
    "an intent that is a list": {"intent": []},
    "a key that is a list": {"intent": {"key": []}},
    "no URL": {"request": {"method": "GET", "url": "http://[", "headers": [], "body": ""}},
    "a fault without words": {"fault": {"kind": 5, "message": None}},
    "no certificate": {"certificate": "AAAA"},
    "a day that is none": {"started": "never"},
    "a day after all days": {"started": "9999-12-31T23:59:59+00:00", "end_ns": 10**12},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_exchange_ends_in_a_refusal(
    copy: Signed, tmp_path: Path, what: str, capfd: pytest.CaptureFixture[str]
) -> None:
    found = rows(copy.folder)
    found[0].update(HOSTILE[what])
    write(copy.folder, found)
    assert not judged(sign_files(copy, tmp_path)).accepted
    assert "Traceback" not in "".join(capfd.readouterr())


def sign_files(copy: Signed, where: Path) -> Signed:
    """The statement that the copy had, about the files that it has now."""
    document = json.loads(base64.b64decode(json.loads(copy.raw)["payload"]))
    found = bundle.digests(copy.folder)
    for subject in document["subject"]:
        if subject["name"] in found:
            subject["digest"] = {"sha256": found[subject["name"]]}
    payload = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode()
    return sign_raw(copy.folder, payload, *key_files(where, "ed25519"))


HURTFUL = {
    "exchanges.jsonl": ['{"a":' + "[" * 100_000 + "\n", "null\n", "\n"],
    "asides.jsonl": ["[" * 100_000 + "\n", "{}\n", '{"who": "run", "asked": "when the run started", "learned": 5}\n'],
    "deployment.json": ["[" * 100_000, "{}", ""],
    "results.json": ["[" * 100_000, "{}", "NaN"],
    "anchors/trust/collateral.json": ["[" * 100_000, "{}"],
    "anchors/trust/root.der": ["x", ""],
    "anchors/trust/device_root.pem": ["x"],
}


@pytest.mark.parametrize("name", HURTFUL)
def test_a_hostile_file_ends_in_a_refusal(
    copy: Signed, tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    kept = (copy.folder / name).read_bytes()
    for text in HURTFUL[name]:
        (copy.folder / name).write_bytes(text.encode() + (kept if name.endswith(".jsonl") else b""))
        assert not judged(sign_files(copy, tmp_path)).accepted
    assert "Traceback" not in "".join(capfd.readouterr())


PACKED = base64.b64encode(gzip.compress(bytes(60 * 1024**2), 9)).decode()  # 80 kB
BOMBS: dict[str, list[dict[str, Any]]] = {
    "one answer of many parts": [{"chunks": [[n, {"gzip": PACKED}] for n in range(40)]}],
    "a coded answer again and again": [
        {"id": f"y{n}", "headers": [["content-encoding", "gzip"]], "chunks": [[0, {"base64": PACKED}]]}
        for n in range(40)
    ],
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_small_bundle_does_not_fill_the_memory(copy: Signed, tmp_path: Path, kind: str) -> None:
    found = rows(copy.folder)
    write(copy.folder, [*found, *({**found[0], "id": "y", **change} for change in BOMBS[kind])])
    with pytest.raises(ValueError, match="more than"):
        deque(journal.read(copy.folder / "exchanges.jsonl"), maxlen=0)
    assert told(judged(sign_files(copy, tmp_path))) == {("bundle.unreadable", "")}


# --- files --------------------------------------------------------------------------------------------------------


def test_a_bundle_that_would_take_for_ever_to_read_is_not_read(copy: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    with (copy.folder / "sparse").open("wb") as file:
        file.truncate(bundle.MAX_BYTES + 1)
    with pytest.raises(Refused, match="bytes"):
        bundle.digests(copy.folder)
    (copy.folder / "sparse").unlink()
    os.mkfifo(copy.folder / "fifo")
    with pytest.raises(Refused, match="fifo is neither"):
        bundle.digests(copy.folder)
    (copy.folder / "fifo").unlink()
    strange = copy.folder / os.fsdecode(b"\xff.txt")
    strange.touch()
    with pytest.raises(Refused, match="no UTF-8"):
        bundle.digests(copy.folder)
    strange.unlink()
    (copy.folder / Path(*"d" * (bundle.MAX_DEPTH + 1))).mkdir(parents=True)
    with pytest.raises(Refused, match="too deep"):
        bundle.digests(copy.folder)
    monkeypatch.setattr(bundle, "MAX_FILES", 3)
    with pytest.raises(Refused, match="more than 3"):
        bundle.digests(copy.folder)


def test_what_is_asked_for_is_not_left_out_because_the_bundle_is_missing(
    copy: Signed, tmp_path: Path, assay: Callable[..., tuple[int, str]]
) -> None:
    """A certificate that lies alone is refused where it was to be judged again, and not accepted without a word."""
    _, public = key_files(tmp_path, "ed25519")
    alone = tmp_path / "alone" / "certificate.json"
    alone.parent.mkdir()
    alone.write_bytes(copy.raw)
    for more in ((), ("--rejudge",)):
        code, said = assay("verify", alone, "--key", public, *more)
        assert (code, "--no-bundle" in said) == (2, True)


def test_a_certificate_is_a_file_of_a_bounded_size(
    copy: Signed, tmp_path: Path, assay: Callable[..., tuple[int, str]]
) -> None:
    _, public = key_files(tmp_path, "ed25519")
    (copy.folder / "certificate.json").unlink()
    os.mkfifo(copy.folder / "certificate.json")
    code, said = assay("verify", copy.folder, "--key", public)
    assert (code, "no such file" in said) == (2, True)
    (copy.folder / "certificate.json").unlink()
    with (copy.folder / "certificate.json").open("wb") as file:
        file.truncate(1 << 40)
    code, said = assay("verify", copy.folder, "--key", public)
    assert (code, "certificate.malformed" in said) == (1, True)


def test_no_row_moves_a_terminal(copy: Signed, tmp_path: Path, assay: Callable[..., tuple[int, str]]) -> None:
    otherwise = [{"id": "\x1b[2K\x1b[1A", "now": "not-observed", "said": "x"}]
    sign_as_it_stands(copy.folder, tmp_path, lambda d: ours(d)["judged_again"].update(otherwise=otherwise))
    _, said = assay("verify", copy.folder, "--key", tmp_path / "ed25519.pub", "--no-bundle")
    assert "\x1b" not in said


def test_no_demand_is_taken_back_further_down(tmp_path: Path) -> None:
    """YAML's readers take the last of two; whoever reads the file stops at the first."""
    (tmp_path / "demands.yaml").write_text("levels: [Core]\nmax_waived: 0\nlevels: []\n")
    with pytest.raises(specs.SpecError, match="'levels' stands there twice, line 3"):
        policy.load(tmp_path / "demands.yaml")
    (tmp_path / "demands.yaml").write_text("max_age_days: 99999999999\n")
    with pytest.raises(specs.SpecError, match="max_age_days"):
        policy.load(tmp_path / "demands.yaml")
