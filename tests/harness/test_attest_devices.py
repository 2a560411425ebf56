"""GPUs that a policy counts on: left out, counted in tokens that nobody signed, or shown to no judge. None passes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import appraisal
from harness.attest import Code, policy_of
from harness.attest.gpu import load_gpu_trust
from harness.attest.gpu.policy import DEFAULT, GpuPolicy
from harness.attest.gpu.token import TokenTrust
from specs import policy
from tests.attest import formats
from tests.attest.formats import Document, dumped
from tests.attest.gpu_lab import dump, token_scene
from tests.attest.lab import HONEST, MODEL, NONCE, NOW, trust_in

EIGHT = replace(DEFAULT, gpu_count=8)


@pytest.fixture(scope="module")
def anchors(tmp_path_factory: pytest.TempPathFactory) -> appraisal.Anchors:
    folder: Path = tmp_path_factory.mktemp("trust")
    HONEST.export_trust(folder)
    return appraisal.Anchors(trust_in(HONEST), load_gpu_trust(folder))


def judged(document: Document, anchors: appraisal.Anchors, wanted: GpuPolicy = EIGHT) -> appraisal.Appraisal:
    question = appraisal.Question(NONCE, NOW, policy_of(policy("field")), wanted)
    return appraisal.of_document(dumped(document), anchors, question)


def codes(found: appraisal.Appraisal) -> set[Code]:
    return {problem.code for problem in found.problems}


def report() -> Document:
    return json.loads(json.dumps(HONEST.report(MODEL, NONCE)))  # type: ignore[no-any-return]


def _without(*path: Any) -> Callable[[Document], None]:
    def cut(document: Document) -> None:
        at: Any = document
        for step in path[:-1]:
            at = at[step]
        del at[path[-1]]

    return cut


def test_as_many_gpus_as_the_policy_says_are_taken(anchors: appraisal.Anchors) -> None:
    assert judged(report(), anchors).problems == ()
    assert codes(judged(report(), anchors, replace(DEFAULT, gpu_count=7))) == {Code.PAYLOAD_GPU_COUNT}


def test_a_machine_without_gpus_does_not_have_the_eight_of_the_policy(anchors: appraisal.Anchors) -> None:
    document = report()
    document.pop("nvidia_payload")
    document.pop("all_attestations")
    assert judged(document, anchors, DEFAULT).problems == ()
    assert codes(judged(document, anchors)) == {Code.PAYLOAD_GPU_COUNT}


def test_a_gateway_needs_no_gpus_but_somebody_behind_it_does(anchors: appraisal.Anchors) -> None:
    document = formats.near()
    document["model_attestations"][0]["nvidia_payload"] = report()["nvidia_payload"]
    document["model_attestations"][0].pop("compose_manager_attestation")
    assert judged(document, anchors).problems == ()
    document["model_attestations"][0].pop("nvidia_payload")
    assert codes(judged(document, anchors)) == {Code.PAYLOAD_GPU_COUNT}
    document.pop("model_attestations")
    assert codes(judged(document, anchors)) == {Code.PAYLOAD_GPU_COUNT}


def test_gpus_that_a_policy_counts_need_somebody_who_can_judge_them(anchors: appraisal.Anchors) -> None:
    with pytest.raises(appraisal.Missing, match="device_root"):
        judged(report(), replace(anchors, gpus=None))
    assert judged(report(), replace(anchors, gpus=None), DEFAULT).unjudged


def test_tokens_beside_a_quote_are_judged_where_their_keys_are_given(anchors: appraisal.Anchors) -> None:
    scene, document = token_scene(gpus=2), formats.bundle()
    given = replace(anchors, tokens=TokenTrust(dump(scene.jwks)))
    assert judged(document, anchors, DEFAULT).unjudged == ("the tokens about the GPUs: no jwks.json was given",)
    assert codes(judged(document, given, DEFAULT)) == {Code.NRAS_ALG}
    scene.nonce = bytes.fromhex(document["commitments"]["sha256"])
    signed = {f"GPU-{n}": scene.service.sign(scene.service.claims(d, scene.nonce)) for n, d in enumerate(scene.devices)}
    scene.texts = signed
    document["nvidia"]["nras"] = [["JWT", scene.service.sign(scene.overall())], signed]
    taken = judged(document, given, DEFAULT)
    assert (taken.problems, taken.unjudged) == ((), ())
    assert taken.parts[0]["tokens"]["ueids"] == [device.ueid for device in scene.devices]
    assert codes(judged(document, given)) == {Code.NRAS_GPU_COUNT}


def test_a_token_alone_covers_as_many_gpus_as_the_policy_says() -> None:
    scene = token_scene(gpus=2)
    answer = [["JWT", scene.service.sign(scene.overall())], scene.texts]
    anchors = appraisal.Anchors(tokens=TokenTrust(dump(scene.jwks)))
    for wanted, found in ((2, set()), (8, {Code.NRAS_GPU_COUNT})):
        counted = replace(DEFAULT, gpu_count=wanted)
        question = appraisal.Question(scene.nonce, scene.at, policy_of(policy("field")), counted)
        assert codes(appraisal.of_document(dumped(answer), anchors, question)) == found


def test_tokens_under_a_test_authority_are_called_so() -> None:
    scene = token_scene()
    anchors = appraisal.Anchors(tokens=TokenTrust(dump(scene.jwks)))
    question = appraisal.Question(scene.nonce, scene.at, policy_of(policy("field")))
    answer = [["JWT", scene.service.sign(scene.overall())], scene.texts]
    found = appraisal.of_document(dumped(answer), anchors, question)
    assert (found.verdict, found.test_roots) == ("accepted", True)
