"""Defects of n and of log-probabilities."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.behaviours import completion, logprobs
from mockserver.call import Call
from mockserver.defects import defect
from mockserver.gateway import Gateway
from mockserver.upstream import Piece

Json = dict[str, Any]


@defect(breaks="OC-040", also=("OC-098",), seen=("C82",))
def ignores_n(gateway: Gateway) -> Gateway:
    """Returns one choice whatever n is."""
    return replace(gateway, choices_of=lambda body: 1)


@defect(breaks="OC-040", seen=("C83",))
def takes_n_for_a_number_of_beams(gateway: Gateway) -> Gateway:
    """Generates n choices and returns the best of them alone."""

    def document(call: Call, choices: list[Json], usage: Json | None) -> Json:
        return completion.document(call, choices[:1], usage)

    return replace(gateway, document=document)


@defect(breaks="OC-041", also=("OC-042",))
def sends_no_logprobs(gateway: Gateway) -> Gateway:
    """Accepts logprobs and sends null."""
    return replace(gateway, logprobs_member=lambda entries: None)


@defect(breaks="OC-041", also=("OC-042",), seen=("C92",))
def sends_logprobs_in_the_shape_of_completions(gateway: Gateway) -> Gateway:
    """Sends logprobs as the older completions operation has them."""

    def member(entries: list[Json]) -> Json:
        return {"tokens": [row["token"] for row in entries], "token_logprobs": [row["logprob"] for row in entries]}

    return replace(gateway, logprobs_member=member)


@defect(breaks="OC-041")
def loses_the_first_token_of_logprobs(gateway: Gateway) -> Gateway:
    """Leaves the first token out of logprobs."""
    return replace(gateway, logprobs_member=lambda entries: completion.logprobs_member(entries[1:]))


@defect(breaks="OC-041", also=("OC-104",))
def sends_probabilities_for_their_logarithms(gateway: Gateway) -> Gateway:
    """Sends a probability, which is above 0, where its logarithm is due."""

    def entries(token: bytes, top: int, rng: random.Random) -> list[Json]:
        return [{**row, "logprob": 0.5} for row in logprobs.logprobs(token, top, rng)]

    return replace(gateway, token_logprobs=entries)


def unless_numbered(accepts: Callable[[int | None], bool]) -> Callable[[Call, int, list[Piece]], Json]:
    """logprobs only for some values of top_logprobs."""

    def choice(call: Call, index: int, pieces: list[Piece]) -> Json:
        honest = completion.choice(call, index, pieces)
        return honest if accepts(call.body.get("top_logprobs")) else {**honest, "logprobs": None}

    return choice


@defect(breaks=("OC-041", "OC-042"), seen=("C95",))
def reads_zero_alternatives_as_no_logprobs(gateway: Gateway) -> Gateway:
    """Takes top_logprobs of 0 for a wish to have no logprobs."""
    return replace(gateway, choice=unless_numbered(lambda top: top != 0))


@defect(breaks="OC-041", seen=("C92",))
def wants_top_logprobs_beside_logprobs(gateway: Gateway) -> Gateway:
    """Refuses logprobs unless top_logprobs says how many."""

    def check(call: Call, value: Any) -> None:
        if value and call.body.get("top_logprobs") is None:
            raise call.gateway.refuse_parameter(call, "logprobs", "Invalid value for 'logprobs': no 'top_logprobs'.")

    return replace(gateway, check_logprobs=check)


@defect(breaks="OC-042")
def sends_more_alternatives_than_asked(gateway: Gateway) -> Gateway:
    """Sends five alternatives a token whatever top_logprobs is."""
    return replace(gateway, token_logprobs=lambda token, top, rng: logprobs.logprobs(token, 5, rng))
