"""A text that matches a simple regular expression: literals, classes and repetitions, no alternatives."""

from __future__ import annotations

import re

_CLASSES = {"d": "1", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a"}
_ATOM = re.compile(r"\\(.)|\[(\^?)([^\]]*)\]|(\.)|([^\\\[\]().|?*+{}^$])")
_REPEAT = re.compile(r"\{(\d+)(?:,\d*)?\}|([?*+])")


def from_pattern(pattern: str, at_least: int = 0) -> str:
    """A text for patterns made of literals, classes and repetitions; groups and alternatives are beyond it."""
    text, at = "", int(pattern.startswith("^"))
    while at < len(pattern) and pattern[at] != "$":
        atom = _ATOM.match(pattern, at)
        if atom is None:
            at += 1
            continue
        at = atom.end()
        times, unbounded = 1, False
        if repeat := _REPEAT.match(pattern, at):
            at = repeat.end()
            unbounded = repeat[2] in ("*", "+") or repeat[0].endswith(",}")
            times = int(repeat[1]) if repeat[1] else 1 if repeat[2] == "+" else 0
        times += max(0, at_least - len(text) - times) if unbounded else 0
        text += _sample(atom) * times
    return text


def _sample(atom: re.Match[str]) -> str:
    if atom[1]:
        return _CLASSES.get(atom[1], atom[1])
    if atom[3] is not None:
        if not atom[2]:
            return _CLASSES.get(atom[3][1], atom[3][1]) if atom[3].startswith("\\") else atom[3][0]
        return next(char for char in "aA0 -_~" if not re.match(f"[{atom[3]}]", char))
    return atom[5] or "a"
