"""The official client against the contracts that complete, embed and paint."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from PIL import Image

from mockserver.serve import Options, Server

CONTRACTS = ("voltagegpu-inference", "voltagegpu-openapi")
CHAT: Any = [{"role": "user", "content": "Count from 1 to 5, separated by spaces."}]


@pytest.fixture(scope="module", params=CONTRACTS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with Server(request.param, options=Options(itl=0.0002)) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[OpenAI]:
    """With the key in both headers: the client has its own, the document of one contract another."""
    headers = {"X-VoltageGPU-Key": server.main_key}
    with OpenAI(
        base_url=server.base_url, api_key=server.main_key, default_headers=headers, max_retries=0, timeout=20
    ) as opened:
        yield opened


def of_kind(server: Server, kind: str) -> str:
    return next(row.id for row in server.state.catalogue.rows.values() if row.kind == kind)


def test_chat_whole_and_streamed_agree(server: Server, client: OpenAI) -> None:
    model = server.state.catalogue.default
    whole = client.chat.completions.create(model=model, messages=CHAT, temperature=0)
    pieces = client.chat.completions.create(model=model, messages=CHAT, temperature=0, stream=True)
    streamed = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert whole.choices[0].message.content == streamed == "1 2 3 4 5"


def test_vectors_come_as_the_client_asks_for_them(server: Server, client: OpenAI) -> None:
    model = of_kind(server, "embedding")
    asked = client.embeddings.create(model=model, input=["One.", "Another."])  # in base64, which the client decodes
    plain = client.embeddings.create(model=model, input="One.", encoding_format="float")
    assert [row.index for row in asked.data] == [0, 1]
    assert asked.data[0].embedding == plain.data[0].embedding
    assert math.isclose(math.hypot(*plain.data[0].embedding), 1, abs_tol=1e-5)


def test_pictures_are_pictures(server: Server, client: OpenAI) -> None:
    model = of_kind(server, "image")
    painted = client.images.generate(model=model, prompt="A sunset", n=2, size="512x512", response_format="b64_json")
    assert painted.data is not None
    for entry in painted.data:
        with Image.open(io.BytesIO(base64.b64decode(entry.b64_json or ""))) as picture:
            assert (picture.format, picture.size) == ("PNG", (512, 512))


def test_an_address_leads_to_the_picture_and_nobody_guesses_it(server: Server, client: OpenAI) -> None:
    painted = client.images.generate(model=of_kind(server, "image"), prompt="A sunset", size="256x256")
    assert painted.data is not None
    url = str(painted.data[0].url)
    with Image.open(io.BytesIO(httpx.get(url).content)) as picture:
        assert picture.size == (256, 256)
    assert [httpx.get(wrong).status_code for wrong in (url[:-1], url + "/../x", f"{url}%00")] == [404] * 3


def test_text_completions_go_on(server: Server, client: OpenAI) -> None:
    if server.contract.name != "voltagegpu-inference":
        with pytest.raises(openai.NotFoundError):
            client.completions.create(model="any", prompt="One")
        return
    made = client.completions.create(model=of_kind(server, "completion"), prompt="Once upon a time", max_tokens=8)
    assert (made.object, made.choices[0].finish_reason) == ("text_completion", "length")


def test_what_is_wrong_is_a_typed_error(server: Server, client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError):
        client.images.generate(model=of_kind(server, "image"), prompt="x", n=11)
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model=of_kind(server, "embedding"), input="")


def test_a_kept_picture_survives_a_restart(tmp_path: Any) -> None:
    options = Options(state=tmp_path / "state.sqlite")
    with Server("voltagegpu-inference", options=options) as first:
        body = {"model": of_kind(first, "image"), "prompt": "A sunset", "size": "256x256"}
        headers = {"Authorization": f"Bearer {first.main_key}"}
        made = httpx.post(f"{first.base_url}/images/generations", json=body, headers=headers).json()
        name = made["data"][0]["url"].rsplit("/", 1)[1]
        png = httpx.get(f"{first.base_url}/images/files/{name}").content
    with Server("voltagegpu-inference", options=options) as second:
        assert httpx.get(f"{second.base_url}/images/files/{name}").content == png
