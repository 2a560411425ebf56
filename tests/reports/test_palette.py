"""Colours of the page: every text stands out from what lies behind it (WCAG AA, 4.5 to 1), in light and in dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import reports

STYLE = (Path(reports.__file__).parent / "templates" / "style.css").read_text()
PAIRS = [
    *[(text, ground) for text in ("ink", "soft", "accent") for ground in ("page", "card", "sunk")],
    *[
        (name, ground)
        for name in ("fail", "error", "warn", "pass", "rest")
        for ground in (f"{name}-wash", "card", "page")
    ],
]


def palette(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))


LIGHT, DARK = (palette(block) for block in STYLE.split("@media screen and (prefers-color-scheme: dark)")[:2])


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(colours: dict[str, str], *names: str) -> float:
    darker, lighter = sorted(luminance(colours[name]) for name in names)
    return (lighter + 0.05) / (darker + 0.05)


BOTH = pytest.mark.parametrize("colours", [LIGHT, LIGHT | DARK], ids=["light", "dark"])


@pytest.mark.parametrize(("text", "ground"), PAIRS)
@BOTH
def test_text_stands_out(colours: dict[str, str], text: str, ground: str) -> None:
    assert contrast(colours, text, ground) >= 4.5


@pytest.mark.parametrize("line", ["s1", "s2", "s3", "s4"])
@BOTH
def test_a_line_of_a_chart_stands_out_and_is_no_outcome(colours: dict[str, str], line: str) -> None:
    assert contrast(colours, line, "card") >= 3
    assert colours[line] not in {colours[name] for name in ("fail", "error", "warn", "pass")}
