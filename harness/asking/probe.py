"""A probe: a call worth paying for once, with its price tag. A session fixture that serves many checks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from harness.asking.ask import Ask


@dataclass(frozen=True)
class Cost:
    """Upper bounds of what a probe or a test asks for, over all its calls."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    kind: str = "chat"  # of the model that is asked, by which the tokens are priced

    def __mul__(self, times: int) -> Cost:
        tokens = self.prompt_tokens * times, self.completion_tokens * times
        return Cost(self.calls * times, *tokens, self.kind)


FREE = Cost()


def cost_of(function: Any, profile: str = "standard") -> Cost:
    """The price tag of a fixture's function in a profile; FREE when it has none."""
    found = getattr(function, "__assay_costs__", {}).get(profile) or getattr(function, "__assay_cost__", FREE)
    return found if isinstance(found, Cost) else FREE


def probe(
    *,
    calls: int,
    prompt_tokens: int = 30,
    completion_tokens: int = 0,
    kind: str = "chat",
    costs: Mapping[str, Cost] | None = None,
) -> Callable[[Callable[..., Any]], Any]:
    """Make a session fixture of a function that asks; its cost is `__assay_cost__` of the fixture's function.

    `costs` holds the price tags of profiles in which the probe asks for more, or for less.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        @functools.wraps(function)
        def asked(**fixtures: Any) -> Any:
            ask = next((value for value in fixtures.values() if isinstance(value, Ask)), None)
            if ask is None:
                return function(**fixtures)
            with ask.asking(function.__name__):
                return function(**fixtures)

        asked.__assay_cost__ = Cost(calls, prompt_tokens, completion_tokens, kind)  # type: ignore[attr-defined]
        asked.__assay_costs__ = dict(costs or {})  # type: ignore[attr-defined]
        return pytest.fixture(scope="session")(asked)

    return decorate
