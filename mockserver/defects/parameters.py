"""Defects of parameters that the answer has to show: bounds, stop sequences, choices, log-probabilities, formats."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mockserver.behaviours import admission, completion, logprobs, parameters, stops, structured, text
from mockserver.call import Call
from mockserver.catalogue import Row
from mockserver.defects import defect
from mockserver.gateway import Gateway
from mockserver.upstream import Job, Piece

Json = dict[str, Any]
BOUND = ("OC-031", "OC-032")
CONFIDENTIAL = ("voltagegpu-confidential",)


# --- Bounds ----------------------------------------------------------------------------------------------------


@defect(breaks="OC-031", also=("OC-102",))
def ignores_max_tokens(gateway: Gateway) -> Gateway:
    """Generates as though max_tokens had not been sent."""
    return replace(gateway, token_limits=("max_completion_tokens",))


@defect(breaks=BOUND, also=("OC-102",))
def hides_tokens_over_the_bound(gateway: Gateway) -> Gateway:
    """Generates without a bound and reports no more tokens than were allowed."""

    def report(call: Call, usage: dict[str, int]) -> Json | None:
        bound = call.body.get("max_tokens") or call.body.get("max_completion_tokens") or 10**9
        made = min(usage["completion_tokens"], bound * call.body.get("n", 1))
        return {**usage, "completion_tokens": made, "total_tokens": usage["prompt_tokens"] + made}

    return replace(gateway, token_limits=(), reported_usage=report, reported_stream_usage=report)


@defect(breaks=BOUND, also=("VT-053",))
def says_stop_when_it_was_cut(gateway: Gateway) -> Gateway:
    """Sends finish_reason stop for an answer that its bound has cut."""
    return replace(gateway, finish_reason=lambda call, finish: "stop" if finish == "length" else finish)


@defect(breaks="OC-032", seen=("C85",))
def ignores_max_completion_tokens(gateway: Gateway) -> Gateway:
    """Generates as though max_completion_tokens had not been sent."""
    return replace(gateway, token_limits=("max_tokens",))


@defect(breaks="OC-032", seen=("C86",))
def refuses_max_completion_tokens(gateway: Gateway) -> Gateway:
    """Refuses max_completion_tokens as a member it does not know."""

    def check(call: Call, value: Any) -> None:
        raise call.gateway.refuse_parameter(
            call, "max_completion_tokens", "Unknown parameter: 'max_completion_tokens'."
        )

    return replace(gateway, check_max_completion_tokens=check)


# --- What the contract promises where the request is silent ----------------------------------------------------


def asking(name: str, value: Any) -> Callable[[Call], Json]:
    """The provider is asked with another default; a value of None leaves the member out."""

    def body(call: Call) -> Json:
        honest = completion.upstream_body(call)
        if call.body.get(name) is None:
            honest[name] = value
        return {key: item for key, item in honest.items() if item is not None}

    return body


@defect(breaks="VT-053", contracts=CONFIDENTIAL)
def generates_without_a_default_bound(gateway: Gateway) -> Gateway:
    """Lets an answer without max_tokens run as long as the model likes."""

    def bound(call: Call) -> int:
        asked = [call.body[name] for name in gateway.token_limits if call.body.get(name) is not None]
        return admission.max_tokens(call) if asked else 100_000

    return replace(gateway, max_tokens=bound)


@defect(breaks="VT-053", contracts=CONFIDENTIAL)
def cuts_at_512_by_default(gateway: Gateway) -> Gateway:
    """Cuts an answer without max_tokens at half of the documented default."""

    def bound(call: Call) -> int:
        asked = [call.body[name] for name in gateway.token_limits if call.body.get(name) is not None]
        return admission.max_tokens(call) if asked else 512

    return replace(gateway, max_tokens=bound)


@defect(breaks="VT-054", contracts=CONFIDENTIAL)
def runs_at_temperature_1_by_default(gateway: Gateway) -> Gateway:
    """Asks the provider with a temperature of 1 when the client gave none."""
    return replace(gateway, upstream_body=asking("temperature", 1.0))


@defect(breaks="VT-054", contracts=CONFIDENTIAL)
def leaves_the_temperature_to_the_provider(gateway: Gateway) -> Gateway:
    """Asks the provider with no temperature when the client gave none."""
    return replace(gateway, upstream_body=asking("temperature", None))


@defect(breaks="VT-054", contracts=CONFIDENTIAL)
def refuses_a_temperature_above_1(gateway: Gateway) -> Gateway:
    """Takes 1 for the highest temperature."""

    def check(call: Call, value: Any) -> None:
        parameters.temperature(call, value)
        if value > 1:
            raise call.gateway.refuse_parameter(call, "temperature", "Invalid value for 'temperature'.")

    return replace(gateway, check_temperature=check)


@defect(breaks="VT-056", contracts=CONFIDENTIAL)
def narrows_top_p_by_default(gateway: Gateway) -> Gateway:
    """Asks the provider with a top_p of 0.9 when the client gave none."""
    return replace(gateway, upstream_body=asking("top_p", 0.9))


# --- Repeatability ---------------------------------------------------------------------------------------------


@defect(breaks="OC-036", also=("OC-090",))
def varies_at_temperature_0(gateway: Gateway) -> Gateway:
    """Samples at temperature 0 as at any other."""
    warmed = {"temperature": 1.0}
    return replace(gateway, rng_of=lambda job, choice: text.rng_of(replace(job, body={**job.body, **warmed}), choice))


@defect(breaks="OC-050")
def ignores_the_seed(gateway: Gateway) -> Gateway:
    """Samples anew for every request, with a seed or without."""
    return replace(
        gateway, rng_of=lambda job, choice: text.rng_of(replace(job, body={**job.body, "seed": None}), choice)
    )


# --- Stop sequences --------------------------------------------------------------------------------------------


class _Inclusive(stops.StopScanner):
    """Delivers the stop sequence as the last text."""

    def feed(self, token: bytes) -> list[bytes]:
        held = b"".join(self._held) + token
        released = super().feed(token)
        return [held] if self.hit and held else released


class _OneToken(stops.StopScanner):
    """Looks for stop sequences inside single tokens."""

    def feed(self, token: bytes) -> list[bytes]:
        self._held = []
        return super().feed(token) + super().flush()


def only_stops(keep: Callable[[Any], Any]) -> Callable[[Json], list[bytes]]:
    return lambda body: stops.stops_of({**body, "stop": keep(body.get("stop"))})


@defect(breaks=("OC-037", "OC-038", "OC-039"), also=("OC-103",), seen=("C76",))
def delivers_the_stop_sequence(gateway: Gateway) -> Gateway:
    """Ends the text behind the stop sequence and not before it."""
    return replace(gateway, stop_scanner=_Inclusive)


@defect(breaks=("OC-037", "OC-038"), also=("OC-039",))
def says_length_when_it_was_stopped(gateway: Gateway) -> Gateway:
    """Sends finish_reason length for an answer that a stop sequence has ended."""

    def reason(call: Call, finish: str) -> str:
        return "length" if call.body.get("stop") else finish

    return replace(gateway, finish_reason=reason)


@defect(breaks="OC-037", also=("OC-039", "OC-103"))
def ignores_a_stop_that_is_a_string(gateway: Gateway) -> Gateway:
    """Honours stop only when it is an array."""
    return replace(gateway, stops_of=only_stops(lambda stop: stop if isinstance(stop, list) else None))


@defect(breaks="OC-037", also=("OC-039",), seen=("C79",))
def refuses_a_stop_that_is_a_string(gateway: Gateway) -> Gateway:
    """Refuses stop unless it is an array."""

    def check(call: Call, value: Any) -> None:
        parameters.stop(call, value)
        if isinstance(value, str):
            raise call.gateway.refuse_parameter(call, "stop", "Invalid value for 'stop': expected an array.")

    return replace(gateway, check_stop=check)


@defect(breaks="OC-038", seen=("C80",))
def refuses_an_array_of_stops(gateway: Gateway) -> Gateway:
    """Refuses stop unless it is a string."""

    def check(call: Call, value: Any) -> None:
        parameters.stop(call, value)
        if not isinstance(value, str):
            raise call.gateway.refuse_parameter(call, "stop", "Invalid value for 'stop': expected a string.")

    return replace(gateway, check_stop=check)


@defect(breaks="OC-038")
def honours_the_first_stop_only(gateway: Gateway) -> Gateway:
    """Looks for the first of several stop sequences and forgets the others."""
    return replace(gateway, stops_of=only_stops(lambda stop: stop[:1] if isinstance(stop, list) else stop))


@defect(breaks="OC-039", also=("OC-103",), seen=("C77",))
def misses_a_stop_of_several_tokens(gateway: Gateway) -> Gateway:
    """Finds a stop sequence only when one token holds all of it."""
    return replace(gateway, stop_scanner=_OneToken)


# --- Choices and log-probabilities -----------------------------------------------------------------------------


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


# --- Structured output -----------------------------------------------------------------------------------------


@defect(breaks=("OC-045", "OC-046", "VT-058"))
def ignores_response_format(gateway: Gateway) -> Gateway:
    """Accepts response_format and answers in prose."""
    return replace(gateway, write_json=lambda job, rng: None)


@defect(breaks=("OC-045", "OC-046", "VT-058"))
def puts_json_in_a_fence(gateway: Gateway) -> Gateway:
    """Wraps the JSON in a Markdown code fence."""

    def write(job: Job, rng: random.Random) -> str | None:
        honest = structured.write_json(job, rng)
        return honest and f"```json\n{honest}\n```"

    return replace(gateway, write_json=write)


@defect(breaks="OC-045", also=("VT-058",))
def sends_a_list_for_a_json_object(gateway: Gateway) -> Gateway:
    """Answers json_object with an array."""

    def write(job: Job, rng: random.Random) -> str | None:
        honest = structured.write_json(job, rng)
        is_object = (job.body.get("response_format") or {}).get("type") == "json_object"
        return f"[{honest}]" if is_object else honest

    return replace(gateway, write_json=write)


def filling(change: Callable[[Any], Any]) -> Callable[[Any, list[str], random.Random], Any]:
    """The value for a schema, changed member by member where it is an object."""

    def fill(schema: Any, words: list[str], rng: random.Random) -> Any:
        honest = structured.fill(schema, words, rng)
        return {k: change(v) for k, v in honest.items()} if isinstance(honest, dict) else honest

    return fill


@defect(breaks="OC-046", also=("OC-063", "VT-058"))
def writes_numbers_as_text(gateway: Gateway) -> Gateway:
    """Puts numbers of structured output in quotes."""
    return replace(gateway, fill=filling(lambda value: str(value) if isinstance(value, int) else value))


@defect(breaks="OC-046", also=("VT-058",), seen=("C91",))
def takes_strict_for_a_hint(gateway: Gateway) -> Gateway:
    """Leaves required members of the schema out."""

    def fill(schema: Any, words: list[str], rng: random.Random) -> Any:
        honest = structured.fill(schema, words, rng)
        return dict(itertools.islice(honest.items(), 1)) if isinstance(honest, dict) else honest

    return replace(gateway, fill=fill)


@defect(breaks="VT-058", contracts=CONFIDENTIAL)
def refuses_json_on_models_with_one_tag(gateway: Gateway) -> Gateway:
    """Wants both tags, json-mode and structured, where one is enough."""

    def can(call: Call, row: Row) -> bool:
        return {"json-mode", "structured"} <= set(row.tags)

    return replace(gateway, can_write_json=can)
