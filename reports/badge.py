"""A badge for a README: contract, verdict and how much of it was seen. One on test roots says so, in amber."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from reports import legible, phrases

COLOURS = {"conforms": "#1d6b3f", "does-not-conform": "#b3261e", "incomplete": "#8a5a00", "harness-fault": "#7b3aa8"}
TEST_COLOUR = "#8a5a00"  # a green badge must not hide that no real hardware was judged
_WIDE, _SLIM, _OTHER = set("mwMW@%"), set("fijlrtI.,:;'|!() "), 6.6
PADDING = 8


def render(results: Mapping[str, Any]) -> str:
    """The SVG. Text is stretched to its box, so that it fits whichever font a reader has."""
    left = legible.line(f"assay {results['contract']['name']}", 60)
    right = legible.line(_said(results), 80)
    first, second = width(left) + 2 * PADDING, width(right) + 2 * PADDING
    roots = results["target"].get("test_roots") and results["verdict"] == "conforms"
    colour = TEST_COLOUR if roots else COLOURS.get(results["verdict"], "#566072")
    return SVG.format(
        total=first + second,
        first=first,
        second=second,
        colour=colour,
        title=escape(f"{left}: {right}", {'"': "&quot;"}),
        left=_words(left, PADDING, first - 2 * PADDING),
        right=_words(right, first + PADDING, second - 2 * PADDING),
    )


def _said(results: Mapping[str, Any]) -> str:
    counts = phrases.tally(results)
    seen = sum(counts.get(name, 0) for name in ("fail", "warn", "pass", "waived"))
    accepted = f", {counts['waived']} waived" if counts.get("waived") else ""  # a breach is not what held
    return f"{phrases.headline(results)}, {counts.get('pass', 0)} of {seen}{accepted}"


def width(text: str) -> int:
    """About as wide as 11 pixel Verdana, in pixels."""
    return round(sum(10.0 if char in _WIDE else 4.2 if char in _SLIM else _OTHER for char in text))


def _words(text: str, x: int, length: int) -> str:
    return f'<text x="{x}" y="14" textLength="{length}" lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'


SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="20" viewBox="0 0 {total} 20" role="img" \
aria-label="{title}"><title>{title}</title><clipPath id="r"><rect width="{total}" height="20" rx="4"/></clipPath>\
<g clip-path="url(#r)"><rect width="{first}" height="20" fill="#2b3442"/><rect x="{first}" width="{second}" \
height="20" fill="{colour}"/></g><g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">\
{left}{right}</g></svg>
"""
