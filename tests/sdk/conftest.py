"""The official OpenAI client, pointed at a mock of each contract. Nothing here speaks HTTP by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI

from mockserver.serve import Options, Server

MODEL = "Qwen/Qwen3-32B-TEE"
CONTRACTS = ("openai-core", "voltagegpu-confidential")


@pytest.fixture(scope="session", params=CONTRACTS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A mock of one contract; every test that uses it runs once a contract."""
    with Server(request.param, options=Options(control_token="T", itl=0.0002)) as running:
        yield running


@pytest.fixture(scope="session")
def confidential() -> Iterator[Server]:
    with Server("voltagegpu-confidential", options=Options(control_token="T", itl=0.0002)) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[OpenAI]:
    with client_of(server) as opened:
        yield opened


def client_of(server: Server, key: str | None = None) -> OpenAI:
    """A client that tries once: a refusal is the subject of a test and not a nuisance."""
    return OpenAI(base_url=server.base_url, api_key=key or server.main_key, max_retries=0, timeout=10)


def asks(text: str, **members: Any) -> dict[str, Any]:
    """The arguments of a chat call with one user message."""
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **members}
