"""Wrong statuses: refused otherwise than promised, served though it should be refused, success that looks otherwise."""

from __future__ import annotations

from dataclasses import replace

from mockserver.call import Call, Reply
from mockserver.defects import defect
from mockserver.defects.errors import retold
from mockserver.gateway import Gateway
from mockserver.ledger import Key
from mockserver.refusal import Refusal
from mockserver.wire import encode


@defect(breaks=("OC-112", "VT-040", "VC-011"), also=("VT-076", "OC-135", "VT-034", "VT-035"))
def answers_403_without_a_key(gateway: Gateway) -> Gateway:
    """Refuses a request without a key with 403."""
    return replace(gateway, refuse_no_key=retold(gateway.refuse_no_key, status=403))


@defect(breaks=("OC-112", "VT-076"), also=("VT-040", "OC-135", "VT-034", "VT-035"))
def serves_strangers(gateway: Gateway) -> Gateway:
    """Serves requests without a key on somebody else's account."""
    honest = gateway.credential
    return replace(gateway, credential=lambda call: honest(call) or call.state.secrets["main"])


@defect(breaks=("OC-113", "VT-076", "VC-014"), also=("VT-034", "VT-035", "VT-041"))
def answers_403_to_a_wrong_key(gateway: Gateway) -> Gateway:
    """Refuses a key that it never issued with 403."""
    return replace(gateway, refuse_bad_key=retold(gateway.refuse_bad_key, status=403))


@defect(breaks=("OC-113", "VT-034"), also=("VT-076", "VT-035", "VT-041"))
def serves_any_key(gateway: Gateway) -> Gateway:
    """Takes any credential for a key of the first account."""
    honest = gateway.find_key

    def find_key(call: Call, secret: str) -> Key | None:
        return honest(call, secret) or call.state.ledger.keys.find(call.state.secrets["main"])

    return replace(gateway, find_key=find_key)


@defect(breaks=("VT-076", "VT-040", "VC-011"))
def takes_a_key_in_any_scheme(gateway: Gateway) -> Gateway:
    """Takes the last word of the Authorization header for the key, whatever the scheme is."""
    return replace(gateway, credential=lambda call: call.headers.get("authorization", "").rpartition(" ")[2] or None)


@defect(breaks=("VT-076", "VC-014"))
def remembers_revoked_keys(gateway: Gateway) -> Gateway:
    """Goes on serving keys that were revoked, from a cache of those that it has seen."""
    seen: dict[str, Key] = {}
    honest = gateway.find_key

    def find_key(call: Call, secret: str) -> Key | None:
        key = honest(call, secret)
        return seen.setdefault(secret, key) if key else seen.get(secret)

    return replace(gateway, find_key=find_key)


@defect(breaks=("VT-041", "VC-012"))
def issues_keys_without_the_prefix(gateway: Gateway) -> Gateway:
    """Issues keys that look like those of another vendor."""
    honest = gateway.new_secret
    return replace(gateway, new_secret=lambda traits, seed, name: "sk-" + honest(traits, seed, name)[-32:])


@defect(breaks=("VT-077"), also=("VT-101",))
def answers_403_to_an_empty_account(gateway: Gateway) -> Gateway:
    """Refuses an account without balance with 403, as the older page said."""
    return replace(gateway, refuse_insufficient=retold(gateway.refuse_insufficient, status=403))


@defect(breaks=("VT-077", "VC-097"), also=("VT-101",), seen=("C106",))
def calls_an_empty_account_rate_limited(gateway: Gateway) -> Gateway:
    """Refuses an account without balance with 429, so that its owner waits instead of paying."""
    return replace(gateway, refuse_insufficient=retold(gateway.refuse_insufficient, status=429))


@defect(breaks="OC-114", also=("VT-074",))
def answers_unknown_paths_with_200(gateway: Gateway) -> Gateway:
    """Answers a path that it does not have with 200 and an error body."""
    return replace(gateway, refuse_path=retold(gateway.refuse_path, status=200))


@defect(breaks="OC-115", seen=("C110",))
def answers_a_wrong_method_with_404(gateway: Gateway) -> Gateway:
    """Says 404 for a path that exists when only the method is wrong."""
    return replace(gateway, refuse_method=retold(gateway.refuse_method, status=404, code="not_found"))


@defect(breaks="OC-116", also=("OC-119",), seen=("C103",))
def fails_on_a_wrong_parameter(gateway: Gateway) -> Gateway:
    """Answers a parameter out of its bounds with 500."""
    return replace(gateway, refuse_parameter=retold(gateway.refuse_parameter, status=500))


@defect(breaks="OC-116", also=("OC-029",))
def fails_on_broken_json(gateway: Gateway) -> Gateway:
    """Answers a body that is not JSON with 500."""
    return replace(gateway, refuse_bad_json=retold(gateway.refuse_bad_json, status=500))


@defect(breaks="OC-116", seen=("C104",))
def blames_the_provider_for_missing_members(gateway: Gateway) -> Gateway:
    """Turns every refusal of a request with a missing member into 502."""
    return replace(gateway, refuse_missing=retold(gateway.refuse_missing, status=502))


@defect(breaks=("VT-075", "VC-095"))
def answers_422_to_invalid_parameters(gateway: Gateway) -> Gateway:
    """Refuses invalid parameters with 422, as its web framework does."""
    return replace(gateway, refuse_parameter=retold(gateway.refuse_parameter, status=422))


@defect(breaks=("OC-119", "VT-074", "VC-094"), seen=("C98",))
def refuses_streams_inside_a_200(gateway: Gateway) -> Gateway:
    """Opens the event stream first and tells in it that the request is refused."""
    honest = gateway.error_reply

    def error_reply(call: Call, refusal: Refusal) -> Reply:
        if not call.streams:
            return honest(call, refusal)
        frame = b"data: " + encode(gateway.error_body(call, refusal)) + b"\n\ndata: [DONE]\n\n"
        return Reply(200, frame, [("Content-Type", gateway.stream_content_type)])

    return replace(gateway, error_reply=error_reply)


@defect(breaks=("VT-074", "VC-094"), seen=("C97",))
def answers_a_failed_provider_with_200(gateway: Gateway) -> Gateway:
    """Wraps a failure of the provider in a 200."""
    return replace(gateway, refuse_upstream=retold(gateway.refuse_upstream, status=200))


@defect(breaks=("VT-074", "VC-094"))
def answers_completions_with_201(gateway: Gateway) -> Gateway:
    """Calls a completion a created resource."""

    def reply(call: Call, made: Reply) -> Reply:
        return replace(made, status=201) if call.method == "POST" and made.status == 200 else made

    return replace(gateway, reply=reply)


@defect(breaks="OC-120")
def takes_bodies_of_any_size(gateway: Gateway) -> Gateway:
    """Reads a body to its end however long it is."""
    return replace(gateway, body_cap=1 << 40)


@defect(breaks="OC-120")
def fails_on_oversized_bodies(gateway: Gateway) -> Gateway:
    """Answers a body above the cap with 500."""
    return replace(gateway, refuse_too_large=retold(gateway.refuse_too_large, status=500))


@defect(breaks="OC-121")
def fails_on_nested_json(gateway: Gateway) -> Gateway:
    """Answers JSON that is nested too deep with 500: its parser ran out of stack."""
    return replace(gateway, refuse_too_deep=retold(gateway.refuse_too_deep, status=500))
