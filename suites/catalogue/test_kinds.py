"""Lists of models by what they do."""

from __future__ import annotations

import pytest

from harness.judge import catalogue as lists
from harness.judge.chat import is_filled, member
from suites.reading import accepted

pytestmark = pytest.mark.cost(calls=24, prompt_tokens=480, completion_tokens=24)
FEW, MANY = 3, 24


def ids_of(rows: object) -> list[str]:
    assert isinstance(rows, list), f"a list of models is {type(rows).__name__}"
    return [row if isinstance(row, str) else str(member(row, "id")) for row in rows]


@pytest.mark.requirement("VU-111")
def test_a_model_is_told_in_strings(ask):
    answer = ask.model(ask.default_model)
    assert answer.status == 200, f"reading a listed model was answered with {answer.status}"
    wrong = [name for name in ("id", "object", "created", "owned_by") if not is_filled(answer.json.get(name))]
    assert not wrong, f"members that are no filled strings: {wrong}"


@pytest.mark.requirement("VU-112")
def test_models_that_chat_can_chat(ask, catalogue, profile):
    answer = ask.send("GET", "/chat/models")
    assert answer.status == 200, f"the models that chat were answered with {answer.status}"
    shared, private = ids_of(answer.json["models"]), ids_of(answer.json["private_models"])
    assert shared, "no model that chats is listed"
    unknown = sorted(set(shared + private) - set(lists.ids(catalogue)))
    assert not unknown, f"models that chat and are in no list of all: {unknown[:3]}"
    for model in shared[: FEW if profile == "quick" else MANY]:
        accepted(ask.chat(model=model, max_tokens=1), f"a chat with {model}, which is listed to chat,")


@pytest.mark.requirement("VU-113")
def test_models_that_speak_can_speak(ask, catalogue):
    answer = ask.send("GET", "/audio/models")
    assert answer.status == 200, f"the models that speak were answered with {answer.status}"
    speaking = ids_of(answer.json["speech"])
    assert speaking, "no model that speaks is listed"
    voice = ask.send("GET", "/audio/voices").json["voices"][0]
    for model in speaking[:FEW]:
        said = ask.send("POST", "/audio/speech", json={"model": model, "input": "Yes.", "voice": voice})
        assert said.status == 200, f"a speech by {model}, which is listed to speak, was answered with {said.status}"
