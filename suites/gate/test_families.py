"""The refused families: what nothing attests is not served, on any path an SDK would call."""

from __future__ import annotations

import pytest

from harness.asking.ask import Ask
from harness.asking.probe import probe
from harness.judge import errors, families
from harness.wire.exchange import Exchange
from suites import denials

BODY = {"model": "any", "input": "quince", "prompt": "quince", "training_file": "file-1"}
OTHER_METHODS = ("GET", "PUT", "PATCH", "DELETE")


@probe(calls=20)
def refused_families(ask: Ask) -> tuple[Exchange, ...]:
    """A POST to every path of every family."""
    return tuple(ask.send("POST", path, json=BODY) for path in denials.refused_paths(ask.contract))


@probe(calls=80)
def other_methods(ask: Ask) -> tuple[Exchange, ...]:
    """The other methods on every path of every family."""
    known = denials.refused_paths(ask.contract)
    return tuple(ask.send(method, path) for path in known for method in OTHER_METHODS)


@pytest.mark.requirement("VT-020")
def test_embeddings_are_not_available(refused_families, holds):
    holds(families.embeddings, *refused_families)


@pytest.mark.requirement("VT-021")
def test_images_are_not_available(refused_families, holds):
    holds(families.images, *refused_families)


@pytest.mark.requirement("VT-022")
def test_audio_is_not_available(refused_families, holds):
    holds(families.audio, *refused_families)


@pytest.mark.requirement("VT-023")
def test_video_is_not_available(refused_families, holds):
    holds(families.video, *refused_families)


@pytest.mark.requirement("VT-024")
def test_moderations_are_not_available(refused_families, holds):
    holds(families.moderations, *refused_families)


@pytest.mark.requirement("VT-025")
def test_fine_tuning_is_not_available(refused_families, holds):
    holds(families.fine_tuning, *refused_families)


@pytest.mark.requirement("VT-079")
def test_every_family_is_not_available_whatever_the_method(refused_families, other_methods, holds):
    holds(families.every_family_is_not_available, *refused_families, *other_methods)
    holds(errors.error_has_exactly_four_members, *refused_families, *other_methods)


@pytest.mark.requirement("VT-040")
@pytest.mark.cost(calls=1)
def test_refused_families_need_a_key(ask):
    answer = ask.send("POST", "/embeddings", json=BODY, key=None)
    assert answer.status == 401, f"a refused family was answered with {answer.status} without a key"
