"""Gateways that bill wrong, by the name of the cause that should be named: request in, wrong lines of the ledger out.

Each reckons in Decimal, by a way of its own, what such a gateway would charge. The traits say which requests it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any

from tests.reconcile.lab import MARKUP, PRICES, Asked, charge, rounded, worth

Lines = list[dict[str, Any]]


@dataclass(frozen=True)
class Fault:
    bill: Callable[[Asked], Lines]
    needs: Mapping[str, Any] = field(default_factory=dict)  # members of the requests that it can spoil


def _amount(nano: Callable[[Asked], Decimal], **needs: Any) -> Fault:
    return Fault(lambda a: [charge(a, rounded(nano(a)))], needs)


def _tokens(counted: Callable[[Asked], tuple[int, ...]], **needs: Any) -> Fault:
    """Other prompt, completion and cached tokens, at the right price."""
    return _amount(lambda a: worth(a.model, *counted(a)), **needs)


def _to(unit: int, mode: str) -> Fault:
    return Fault(lambda a: [charge(a, rounded(a.exact, unit, mode))])


def _lines(a: Asked) -> Lines:
    parts = worth(a.model, a.prompt, 0, a.cached), worth(a.model, 0, a.completion)
    return [charge(a, sum(map(rounded, parts)))]


def _swapped(a: Asked) -> Decimal:
    price = PRICES[a.model]
    plain = (a.prompt - a.cached) * price["completion"] + a.completion * price["prompt"] + a.cached * price["cached"]
    return plain * 1000


def _refund(a: Asked, nano: int) -> dict[str, Any]:
    return charge(a, nano, kind="refund")


CACHED, REASONED, CHOICES = {"cached": True}, {"reasoning": True}, {"n": 3}
FAULTS: dict[str, Fault] = {
    "charged-again": Fault(lambda a: [charge(a), charge(a)]),
    "charged-double": Fault(lambda a: [charge(a, 2 * a.due)]),
    "charged-refused": Fault(lambda a: [charge(a, rounded(a.exact))], {"outcome": "refused"}),
    "charged-failed": Fault(lambda a: [charge(a, rounded(a.exact))], {"outcome": "failed"}),
    "refunded-twice": Fault(lambda a: [charge(a, 3 * a.due), _refund(a, 2 * a.due), _refund(a, 2 * a.due)]),
    "refunded-whole": Fault(lambda a: [charge(a), _refund(a, a.due)]),
    "hold-kept": Fault(lambda a: [charge(a, 3 * a.due + 7, kind="hold"), charge(a, 3 * a.due + 7)]),
    "max-tokens": _tokens(lambda a: (a.prompt, a.max_tokens * a.n)),
    "cumulative-usage": _tokens(lambda a: (a.prompt, a.parts, a.cached), parts=True),
    "cached-full-price": _tokens(lambda a: (a.prompt, a.completion, 0), **CACHED),
    "cached-twice": _amount(lambda a: worth(a.model, a.prompt + a.cached, a.completion, a.cached), **CACHED),
    "cached-added": _amount(lambda a: a.exact + worth(a.model, a.cached, 0), **CACHED),
    "cached-free": _tokens(lambda a: (a.prompt - a.cached, a.completion, 0), **CACHED),
    "reasoning-twice": _tokens(lambda a: (a.prompt, a.completion + a.reasoning, a.cached), **REASONED),
    "reasoning-missing": _tokens(lambda a: (a.prompt, a.completion - a.reasoning, a.cached), **REASONED),
    "per-token": _amount(lambda a: a.exact * 1_000_000),
    "per-thousand": _amount(lambda a: a.exact * 1000),
    "thousandth": _amount(lambda a: a.exact / 1000),
    "markup-missing": _amount(lambda a: a.exact / Decimal(MARKUP)),
    "markup-twice": _amount(lambda a: a.exact * Decimal(MARKUP)),
    "prices-swapped": _amount(_swapped),
    "rounded-per-line": Fault(_lines),
    "rounded-up-nano": _to(1, ROUND_CEILING),
    "rounded-down-nano": _to(1, ROUND_FLOOR),
    "rounded-half-up-micro": _to(1000, ROUND_HALF_UP),
    "rounded-up-micro": _to(1000, ROUND_CEILING),
    "rounded-up-cent": _to(10**7, ROUND_CEILING),
    "choices-once": _tokens(lambda a: (a.prompt, a.completion // 3 + 1, a.cached), **CHOICES),
    "prompt-per-choice": _tokens(lambda a: (a.prompt * a.n, a.completion, a.cached), **CHOICES),
    "prompt-free": _tokens(lambda a: (0, a.completion, 0)),
    "completion-free": _tokens(lambda a: (a.prompt, 0)),
    "prompt-twice": _tokens(lambda a: (2 * a.prompt, a.completion)),
    "completion-twice": _tokens(lambda a: (a.prompt, 2 * a.completion)),
    "estimated": _tokens(lambda a: (a.prompt, -(-a.size // 4), a.cached), size=True),
    "price-of-another-model": _amount(lambda a: worth("org/large", a.prompt, a.completion)),
    "uncharged-interrupted": Fault(lambda a: [charge(a, 0)], {"outcome": "aborted"}),
    "uncharged": Fault(lambda a: [charge(a, 0)]),
    "not-in-ledger": Fault(lambda a: []),
    "not-on-wire": Fault(lambda a: [charge(a), charge(a, 12345, request_id=f"ghost-{a.id}")]),
    "charged-more": Fault(lambda a: [charge(a), charge(a, 2 * a.due // 3 + 1)]),
    "other-counts": Fault(
        lambda a: [
            charge(
                a,
                rounded(worth(a.model, a.prompt + 13, a.completion + 5)),
                prompt_tokens=a.prompt + 13,
                completion_tokens=a.completion + 5,
            )
        ]
    ),
}
