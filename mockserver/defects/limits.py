"""Rate limits that are not stated, stated wrongly, or not enforced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mockserver.behaviours import limits
from mockserver.call import Call, Headers
from mockserver.defects import defect
from mockserver.defects.errors import retold
from mockserver.gateway import Gateway

LIMIT, REMAINING, RESET = "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"


def stating(gateway: Gateway, change: Callable[[Call, dict[str, str]], dict[str, str]]) -> Gateway:
    """Other limit headers."""
    honest = gateway.limit_headers

    def headers(call: Call) -> Headers:
        stated = dict(honest(call))
        return list((change(call, stated) if stated else stated).items())

    return replace(gateway, limit_headers=headers)


def counting(gateway: Gateway, change: Callable[[Call, limits.Window], limits.Window]) -> Gateway:
    """Another idea of the state of a key's window."""
    honest = gateway.take

    def take(call: Call) -> limits.Window | None:
        window = honest(call)
        return None if window is None else change(call, window)

    return replace(gateway, take=take)


# --- What is stated --------------------------------------------------------------------------------------------


@defect(breaks=("VT-111", "VC-111"), also=("VT-078",))
def states_no_limits_on_errors(gateway: Gateway) -> Gateway:
    """Leaves the limit headers off the answers of requests that it refuses."""
    return stating(gateway, lambda call, stated: {} if _was_refused(call) else stated)


def _was_refused(call: Call) -> bool:
    """Whether no handler was found, or a chat request did not reach its model."""
    return call.handler is None or (call.path.endswith("/completions") and call.row is None)


@defect(breaks=("VT-111", "VC-111"))
def states_no_limits_to_strangers(gateway: Gateway) -> Gateway:
    """Leaves the limit headers off a 401."""
    return stating(gateway, lambda call, stated: stated if call.key else {})


@defect(breaks=("VT-111", "VC-111"))
def states_no_limits_on_streams(gateway: Gateway) -> Gateway:
    """Leaves the limit headers off event streams."""
    return stating(gateway, lambda call, stated: {} if call.streams and call.row else stated)


@defect(breaks=("VT-111", "VC-111"), also=("VT-078",))
def states_no_limit(gateway: Gateway) -> Gateway:
    """States what remains, and not of how many."""
    return stating(gateway, lambda call, stated: {k: v for k, v in stated.items() if k != LIMIT})


@defect(breaks=("VT-111", "VC-111", "VC-114"), seen=("C107",))
def states_the_reset_as_a_duration(gateway: Gateway) -> Gateway:
    """States the reset in the words of another vendor, as 6m0s."""
    return stating(gateway, lambda call, stated: {**stated, RESET: "6m0s"})


@defect(breaks=("VT-111", "VC-111", "VC-114"), seen=("C107",))
def states_the_seconds_left(gateway: Gateway) -> Gateway:
    """States the seconds until the reset instead of its time."""
    return stating(gateway, lambda call, stated: {**stated, RESET: "60"})


@defect(breaks=("VT-111", "VC-111", "VC-114"))
def states_the_reset_in_milliseconds(gateway: Gateway) -> Gateway:
    """States the reset in milliseconds."""
    return stating(gateway, lambda call, stated: {**stated, RESET: stated[RESET] + "000"})


@defect(breaks=("VT-111", "VC-114"))
def resets_in_an_hour(gateway: Gateway) -> Gateway:
    """States a reset that is an hour ahead."""
    return stating(gateway, lambda call, stated: {**stated, RESET: str(int(stated[RESET]) + 3600)})


@defect(breaks=("VT-111", "VC-113", "VC-114"))
def states_the_sample_values(gateway: Gateway) -> Gateway:
    """Sends the sample of the page on every answer."""
    return stating(gateway, lambda call, stated: {**stated, REMAINING: "999", RESET: "1704715200"})


@defect(breaks=("VT-111", "VC-113"))
def lets_the_remainder_stand(gateway: Gateway) -> Gateway:
    """States a full remainder on every answer."""
    return stating(gateway, lambda call, stated: {**stated, REMAINING: stated[LIMIT]})


@defect(breaks=("VT-111"))
def counts_all_keys_together(gateway: Gateway) -> Gateway:
    """Counts the requests of all keys in one window."""
    return replace(gateway, bucket_of=lambda call: "everybody")


@defect(breaks=("VT-111"))
def counts_refused_keys(gateway: Gateway) -> Gateway:
    """Counts requests without a valid key against the limit it states."""

    def one_less(call: Call, stated: dict[str, str]) -> dict[str, str]:
        return stated if call.key else {**stated, REMAINING: str(int(stated[REMAINING]) - 1)}

    return stating(gateway, one_less)


# --- What is enforced ------------------------------------------------------------------------------------------


@defect(breaks=("VT-078", "VC-099"))
def never_limits(gateway: Gateway) -> Gateway:
    """Counts requests and refuses none."""
    return counting(gateway, lambda call, window: window._replace(exceeded=False))


@defect(breaks=("VT-078", "VC-099"))
def limits_one_request_early(gateway: Gateway) -> Gateway:
    """Refuses the last request that the limit allows."""
    return counting(gateway, lambda call, window: window._replace(exceeded=window.remaining == 0))


@defect(breaks=("VT-078", "VC-099"))
def answers_503_above_the_limit(gateway: Gateway) -> Gateway:
    """Refuses a key that is used up with 503."""
    return replace(gateway, refuse_throttled=retold(gateway.refuse_throttled, status=503))


@defect(breaks=("VT-078", "VC-099"))
def states_a_remainder_above_the_limit(gateway: Gateway) -> Gateway:
    """States that requests remain while it refuses them."""
    return counting(gateway, lambda call, window: window._replace(remaining=max(1, window.remaining)))


@defect(breaks=("VT-110", "VC-110", "VC-112"))
def limits_to_60_requests(gateway: Gateway) -> Gateway:
    """Allows a key 60 requests a minute where 1000 are promised."""
    honest = gateway.limit_of

    def limit_of(call: Call) -> int | None:
        limit = honest(call)
        return 60 if limit == 1000 else limit

    return replace(gateway, limit_of=limit_of)


@defect(breaks=("VT-110", "VC-110"), also=("VT-111",))
def counts_by_the_hour(gateway: Gateway) -> Gateway:
    """Opens a new window once an hour instead of once a minute."""
    return replace(gateway, window_s=3600)


@defect("OC-166", also=("VT-078",), hidden_in=("voltagegpu-openapi",))
def counts_no_reading(gateway: Gateway) -> Gateway:
    """Requests that only read are not limited."""
    take = gateway.take
    return replace(gateway, take=lambda call: None if call.method == "GET" else take(call))


@defect("OC-166", also=("VT-078", "VC-099"))
def counts_no_chat(gateway: Gateway) -> Gateway:
    """Chat is not limited."""
    take = gateway.take
    return replace(gateway, take=lambda call: None if call.path.endswith("/chat/completions") else take(call))


@defect("OC-165", hidden_in=("voltagegpu-openapi",))
def describes_models_to_strangers(gateway: Gateway) -> Gateway:
    """One model can be read without a key, the list cannot."""

    def needs_key(call: Call) -> bool:
        return not call.path.startswith(call.state.traits.base_path + "/models/") and gateway.needs_key(call)

    return replace(gateway, needs_key=needs_key)
