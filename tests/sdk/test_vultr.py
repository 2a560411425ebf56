"""The official client against the API that keeps completions, speaks, embeds and remembers."""

from __future__ import annotations

import io
import math
import wave
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from mockserver.serve import Options, Server
from tests.sdk.conftest import client_of

HELLO: Any = [{"role": "user", "content": "Count from 1 to 5, separated by spaces."}]


@pytest.fixture(scope="module")
def vultr() -> Iterator[OpenAI]:
    with Server("vultr-inference", options=Options(itl=0.0002)) as server, client_of(server) as client:
        yield client


@pytest.fixture(scope="module")
def model(vultr: OpenAI) -> str:
    return str(vultr.get("/chat/models", cast_to=dict[str, Any])["models"][0]["id"])


def test_chat_is_kept_streamed_or_not(vultr: OpenAI, model: str) -> None:
    whole = vultr.chat.completions.create(model=model, messages=HELLO, extra_body={"top_k": 20})
    pieces = list(vultr.chat.completions.create(model=model, messages=HELLO, stream=True))
    for completion in (whole.id, pieces[0].id):
        kept = vultr.chat.completions.retrieve(completion)
        assert kept.choices[0].message.content == "1 2 3 4 5"


def test_speech_is_a_wave(vultr: OpenAI) -> None:
    spoken = vultr.audio.speech.create(model="bark", voice="en_speaker_0", input="The lamp is lit.")
    with wave.open(io.BytesIO(spoken.read())) as file:
        assert file.getnframes() / file.getframerate() > 0.5


def test_embeddings_have_length_one(vultr: OpenAI) -> None:
    rows = vultr.embeddings.create(model="bge-small-en-v1.5", input=["The lamp is lit.", "Bread."]).data
    assert [round(math.hypot(*row.embedding), 3) for row in rows] == [1.0, 1.0]


def test_a_refusal_is_typed(vultr: OpenAI, model: str) -> None:
    with pytest.raises(openai.BadRequestError, match="top_k"):
        vultr.chat.completions.create(model=model, messages=HELLO, extra_body={"top_k": 101})
    with pytest.raises(openai.NotFoundError):
        vultr.chat.completions.retrieve("chatcmpl-nobody")
