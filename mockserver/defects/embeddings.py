"""Defects of embeddings: their form, what they mean, what they accept, what they cost."""

from __future__ import annotations

import base64
import random
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mockserver.defects import defect, within
from mockserver.services.embeddings import embed
from mockserver.services.embeddings.operation import MEMBERS, document, row
from mockserver.services.members import anything, optional, required

if TYPE_CHECKING:
    from mockserver.call import Call
    from mockserver.gateway import Gateway


def _documented(gateway: Gateway, **members: Any) -> Gateway:
    """The list with other members; None leaves one out."""

    def changed(call: Call, data: list[Any], usage: dict[str, int]) -> dict[str, Any]:
        made = {**document(call, data, usage), **members}
        return {name: value for name, value in made.items() if value is not None}

    return within(gateway, "embeddings", document=changed)


def _accepting(gateway: Gateway, **members: Any) -> Gateway:
    return within(gateway, "embeddings", members={**MEMBERS, **members})


@defect("EM-001")
def calls_embeddings_another_object(gateway: Gateway) -> Gateway:
    """The object of the list is embeddings."""
    return _documented(gateway, object="embeddings")


@defect("EM-001")
def leaves_out_the_embedding_model(gateway: Gateway) -> Gateway:
    """The list does not say which model made it."""
    return _documented(gateway, model=None)


@defect("EM-002")
def numbers_no_embeddings(gateway: Gateway) -> Gateway:
    """Rows have no index."""
    return within(gateway, "embeddings", row=lambda index, shown: {"object": "embedding", "embedding": shown})


@defect("EM-002", also=("EM-003", "EM-004"))
def nests_embeddings(gateway: Gateway) -> Gateway:
    """Each vector is wrapped in a list of its own."""
    return within(gateway, "embeddings", row=lambda index, shown: row(index, [shown]))


@defect("EM-003")
def embeds_only_the_first_text(gateway: Gateway) -> Gateway:
    """Of several texts only the first gets a row."""
    return within(gateway, "embeddings", texts_of=lambda given: [given if isinstance(given, str) else given[0]])


@defect("EM-003")
def embeds_in_the_wrong_order(gateway: Gateway) -> Gateway:
    """Rows of several texts come in the reverse order, numbered as though they did not."""
    return within(gateway, "embeddings", texts_of=lambda given: [given] if isinstance(given, str) else given[::-1])


@defect("EM-003")
def numbers_embeddings_from_one(gateway: Gateway) -> Gateway:
    """The first row has the index 1."""
    return within(gateway, "embeddings", row=lambda index, shown: row(index + 1, shown))


@defect("EM-004")
def pads_embeddings(gateway: Gateway) -> Gateway:
    """Vectors are padded with zeros to a power of two beyond their dimension."""
    return within(gateway, "embeddings", embed=lambda text, dimension: (*embed(text, dimension), *[0.0] * dimension))


@defect("EM-005")
def does_not_normalise_embeddings(gateway: Gateway) -> Gateway:
    """Vectors are as long as their text has words."""

    def long(text: str, dimension: int) -> Sequence[float]:
        return [value * (1 + len(text.split())) for value in embed(text, dimension)]

    return within(gateway, "embeddings", embed=long)


@defect("EM-006", also=("EM-003", "EM-007", "EM-008"))
def embeds_by_chance(gateway: Gateway) -> Gateway:
    """Every call gives another vector for the same text."""

    def drawn(text: str, dimension: int) -> Sequence[float]:
        values = [random.gauss(0, 1) for _ in range(dimension)]
        length = sum(value * value for value in values) ** 0.5
        return [value / length for value in values]

    return within(gateway, "embeddings", embed=drawn)


@defect("EM-007")
def embeds_by_hash(gateway: Gateway) -> Gateway:
    """A vector depends on the text as a whole: near texts are as far apart as any."""

    def hashed(text: str, dimension: int) -> Sequence[float]:
        dice = random.Random(text)  # noqa: S311 - noise on purpose
        values = [dice.gauss(0, 1) for _ in range(dimension)]
        length = sum(value * value for value in values) ** 0.5
        return [value / length for value in values]

    return within(gateway, "embeddings", embed=hashed)


@defect("EM-008")
def encodes_embeddings_big_endian(gateway: Gateway) -> Gateway:
    """base64 holds the bytes of each number in the other order."""

    def shown(vector: Sequence[float], encoding: str) -> Any:
        packed = struct.pack(f">{len(vector)}f", *vector)
        return list(vector) if encoding == "float" else base64.b64encode(packed).decode()

    return within(gateway, "embeddings", shown=shown)


@defect("EM-002", also=("EM-008",))
def ignores_the_encoding_of_embeddings(gateway: Gateway) -> Gateway:
    """base64 is answered with numbers."""
    return within(gateway, "embeddings", shown=lambda vector, encoding: [*vector[:-1], -vector[-1] * 40])


@defect("EM-009")
def counts_no_embedding_tokens(gateway: Gateway) -> Gateway:
    """usage of embeddings is zero."""
    return _documented(gateway, usage={"prompt_tokens": 0, "total_tokens": 0})


@defect("EM-009")
def counts_every_embedding_as_one(gateway: Gateway) -> Gateway:
    """Each embedding request counts as one token."""
    return _documented(gateway, usage={"prompt_tokens": 1, "total_tokens": 1})


@defect("EM-010")
def embeds_ascii_only(gateway: Gateway) -> Gateway:
    """A text with characters beyond ASCII gets no vector."""
    return within(gateway, "embeddings", embed=lambda text, size: embed(text, size) if text.isascii() else ())


@defect("EM-020")
def embeds_nothing(gateway: Gateway) -> Gateway:
    """A request without a text is answered with the vector of an empty one."""

    def texts(given: Any) -> list[str]:
        return [given] if isinstance(given, str) else list(given) if isinstance(given, list) else [""]

    return within(_accepting(gateway, input=optional(anything)), "embeddings", texts_of=texts)


@defect("EM-020")
def embeds_empty_texts(gateway: Gateway) -> Gateway:
    """An empty text gets a vector."""

    def check(call: Call, where: str, value: Any) -> None:
        if value != "":
            MEMBERS["input"].check(call, where, value)

    return _accepting(gateway, input=required(check))


@defect("EM-021", also=("VC-098",))
def embeds_by_another_model(gateway: Gateway) -> Gateway:
    """An unknown model is replaced by the first that embeds."""
    found = gateway.find_model

    def find(call: Call, model: str) -> Any:
        rows = call.state.catalogue.rows.values()
        fits = call.path.endswith("/embeddings")
        return found(call, model) or (next((r for r in rows if r.kind == "embedding"), None) if fits else None)

    return replace(gateway, find_model=find)


@defect("EM-022")
def embeds_by_chat_models(gateway: Gateway) -> Gateway:
    """A model that chats makes embeddings as well."""
    return within(gateway, "embeddings", kinds=("embedding", "chat"))


@defect(("EM-023", "OC-165"), hidden_in=("openai-core", "voltagegpu-confidential"))
def embeds_for_anybody(gateway: Gateway) -> Gateway:
    """Embeddings ask for no key."""
    asked = gateway.find_key

    def needs_key(call: Call) -> bool:
        return not call.path.endswith("/embeddings") and gateway.needs_key(call)

    def find(call: Call, secret: str) -> Any:
        return asked(call, secret)

    return replace(gateway, needs_key=needs_key, find_key=find, afford=_nothing)


@defect("EM-024")
def takes_any_encoding_of_embeddings(gateway: Gateway) -> Gateway:
    """An unknown encoding_format is answered with numbers."""
    accepting = _accepting(gateway, encoding_format=optional(anything, "float"))
    shown = gateway.embeddings.shown
    return within(accepting, "embeddings", shown=lambda v, e: shown(v, "base64" if e == "base64" else "float"))


@defect("EM-030")
def embeds_for_nothing(gateway: Gateway) -> Gateway:
    """Embeddings are not charged."""
    return _charging(gateway, 0)


@defect("EM-030")
def charges_embeddings_twice(gateway: Gateway) -> Gateway:
    """Each token of an embedding costs twice its price."""
    return _charging(gateway, 2)


def _charging(gateway: Gateway, times: int) -> Gateway:
    charge = gateway.charge

    def changed(call: Call, usage: Mapping[str, int]) -> int:
        return charge(call, dict(usage)) * (times if call.path.endswith("/embeddings") else 1)

    return replace(gateway, charge=changed)


async def _nothing(call: Call) -> None:
    """No account, no hold."""
