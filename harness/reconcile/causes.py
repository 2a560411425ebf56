"""Known ways in which a bill goes wrong, as data: what is true of a request whose charge went wrong in this way.

Conditions are SQL over one request. p, c, k, r: prompt, completion, cached, reasoning tokens; n, m: choices and
max_tokens asked; pp, cp, kp: atto-USD a token; exact: what is due, unrounded, in atto-USD; due, net: nano-USD owed and
charged. They only hold where the charge is not what is due. A cause says "consistent with", never "because".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SPECIFIC, GENERIC, LAST = 1, 2, 3  # a generic cause names what the specific ones leave, and the last ones that
MATCHED, MISSING, UNKNOWN = ("matched",), ("missing",), ("unknown",)


@dataclass(frozen=True)
class Cause:
    """One way to go wrong. `when` may hold $names that the context fills in."""

    name: str
    says: str
    when: str
    rank: int = SPECIFIC
    on: tuple[str, ...] = MATCHED  # where the request is found: in both, missing from the ledger, unknown to the wire


def _for(tokens: str) -> str:
    """The charge is what these tokens (prompt, completion, cached) come to."""
    return f"net = nano(worth({tokens}, pp, cp, kp))"


def _rounded(unit: int, mode: str) -> str:
    """The charge is the exact amount rounded to so many nano-USD."""
    atto = unit * 10**9
    whole = {
        "up": f"(exact + {atto - 1}) // {atto}",
        "down": f"exact // {atto}",
        "half up": f"(2 * exact + {atto}) // {2 * atto}",
        "half to even": f"divided(exact, {atto}::HUGEINT)",
    }[mode]
    return f"net = ({whole}) * {unit}"


_CACHED = "k > 0 AND kp IS NOT NULL AND "
CAUSES: Final[tuple[Cause, ...]] = (
    Cause(
        "charged-again",
        "one request was charged more than once",
        "charges > 1 AND due > 0 AND net > due AND net % due = 0",
    ),
    Cause("charged-double", "the whole charge was doubled in one entry", "charges = 1 AND due > 0 AND net = 2 * due"),
    Cause(
        "refund-missing",
        "a charge for a request that came to nothing was not refunded, where this ledger refunds others",
        "due = 0 AND net > 0 AND refunds = 0 AND charges > 0 AND outcome IN ('failed', 'refused') AND $refunds",
    ),
    Cause(
        "charged-refused",
        "a request that was refused (4xx) was charged",
        "due = 0 AND net > 0 AND outcome = 'refused'",
    ),
    Cause(
        "charged-failed",
        "a request that failed before its answer (5xx, no connection) was charged",
        "due = 0 AND net > 0 AND outcome = 'failed'",
    ),
    Cause("refunded-twice", "one charge was refunded twice", "refunds > 1 AND net + largest_refund = due"),
    Cause("refunded-whole", "all was refunded, not what was too much", "refunds > 0 AND due > 0 AND net = 0"),
    Cause("hold-kept", "the whole reserved amount was charged", "holds > 0 AND held > 0 AND net = held"),
    Cause("max-tokens", "max_tokens was charged, not what was generated", _for("p, m * n, k")),
    Cause(
        "cumulative-usage",
        "running totals of usage were added up, chunk by chunk",
        f"{_for('parts_prompt, parts_completion, k')} OR {_for('p, parts_completion, k')}",
    ),
    Cause(
        "cached-full-price",
        "cached tokens were charged at the full price",
        _CACHED + _for("p, c, 0"),
    ),
    Cause(
        "cached-twice",
        "cached tokens were charged at the full price and at the cache price",
        _CACHED + "net = nano(worth(p, c, 0, pp, cp, kp) + k * kp)",
    ),
    Cause(
        "cached-added",
        "cached tokens were added to a prompt that already contains them",
        f"k > 0 AND (net = nano(exact + k::HUGEINT * pp) OR {_for('p + k, c, 0')})",
    ),
    Cause(
        "cached-free",
        "cached tokens were not charged",
        "k > 0 AND " + _for("p - least(k, p), c, 0"),
    ),
    Cause(
        "reasoning-twice",
        "reasoning tokens were added to completion tokens that already contain them",
        "r > 0 AND " + _for("p, c + r, k"),
    ),
    Cause("reasoning-missing", "reasoning tokens were not charged", "r BETWEEN 1 AND c AND " + _for("p, c - r, k")),
    Cause("per-token", "a price per million was used as one per token", "exact > 0 AND abs(net - exact // 1000) <= 1"),
    Cause(
        "per-thousand",
        "a price per million was used as a price per thousand",
        "exact > 0 AND abs(net - exact // 1000000) <= 1",
    ),
    Cause(
        "thousandth",
        "the charge is a thousandth of what is due: a unit of price or ledger is confused",
        "net > 0 AND abs(net - exact // 1000000000000) <= 1 AND due > 1000",
    ),
    Cause(
        "millionth",
        "the charge is a millionth of what is due: a unit of price or ledger is confused",
        "net > 0 AND abs(net - exact // 1000000000000000) <= 1 AND due > 1000000",
    ),
    Cause(
        "markup-missing",
        "the markup was left out",
        "$markup_over <> $markup_under AND net = divided(exact * $markup_under, 1000000000::HUGEINT * $markup_over)",
    ),
    Cause(
        "markup-twice",
        "the markup was applied twice",
        "$markup_over <> $markup_under AND net = divided(exact * $markup_over, 1000000000::HUGEINT * $markup_under)",
    ),
    Cause(
        "uncharged-interrupted",
        "a stream that broke off was not charged for what it delivered",
        "net = 0 AND due > 0 AND outcome IN ('aborted', 'fallback', 'stream-error')",
        SPECIFIC,
        MATCHED + MISSING,
    ),
    Cause("uncharged", "the ledger has an entry but no charge", "net = 0 AND due > 0"),
    Cause("prices-swapped", "prices of prompt and completion were swapped", "net = nano(worth(p, c, k, cp, pp, kp))"),
    Cause(
        "rounded-per-line",
        "prompt and completion were rounded apart, and then added",
        "net = nano(exact - c::HUGEINT * cp) + nano(c::HUGEINT * cp)",
    ),
    *(
        Cause(
            f"rounded-{mode.replace(' ', '-')}-{name}",
            f"charges were rounded {mode} to {words}",
            _rounded(unit, mode),
        )
        for name, words, unit in (
            ("nano", "a nano-USD", 1),
            ("micro", "a micro-USD", 10**3),
            ("hundredth-cent", "a hundredth of a cent", 10**5),
            ("cent", "a cent", 10**7),
        )
        for mode in ("up", "down", "half up", "half to even")
        if not (unit == 1 and mode == "half to even")  # that is what is due
    ),
    Cause("choices-once", "one of n choices was charged", "n > 1 AND cp > 0 AND c > n AND $one_choice"),
    Cause("prompt-per-choice", "the prompt was charged once for each choice", "n > 1 AND " + _for("p * n, c, k")),
    Cause("prompt-free", "prompt tokens were not charged", "p > 0 AND " + _for("0, c, 0")),
    Cause("completion-free", "completion tokens were not charged", "c > 0 AND " + _for("p, 0, k")),
    Cause("prompt-twice", "prompt tokens were counted twice", "p > 0 AND " + _for("2 * p, c, k")),
    Cause("completion-twice", "completion tokens were counted twice", "c > 0 AND " + _for("p, 2 * c, k")),
    Cause(
        "estimated",
        "tokens estimated from the size of the content were charged, not those reported",
        "bytes > 0 AND " + _for("p, (bytes + 3) // 4, k"),
    ),
    Cause("price-of-another-time", "a price that the catalogue showed at another time was used", "$other_times"),
    Cause("price-of-another-model", "another model's price was used", "$other_models"),
    Cause(
        "window-shifted",
        "the ledger leaves out an edge of the window, as one in another time zone does",
        "$outside",
        SPECIFIC,
        MISSING,
    ),
    Cause(
        "not-in-ledger",
        "the ledger has no entry for this request",
        "due > 0",
        GENERIC,
        MISSING,
    ),
    Cause("not-on-wire", "the ledger charges for a request that was not seen", "TRUE", GENERIC, UNKNOWN),
    Cause(
        "other-counts",
        "the ledger counted other tokens than the answer reported, and priced them right",
        "(told_prompt <> p OR told_completion <> c) AND " + _for("told_prompt, told_completion, k"),
        GENERIC,
    ),
    Cause(
        "charged-more",
        "a further charge of another amount for one request",
        "charges > 1 AND net > due",
        LAST,
    ),
)
