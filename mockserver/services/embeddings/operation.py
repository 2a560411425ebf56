"""From a request to its vectors."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mockserver.behaviours.routes import json_reply
from mockserver.behaviours.tokens import count
from mockserver.services import paid
from mockserver.services.members import any_of, array, integer, one_of, optional, read_members, required, text

if TYPE_CHECKING:
    from mockserver.call import Call, Reply

MOST_TEXTS = 2048  # of one request, as OpenAI has it
MEMBERS = {
    "model": required(text()),
    "input": required(any_of(text(), array(text(), 1, MOST_TEXTS))),
    "encoding_format": optional(one_of(["float", "base64"]), "float"),
    "dimensions": optional(integer(1)),
    "user": optional(text(0)),
}


async def serve(call: Call) -> Reply:
    """One vector for each text, in the order of the texts."""
    decide = call.gateway.embeddings
    given = await read_members(call, decide.members)
    texts = decide.texts_of(given["input"])
    await paid.admit(call, given["model"], decide.kinds, sum(map(count, texts)))
    dimension = decide.dimension_of(call, given)
    vectors = (decide.embed(each, dimension) for each in texts)
    data = [decide.row(n, decide.shown(vector, given["encoding_format"])) for n, vector in enumerate(vectors)]
    return json_reply(call, decide.document(call, data, paid.settle(call)))


def texts_of(given: Any) -> list[str]:
    return [given] if isinstance(given, str) else list(given)


def dimension_of(call: Call, given: Mapping[str, Any]) -> int:
    """The model's own; a shorter one may be asked for."""
    assert call.row is not None
    full = call.row.dimension or 1024
    asked: int = given["dimensions"] or full
    if asked > full:
        raise call.gateway.refuse_parameter(call, "dimensions", f"This model's vectors have {full} dimensions.")
    return asked


def shown(vector: Sequence[float], encoding: str) -> Any:
    """A list of numbers, or the bytes of little-endian 32-bit floats in base64."""
    if encoding == "float":
        return list(vector)
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def row(index: int, vector: Any) -> dict[str, Any]:
    return {"object": "embedding", "index": index, "embedding": vector}


def document(call: Call, data: list[Any], usage: dict[str, int]) -> dict[str, Any]:
    told = {"prompt_tokens": usage["prompt_tokens"], "total_tokens": usage["total_tokens"]}
    return {"object": "list", "data": data, "model": call.model, "usage": told}
