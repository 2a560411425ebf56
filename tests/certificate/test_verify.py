"""What a certificate must not be accepted for, who is believed, and that a signer who lies is found out."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

import specs
from harness import results
from harness.certificate import envelope, issue, keys, policy, statement
from harness.certificate.levels import claims
from harness.certificate.problem import BadRequest, Refused
from harness.certificate.verify import Verification, verified
from tests.certificate.conftest import ISSUED, LASTS, Signed, key_files, sign_as_it_stands

OURS = statement.OURS


def codes(found: Verification) -> set[str]:
    return {str(problem.code) for problem in found.problems}


def ours_of(signed: Signed) -> dict[str, Any]:
    payload, _ = envelope.opened(signed.raw, [signed.key])
    return statement.ours(statement.read(payload))


def test_a_run_is_judged_again_row_by_row(kept: Signed) -> None:
    found = verified(kept.raw, kept.folder, kept.demands(rejudge=True))
    assert (found.problems, found.on_word) == ((), ())
    assert found.judged_again == len(results.read(kept.folder)["requirements"])


def test_a_breach_is_certified_and_judged_again_as_one(broken: Signed) -> None:
    found = verified(broken.raw, broken.folder, broken.demands(rejudge=True))
    assert found.accepted
    assert found.statement is not None
    assert found.statement["predicate"]["result"] == "FAILED"
    assert "VT-063" in found.statement["predicate"]["failedTests"]
    assert policy_problems(broken, {"verdict": "conforms"}) == {"verdict"}


def test_a_signer_who_embellishes_the_results_is_found_out(broken: Signed, tmp_path: Path) -> None:
    """The results say that all is well, the digests are right, the signature is good: the exchanges say otherwise."""
    folder = tmp_path / "embellished"
    shutil.copytree(broken.folder, folder)
    document = json.loads((folder / "results.json").read_text())
    for row in document["requirements"]:
        if row["outcome"] == "fail":
            row |= {"outcome": "pass", "findings": []}
    document |= {"verdict": "conforms", "exit_code": 0}
    (folder / "results.json").write_text(json.dumps(document))
    signed = sign_as_it_stands(folder, tmp_path)
    assert verified(signed.raw, folder, signed.demands()).accepted
    found = verified(signed.raw, folder, signed.demands(rejudge=True))
    assert "row.judged_otherwise" in codes(found)
    assert {problem.subject for problem in found.problems} >= {"OC-082", "VT-063"}


def test_a_signer_who_leaves_exchanges_out_is_found_out(broken: Signed, tmp_path: Path) -> None:
    folder = tmp_path / "shortened"
    shutil.copytree(broken.folder, folder)
    lines = (folder / "exchanges.jsonl").read_text().splitlines(keepends=True)
    (folder / "exchanges.jsonl").write_text("".join(lines[: len(lines) // 2]))
    signed = sign_as_it_stands(folder, tmp_path)
    assert "row.judged_otherwise" in codes(verified(signed.raw, folder, signed.demands(rejudge=True)))
    with pytest.raises(BadRequest, match="does not bear out"):  # nor does it pass for what nobody can judge again
        issue.payload_of(folder, None, ISSUED, LASTS)


def test_the_bundle_of_another_run_is_named_as_that(kept: Signed, broken: Signed) -> None:
    found = verified(kept.raw, broken.folder, kept.demands())
    assert {"bundle.another_run", "bundle.another_deployment"} <= codes(found)


@pytest.mark.parametrize(
    ("part", "name", "code"),
    [
        ("contract", "digest", "bundle.another_contract"),
        ("target", "base_url", "bundle.another_deployment"),
        ("run", "id", "bundle.another_run"),
    ],
)
def test_whose_bundle_it_is_comes_first(copy: Signed, part: str, name: str, code: str) -> None:
    document = json.loads((copy.folder / "results.json").read_text())
    document[part][name] = "0" * 64
    (copy.folder / "results.json").write_text(json.dumps(document))
    found = verified(copy.raw, copy.folder, copy.demands())
    assert [str(problem.code) for problem in found.problems] == [code, "bundle.changed"]


def test_a_link_is_no_part_of_a_bundle(copy: Signed) -> None:
    (copy.folder / "plan.json").rename(copy.folder.parent / "plan.json")
    (copy.folder / "plan.json").symlink_to(copy.folder.parent / "plan.json")
    assert codes(verified(copy.raw, copy.folder, copy.demands())) == {"bundle.unreadable"}


def test_a_contract_that_is_not_here_cannot_judge_again(copy: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    name = ours_of(copy)["contract"]["name"]
    changed = replace(specs.load(name), digest="0" * 64)
    monkeypatch.setattr(specs, "load", lambda _: changed)
    assert codes(verified(copy.raw, copy.folder, copy.demands(rejudge=True))) == {"contract.not_here"}


# --- Time, keys, demands ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("later", "code"),
    [
        (-timedelta(hours=1), {"certificate.not_yet"}),
        (timedelta(), set()),
        (LASTS, set()),
        (LASTS + timedelta(seconds=1), {"certificate.expired"}),
    ],
)
def test_a_certificate_holds_for_its_time(kept: Signed, later: timedelta, code: set[str]) -> None:
    assert codes(verified(kept.raw, None, kept.demands(at=ISSUED + later))) == code


def test_nobody_is_believed_whose_key_is_not_known(kept: Signed, broken: Signed) -> None:
    found = verified(kept.raw, kept.folder, kept.demands(keys=[broken.key]))
    assert (codes(found), found.statement) == ({"key.unknown"}, None)


def test_the_other_form_of_an_ecdsa_signature_is_refused(broken: Signed) -> None:
    """Whoever has (r, s) has (r, n - s) as well, which verifies: it would be a second certificate nobody made."""
    document = json.loads(broken.raw)
    (signature,) = document["signatures"]
    r, s = decode_dss_signature(base64.b64decode(signature["sig"]))
    signature["sig"] = base64.b64encode(encode_dss_signature(r, keys.P256_ORDER - s)).decode()
    raw = (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()
    assert codes(verified(raw, None, broken.demands())) == {"signature.wrong"}


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, b'{"payload": 1}', b"null"])
def test_what_is_no_certificate_is_malformed(kept: Signed, raw: bytes) -> None:
    assert codes(verified(raw, None, kept.demands())) == {"certificate.malformed"}


def policy_problems(signed: Signed, demanded: dict[str, Any], **at: Any) -> set[str]:
    return {problem.subject for problem in policy.unmet(demanded, ours_of(signed), at.get("at", ISSUED))}


def test_demands_that_are_not_met_are_named(kept: Signed) -> None:
    ours = ours_of(kept)
    met = {
        "contract": ours["contract"]["name"],
        "contract_digest": ours["contract"]["digest"],
        "base_url": ours["deployment"]["base_url"],
        "levels": [],
        "max_age_days": 1,
        "test_roots": True,
        "measurements": {"mr_td": [ours["attestation"]["measurements"][0]["mr_td"]]},
        "max_waived": 0,
        "max_on_word": 0,
        "proof": False,
    }
    unmet = {
        "contract": "openai-core",
        "contract_digest": "0" * 64,
        "base_url": "https://elsewhere.example/v1",
        "verdict": "conforms",  # the rest of the contract was not selected, and that is no conformance of all of it
        "levels": ["Attested"],
        "profile": "standard",
        "max_age_days": 0,
        "test_roots": False,
        "measurements": {"mr_td": ["0" * 96]},
        "tls_keys": ["0" * 64],
        "proof": True,
    }
    assert policy_problems(kept, met) == set()
    later = ISSUED + timedelta(days=1)
    assert policy_problems(kept, unmet, at=later) == unmet.keys() - {"verdict"}


def test_a_policy_file_names_keys_beside_it(broken: Signed, tmp_path: Path) -> None:
    secret, public = key_files(tmp_path, "ed25519")
    (tmp_path / "demands.yaml").write_text(yaml.safe_dump({"keys": [public.name], "levels": ["Streaming"]}))
    assert policy.load(tmp_path / "demands.yaml")["keys"] == [str(public)]
    (tmp_path / "demands.yaml").write_text("levels: [Gold]\n")
    with pytest.raises(specs.SpecError, match="there is no Gold; there are Core, Streaming"):
        policy.load(tmp_path / "demands.yaml")
    (tmp_path / "demands.yaml").write_text("level: [Core]\n")
    with pytest.raises(specs.SpecError, match="level"):
        policy.load(tmp_path / "demands.yaml")
    assert keys.signer_of(str(secret)).public_key.keyid == keys.public_key(public).keyid


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_file_that_holds_no_key_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "key.pem").write_text(text)
    for load in (keys.signer_of, lambda path: keys.public_key(Path(path))):
        with pytest.raises(BadRequest, match=r"key\.pem"):
            load(str(tmp_path / "key.pem"))


def test_who_shows_a_private_key_is_told_how_to_show_the_public_one(tmp_path: Path) -> None:
    secret, _ = key_files(tmp_path, "ed25519")
    with pytest.raises(BadRequest, match=r"openssl pkey -in .* -pubout"):
        keys.public_key(secret)


def test_a_key_of_a_token_needs_its_public_part() -> None:
    with pytest.raises(BadRequest, match="--public-key"):
        keys.signer_of("hsm:2")


def test_a_statement_that_is_none_is_refused() -> None:
    for payload in (b"{}", b"[]", b"\xff", b'{"_type": "https://in-toto.io/Statement/v1"}'):
        with pytest.raises(Refused):
            statement.read(payload)


# --- Levels -------------------------------------------------------------------------------------------------------


def test_a_level_is_held_by_all_of_its_musts_or_not_at_all(kept: Signed) -> None:
    was = json.loads((kept.folder / "results.json").read_text())
    held = {claim.name: claim.held for claim in claims(was)}
    assert held == dict.fromkeys(("Core", "Streaming", "Billed", "Attested", "Loaded"), False)  # two suites were asked
    for row in was["requirements"]:
        row["outcome"] = "pass" if row["outcome"] == "not-observed" else row["outcome"]
    assert [claim.name for claim in claims(was) if not claim.held] == ["Attested"]  # by test roots
    was["target"]["test_roots"] = False
    assert all(claim.held for claim in claims(was))
    row = next(row for row in was["requirements"] if row["id"] == "OC-082")
    for outcome in ("fail", "error", "not-observed"):
        row["outcome"] = outcome
        assert {claim.name for claim in claims(was) if not claim.held} == {"Streaming", "Loaded"}
    row["outcome"] = "waived"
    assert [claim.waived for claim in claims(was) if claim.name == "Streaming"] == [("OC-082",)]


# --- The commands -------------------------------------------------------------------------------------------------


def test_a_proof_that_nests_beyond_reason_is_refused_in_words(copy: Signed, tmp_path: Path) -> None:
    deep = tmp_path / "deep.json"
    deep.write_text("[" * 100_000)
    with pytest.raises(BadRequest, match=r"deep\.json: expected the proof\.json of `assay prove`"):
        issue.payload_of(copy.folder, deep, ISSUED, LASTS)


def test_the_commands_say_what_holds(copy: Signed, tmp_path: Path, assay: Callable[..., tuple[int, str]]) -> None:
    _, public = key_files(tmp_path, "ed25519")
    certificate = copy.folder / "certificate.json"
    code, said = assay("verify", certificate)
    assert (code, "--key PEM" in said) == (2, True)
    code, said = assay("verify", copy.folder, "--key", public)  # a folder stands for the certificate in it
    assert (code, "key.unknown" in said) == (1, True)
    code, said = assay("verify", certificate, "--key", public, "--json")
    assert (code, json.loads(said)["accepted"]) == (1, False)


def test_certify_again_says_test_roots_first(
    kept: Signed, tmp_path: Path, assay: Callable[..., tuple[int, str]]
) -> None:
    shutil.copytree(kept.folder, tmp_path / "run")
    secret, public = key_files(tmp_path, "p256")
    code, said = assay("certify", tmp_path / "run", "--key", secret)
    assert (code, said.startswith("TEST ROOTS")) == (0, True)
    code, said = assay("verify", tmp_path / "run" / "certificate.json", "--key", public, "--rejudge")
    assert (code, said.startswith("accepted")) == (0, True), said


def test_a_run_that_cannot_be_played_is_not_certified(copy: Signed) -> None:
    document = json.loads((copy.folder / "results.json").read_text())
    document["run"]["workers"] = 2
    (copy.folder / "results.json").write_text(json.dumps(document))
    with pytest.raises(BadRequest, match="without -n"):
        issue.payload_of(copy.folder, None, ISSUED, LASTS)
