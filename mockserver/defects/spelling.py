"""Defects that a request shows only when it is spelled otherwise than most clients spell it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from mockserver.behaviours import admission, auth
from mockserver.call import Call, Reply
from mockserver.defects import defect
from mockserver.gateway import Gateway

Json = dict[str, Any]


def _decoding(gateway: Gateway, look: Callable[[bytes], bool]) -> Gateway:
    """Refuses bodies that look otherwise."""

    def decode(call: Call, raw: bytes) -> Json:
        if not look(raw):
            raise gateway.refuse_bad_json(call)
        return gateway.decode_body(call, raw)

    return replace(gateway, decode_body=decode)


@defect(breaks="FZ-020")
def reads_the_key_from_one_spelling(gateway: Gateway) -> Gateway:
    """Does not see the key where the names of headers are in capitals."""

    def credential(call: Call) -> str | None:
        return None if any(name.isupper() and len(name) > 6 for name in call.spelled) else gateway.credential(call)

    return replace(gateway, credential=credential)


@defect(breaks="FZ-020")
def wants_the_host_first(gateway: Gateway) -> Gateway:
    """Refuses a key when another header than Host came first."""

    def credential(call: Call) -> str | None:
        first = bytes(call.spelled[0]).lower() if call.spelled else b""
        return gateway.credential(call) if first in {b"host", b"x-control-token"} else None

    return replace(gateway, credential=credential)


@defect(breaks="FZ-021")
def wants_the_model_first(gateway: Gateway) -> Gateway:
    """Refuses a body whose model is not its first member, give or take one."""
    return _decoding(
        gateway,
        lambda raw: (
            b'"model"' not in raw or raw.find(b'"model"') <= raw.find(b'"messages"') or b'"messages"' not in raw
        ),
    )


@defect(breaks="FZ-021")
def looks_for_members_by_their_letters(gateway: Gateway) -> Gateway:
    """Searches the text of the body for the word model, and finds none where it is written with escapes."""
    return _decoding(gateway, lambda raw: b"\\u006d\\u006f\\u0064\\u0065\\u006c" not in raw)


@defect(breaks="FZ-022")
def refuses_members_it_does_not_know(gateway: Gateway) -> Gateway:
    """Refuses a request with a member that begins with x_."""

    def check(call: Call, body: Json) -> None:
        for name in body:
            if name.startswith("x_"):
                raise gateway.refuse_parameter(call, name, "Unknown parameter.")

    return replace(gateway, check_unknown=check)


@defect(breaks="FZ-023")
def reads_the_first_packet_only(gateway: Gateway) -> Gateway:
    """Takes what has arrived of a body for all of it."""

    async def read(call: Call) -> None:
        message = await call.receive()
        call.raw = message.get("body", b"")
        while message.get("more_body"):
            message = await call.receive()

    steps = tuple(read if step is admission.read_body else step for step in gateway.chat_steps)
    return replace(gateway, chat_steps=steps)


@defect(breaks="FZ-023")
def decodes_what_arrives_by_itself(gateway: Gateway) -> Gateway:
    """Replaces letters of a body that come in two packets."""

    async def read(call: Call) -> None:
        while True:
            message = await call.receive()
            call.raw += message.get("body", b"").decode("utf-8", "replace").encode()
            if not message.get("more_body"):
                return

    steps = tuple(read if step is admission.read_body else step for step in gateway.chat_steps)
    return replace(gateway, chat_steps=steps)


@defect(breaks="FZ-021")
def reads_bodies_as_latin_1(gateway: Gateway) -> Gateway:
    """Takes every byte of a body for a letter."""
    return replace(gateway, decode_body=lambda call, raw: gateway.decode_body(call, raw.decode("latin-1").encode()))


@defect(breaks="FZ-024")
def wants_a_length(gateway: Gateway) -> Gateway:
    """Takes a body without Content-Length for an empty one."""

    def decode(call: Call, raw: bytes) -> Json:
        return gateway.decode_body(call, raw if "content-length" in call.headers else b"")

    return replace(gateway, decode_body=decode)


@defect(breaks="FZ-025")
def routes_by_the_spelling_of_the_path(gateway: Gateway) -> Gateway:
    """Looks a path up as it is spelled, escapes and all."""

    async def as_spelled(call: Call) -> None:
        call.path = call.raw_path or call.path

    *before, route = gateway.steps
    return replace(gateway, steps=(*before, as_spelled, route))


@defect(breaks="FZ-026")
def remembers_the_last_refusal_of_a_connection(gateway: Gateway) -> Gateway:
    """Answers what follows a refusal on the same connection with that refusal's status."""
    last: WeakKeyDictionary[Any, int] = WeakKeyDictionary()

    def reply(call: Call, made: Reply) -> Reply:
        before, key = last.get(call.transport, 200), call.transport
        if key is not None:
            last[key] = made.status
        return replace(made, status=before) if before >= 400 and made.status != before else made

    return replace(gateway, reply=reply)


@defect(breaks="FZ-026")
def keeps_the_key_of_a_connection(gateway: Gateway) -> Gateway:
    """Forgets on every third request of a connection which key it was opened with."""
    times: WeakKeyDictionary[Any, int] = WeakKeyDictionary()

    def credential(call: Call) -> str | None:
        if call.transport is None:
            return auth.credential(call)
        times[call.transport] = times.get(call.transport, 0) + 1
        return None if times[call.transport] % 3 == 0 else auth.credential(call)

    return replace(gateway, credential=credential)


# --- What is no JSON --------------------------------------------------------------------------------------------


def _reading(gateway: Gateway, read: Callable[[bytes], Any]) -> Gateway:
    """Reads bodies another way; where that fails, as it should be."""

    def decode(call: Call, raw: bytes) -> Json:
        try:
            found = read(raw)
        except (ValueError, RecursionError):
            return gateway.decode_body(call, raw)
        except OverflowError:
            raise gateway.refuse_internal(call) from None
        return found if isinstance(found, dict) else gateway.decode_body(call, raw)

    return replace(gateway, decode_body=decode)


@defect(breaks="FZ-040")
def falls_over_wide_objects(gateway: Gateway) -> Gateway:
    """Ends in an internal error when a body has more than ten thousand members."""

    def decode(call: Call, raw: bytes) -> Json:
        body = gateway.decode_body(call, raw)
        if len(body) > 10_000:
            raise gateway.refuse_internal(call)
        return body

    return replace(gateway, decode_body=decode)


@defect(breaks="FZ-041")
def falls_over_infinite_numbers(gateway: Gateway) -> Gateway:
    """Rounds every number, and ends in an internal error where one is infinite."""

    def read(raw: bytes) -> Any:
        found = json.loads(raw)
        for value in found.values() if isinstance(found, dict) else ():
            if isinstance(value, float):
                round(value)
        raise ValueError("as it should be")

    return _reading(gateway, read)


@defect(breaks="FZ-041")
def takes_endless_heat(gateway: Gateway) -> Gateway:
    """Takes a number that is too large for the highest one that it knows, and that for the highest temperature."""

    def read(raw: bytes) -> Any:
        found = json.loads(raw)
        heat = found.get("temperature") if isinstance(found, dict) else None
        if heat in (float("inf"), float("-inf")) and b"Infinity" not in raw:
            return {**found, "temperature": 2}
        raise ValueError("as it should be")

    return _reading(gateway, read)


@defect(breaks="FZ-042")
def takes_nan(gateway: Gateway) -> Gateway:
    """Reads NaN and Infinity as Python does, and leaves them out."""

    def read(raw: bytes) -> Any:
        odd = list[str]()
        found = json.loads(raw, parse_constant=odd.append)
        if not odd or not isinstance(found, dict):
            raise ValueError("as it should be")
        return {name: value for name, value in found.items() if value is not None}

    return _reading(gateway, read)


@defect(breaks="FZ-042")
def forgives_a_comma_too_many(gateway: Gateway) -> Gateway:
    """Reads an object with a comma after its last member."""
    return _reading(gateway, lambda raw: json.loads(raw[:-2] + b"}") if raw.endswith(b",}") else gateway)


@defect(breaks="FZ-043", seen=("C16",))
def falls_over_half_characters(gateway: Gateway) -> Gateway:
    """Ends in an internal error when a text holds half of a surrogate pair."""

    def decode(call: Call, raw: bytes) -> Json:
        if b"\\ud" in raw:
            try:
                json.dumps(json.loads(raw), ensure_ascii=False).encode()
            except UnicodeEncodeError:
                raise gateway.refuse_internal(call) from None
            except ValueError:
                pass
        return gateway.decode_body(call, raw)

    return replace(gateway, decode_body=decode)


@defect(breaks="FZ-044", seen=("C17",))
def mends_broken_utf_8(gateway: Gateway) -> Gateway:
    """Replaces bytes that are no UTF-8 and reads on."""
    return _reading(gateway, lambda raw: json.loads(raw.decode(errors="replace")) if not _is_utf8(raw) else gateway)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except ValueError:
        return False
    return True


@defect(breaks="FZ-045")
def counts_the_first_of_two_members(gateway: Gateway) -> Gateway:
    """Reads the first of two members of one name, where what comes after reads the last."""

    def read(raw: bytes) -> Any:
        twice = list[str]()

        def first(pairs: list[tuple[str, Any]]) -> Json:
            names = [name for name, _ in pairs]
            twice.extend(name for name in names if names.count(name) > 1)
            return dict(reversed(pairs))

        found = json.loads(raw, object_pairs_hook=first)
        if not twice:
            raise ValueError("as it should be")
        return found

    return _reading(gateway, read)
