"""The model list through the SDK, which percent-encodes the slash of an id."""

from __future__ import annotations

import openai
import pytest
from openai import OpenAI

from tests.sdk.conftest import MODEL


def test_every_listed_model_is_typed(client: OpenAI) -> None:
    rows = list(client.models.list())
    assert MODEL in [row.id for row in rows]
    assert {row.object for row in rows} == {"model"}
    assert all(isinstance(row.created, int) and row.owned_by for row in rows)


def test_an_id_with_a_slash_can_be_retrieved(client: OpenAI) -> None:
    listed = {row.id: row for row in client.models.list()}
    assert client.models.retrieve(MODEL) == listed[MODEL]


def test_an_unknown_model_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.models.retrieve("nobody/no-such-model")
    assert refused.value.code == "model_not_found"
