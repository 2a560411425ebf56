"""Judges of the refused families: modalities the contract does not serve, because nothing attests them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.judge import Problem, Problems, Rule, rule
from harness.judge.calls import error_code, is_api_call, path
from harness.wire.exchange import Exchange
from specs import Contract

STATUS, CODE = 503, "not_available"
ANSWERED_FIRST = {401, 413, 429}  # what may come before the route is looked at
WORDS = ("embedding", "image", "audio", "video", "moderation", "fine-tuning", "fine_tuning")


def is_refused_family(x: Exchange) -> bool:
    """An answered call of a path that may belong to a family, with a key, and not stopped before the route."""
    named = is_api_call(x) and any(word in path(x) for word in WORDS)
    return named and x.request.method not in {"HEAD", "OPTIONS"} and x.head_status not in ANSWERED_FIRST


def paths(family: Mapping[str, Any]) -> list[str]:
    """The paths of a family, from the host's root."""
    return [family["path"], *family.get("subpaths", ())]


def family_rule(requirement: str) -> Rule:
    """The rule of one family: each of its paths answers 503 not_available."""

    @rule(requirement, on=is_refused_family)
    def family_is_not_available(x: Exchange, contract: Contract) -> Problems:
        families = contract.trait("refused_families", ())
        yield from _refusal(x, (family for family in families if family["requirement"] == requirement))

    return family_is_not_available


embeddings, images, audio, video, moderations, fine_tuning = map(
    family_rule, ("VT-020", "VT-021", "VT-022", "VT-023", "VT-024", "VT-025")
)


@rule("VT-079", on=is_refused_family)
def every_family_is_not_available(x: Exchange, contract: Contract) -> Problems:
    """Whatever the method, a refused family answers 503 not_available in the common envelope."""
    yield from _refusal(x, contract.trait("refused_families", ()))


def _refusal(x: Exchange, families: Iterable[Mapping[str, Any]]) -> Problems:
    if not any(path(x).rstrip("/").endswith(known) for family in families for known in paths(family)):
        return
    if x.head_status != STATUS:
        yield Problem(f"{path(x)} is not refused with 503", str(STATUS), str(x.head_status))
    if error_code(x) != CODE:
        yield Problem(f"{path(x)} is not refused as not_available", CODE, str(error_code(x))[:80])
