"""Log probabilities: plausible, never above zero, and one entry for every token that is delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

_OTHERS: tuple[str, ...] = (
    "the",
    " a",
    " of",
    " and",
    " to",
    ".",
    ",",
    " in",
    " is",
    " it",
    "\n",
    " one",
    " as",
    " by",
    " on",
)
_OTHERS += (" at", " or", " an", " be", " no", " so")


def wants_logprobs(body: dict[str, Any]) -> bool:
    """Whether a request asks for them; top_logprobs 0 does not take that back."""
    return bool(body.get("logprobs"))


def logprobs(token: bytes, top: int, rng: random.Random) -> list[dict[str, Any]]:
    """The entry of one token with `top` alternatives, likeliest first; the token itself leads them."""
    chosen = -round(rng.random(), 6)
    entry = _entry(token, chosen)
    others = [_entry(text.encode(), round(chosen - n, 6)) for n, text in enumerate(_OTHERS[: max(top - 1, 0)], 1)]
    return [{**entry, "top_logprobs": [entry, *others] if top else []}]


def _entry(token: bytes, logprob: float) -> dict[str, Any]:
    return {"token": readable(token), "logprob": logprob, "bytes": list(token)}


def readable(token: bytes) -> str:
    """The token as text; half a character is spelled in hexadecimal escapes, its bytes say it exactly."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token)
