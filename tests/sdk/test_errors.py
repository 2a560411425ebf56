"""Each refusal raises the exception that SDK users catch, with the code and the message filled in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import httpx
import openai
import pytest
from openai import OpenAI

from mockserver.serve import Server
from tests.sdk.conftest import asks, client_of

E = TypeVar("E", bound=openai.APIStatusError)


def test_a_wrong_key_is_an_authentication_error(server: Server) -> None:
    with client_of(server, "vgpu_sk_00000000000000000000000000000000") as client:
        refused = _raised(openai.AuthenticationError, lambda: client.chat.completions.create(**asks("Hello")))
    assert (refused.status_code, refused.code, refused.type) == (401, "invalid_api_key", "authentication_error")


def test_a_bad_parameter_is_a_bad_request_that_names_it(client: OpenAI) -> None:
    refused = _raised(openai.BadRequestError, lambda: client.chat.completions.create(**asks("Hello", temperature=3)))
    assert refused.code == "invalid_parameter"
    assert "temperature" in refused.message


def test_a_refused_stream_raises_before_the_first_chunk(client: OpenAI) -> None:
    _raised(openai.BadRequestError, lambda: client.chat.completions.create(**asks("Hello", max_tokens=0, stream=True)))


def test_an_unknown_model_raises_what_the_contract_says(server: Server, client: OpenAI) -> None:
    gated = server.contract.name == "voltagegpu-confidential"
    kind = openai.BadRequestError if gated else openai.NotFoundError
    refused = _raised(kind, lambda: client.chat.completions.create(**{**asks("Hello"), "model": "nobody/none"}))
    assert refused.code == ("model_not_confidential" if gated else "model_not_found")


def test_an_unknown_path_is_not_found(client: OpenAI) -> None:
    _raised(openai.NotFoundError, lambda: client.post("/no-such-operation", cast_to=dict[str, Any], body={}))


def test_a_family_without_an_enclave_is_unavailable(confidential: Server) -> None:
    with client_of(confidential) as client:
        refused = _raised(
            openai.InternalServerError, lambda: client.embeddings.create(model="any", input="A confidential line")
        )
    assert (refused.status_code, refused.code) == (503, "not_available")


def test_too_many_requests_are_a_rate_limit_error(confidential: Server) -> None:
    with client_of(confidential, _issued(confidential, balance_usd="1", requests_per_minute=1)) as client:
        client.chat.completions.create(**asks("Hello", max_tokens=1))
        refused = _raised(openai.RateLimitError, lambda: client.chat.completions.create(**asks("Hello", max_tokens=1)))
    assert int(refused.response.headers["retry-after"]) > 0


def test_an_empty_account_is_told_so(confidential: Server) -> None:
    with client_of(confidential, _issued(confidential, balance_usd="0")) as client:
        refused = _raised(openai.APIStatusError, lambda: client.chat.completions.create(**asks("Hello")))
    assert (refused.status_code, refused.code) == (402, "insufficient_balance")


def _raised(kind: type[E], call: Callable[[], object]) -> E:
    """The exception, which must be of this very class, so that `except` clauses of users match."""
    with pytest.raises(kind) as refused:
        call()
    assert type(refused.value) is kind or kind is openai.APIStatusError
    assert refused.value.message
    return refused.value


def _issued(server: Server, **members: Any) -> str:
    url, headers = server.origin + "/control/v1/keys", {"X-Control-Token": "T"}
    return str(httpx.post(url, json={"account": None, **members}, headers=headers).json()["key"])
