"""The waivers a run was given, and what became of each. One that is red is never shown as one among others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HEAD = ("Waiver", "State", "Until", "Owner", "Reason", "Link", "What became of it")
HOLDING = frozenset({"applied", "partial", "broader"})  # states in which what a waiver names is accepted


def rows(results: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A line a waiver under HEAD, those that are red first; none in results without waivers."""
    found = sorted(results.get("waivers") or [], key=lambda waiver: (not waiver["red"], waiver["requirement"]))
    return [(w["requirement"], state(w), w["expires"], w["owner"], w["reason"], w["link"], w["said"]) for w in found]


def state(waiver: Mapping[str, Any]) -> str:
    """Its state as a word; red ones in capitals."""
    name = str(waiver["state"])
    return name.upper() if waiver["red"] else name


def holding(results: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Why a finding is accepted, by requirement and signature; also where others of the requirement are not."""
    found = [waiver for waiver in results.get("waivers") or [] if waiver["state"] in HOLDING]
    return {(waiver["requirement"], name): _why(waiver) for waiver in found for name in waiver["signatures"]}


def _why(waiver: Mapping[str, Any]) -> str:
    return f"waived until {waiver['expires']} by {waiver['owner']}: {waiver['reason']} ({waiver['link']})"


def red(results: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The waivers that keep the run from conforming."""
    return [waiver for waiver in results.get("waivers") or [] if waiver["red"]]
