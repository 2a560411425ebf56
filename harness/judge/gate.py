"""Judges of the confidential gate that a single answer is enough for. What a flip of a flag changes, the suites ask."""

from __future__ import annotations

from typing import Any

from harness.judge import Problem, Problems, rule
from harness.judge.calls import lists_models, path
from harness.judge.chat import asked, chunks, is_chunked, is_completion, is_filled, member, objects, shown
from harness.judge.completion import is_version_of
from harness.wire.exchange import Exchange
from specs import Contract


def is_retrieval(x: Exchange) -> bool:
    """A single model that was retrieved: an object with an id."""
    retrieved = x.request.method == "GET" and "/v1/models/" in path(x) and x.head_status == 200 and x.complete
    return retrieved and is_filled(member(x.json, "id"))


def _names_models(x: Exchange) -> bool:
    return is_filled(asked(x).get("model")) and (is_chunked(x) or is_completion(x)) and bool(named_models(x))


def named_models(x: Exchange) -> list[Any]:
    """Every model that an answer says it came from, each once; an answer that names none gives an empty list."""
    documents = chunks(x) if is_chunked(x) else [x.json]
    named = [document["model"] for document in documents if isinstance(document, dict) and "model" in document]
    return [model for n, model in enumerate(named) if model not in named[:n]]


@rule("VT-003", on=_names_models)
def answer_names_the_model_asked_for(x: Exchange, contract: Contract) -> Problems:
    """No answer, and no chunk of one, says that another model wrote it."""
    wanted = asked(x)["model"]
    for model in named_models(x):
        if not is_version_of(model, wanted):
            yield Problem("the answer names another model than was asked for", shown(wanted), shown(model))


@rule("VT-016", on=lambda x: lists_models(x) or is_retrieval(x))
def shown_models_carry_the_flag(x: Exchange, contract: Contract) -> Problems:
    """Every model that is listed or retrieved has the confidential flag, and it is the JSON value true."""
    flag = contract.trait("catalogue.confidential_flag")
    rows = [x.json] if is_retrieval(x) else objects(x.json.get("data")) if isinstance(x.json, dict) else []
    for row in rows:
        if row.get(flag) is not True:
            yield Problem(
                f"a model is shown without {flag}: {shown(row.get('id'), 80)}", "true", shown(row.get(flag), 80)
            )
